// The exchange of a team by flags: what its blocks hand to each other lies in global memory. Note [Exchange].
#pragma once

#include "kernels/core/flags.cuh"
#include "kernels/core/mutant.h"
#include "kernels/recurrence_persistent/team.cuh"

namespace sluice::cuda {

class FlagExchange {
 public:
  static constexpr bool kCluster = false;

  __device__ FlagExchange(const PersistentPlan& plan, const Layouts& /*layouts*/, const Team& team,
                          const Exchange& exchange)
      : blocks_(plan.blocks),
        patience_(exchange.patience),
        team_(team),
        flags_(exchange.flags + static_cast<int>(blockIdx.x) / blocks_ * blocks_) {}

  // Says that this block has once more handed over its share. All threads of the block call it.
  __device__ void publish() {
    ++published_;
    if (!SLUICE_MUTANT(publish_without_barrier)) __syncthreads();
    if (threadIdx.x != 0) return;
    uint32_t* flag = flags_ + team_.block;
    if (SLUICE_MUTANT(publish_without_release))
      *static_cast<volatile uint32_t*>(flag) = published_;
    else
      release_flag(flag, published_);
  }

  // Waits until every block of the team has published as often as this one. False: one did not come, and the
  // kernel must end.
  __device__ bool wait(int at_step) const {
    if (SLUICE_MUTANT(wait_skipped)) return true;
    const uint32_t epoch = published_ - (SLUICE_MUTANT(wait_for_the_epoch_before) ? 1 : 0);
    int lost = 0;
    for (int other = static_cast<int>(threadIdx.x); other < blocks_ && threadIdx.x < 32; other += 32) {
      int64_t looks = 0;
      while (looks < patience_ && look(flags_ + other) < epoch) ++looks;
      lost |= looks == patience_;
    }
    if (SLUICE_MUTANT(wait_without_barrier)) return true;
    if (!__syncthreads_or(lost)) return true;
    if (threadIdx.x == 0) team_.report_lost(at_step);
    return false;
  }

 private:
  __device__ static uint32_t look(const uint32_t* flag) {
    if (SLUICE_MUTANT(wait_without_acquire)) return *static_cast<const volatile uint32_t*>(flag);
    return acquire_flag(flag);
  }

  int blocks_;
  int64_t patience_;
  const Team& team_;
  uint32_t* flags_;
  uint32_t published_ = 0;
};

}  // namespace sluice::cuda
