// The exchange of a team that is a cluster: each block holds in its shared memory what all of them hand over,
// and writes its own share into the others'. Note [Exchange].
//
// PTX ISA 9.7.9.13 st.async: the store counts its bytes at an mbarrier of the block that it writes to;
// whoever sees that barrier's phase complete, by an acquire, sees what was stored. Phase n completes when its
// owner has said how many bytes it expects (its one arrival) and all have come. Bytes may come before that,
// but not in the phase before: a block sends those of n + 2 after it has all of n + 1, whose senders had all
// of n. So two barriers do.
#pragma once

#include "kernels/core/mutant.h"
#include "kernels/recurrence_persistent/team.cuh"

namespace sluice::cuda {

class ClusterExchange {
 public:
  static constexpr bool kCluster = true;

  __device__ ClusterExchange(const PersistentPlan& plan, const Layouts& layouts, const Team& team,
                             const Exchange& exchange)
      : blocks_(plan.blocks),
        patience_(exchange.patience),
        stride_(layouts.product.stride),
        sent_(layouts.sent),
        sent_of_row_(layouts.sent_of_row),
        sent_of_segment_(layouts.sent_of_segment),
        team_(team) {
    __shared__ uint64_t barriers[2];
    barriers_ = address_of(barriers);
  }

  // Before the first exchange: all blocks of the team are there, and what they have written until now is
  // seen. The barriers too, by what meet() releases: their fence is PTX's idiom, once a launch.
  __device__ void begin() const {
    if (threadIdx.x == 0) {
      for (uint32_t barrier = 0; barrier < 2; ++barrier)
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(barriers_ + 8 * barrier) : "memory");
      asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    if (!SLUICE_MUTANT(cluster_begins_alone)) meet();
  }
  // Nobody writes into the shared memory of a block that has ended.
  __device__ void end() const { meet(); }

  // Rows of a wave from `from` on, in each `columns` of its segments, which lie `apart` from each other: to
  // the same place of the other blocks. All threads call it, after a barrier; so was the last read of that
  // place in this block before one.
  template <class T>
  __device__ void send(const T* from, int rows, int apart, int columns) const {
    constexpr int kWide = 16 / static_cast<int>(sizeof(T));
    const uint32_t barrier = barrier_of(waits_);
    for (int i = static_cast<int>(threadIdx.x); i < (blocks_ - 1) * sent_.d; i += kPersistentThreads) {
      const int turn = sent_.of(i), in_wave = sent_.rest(i), row = sent_of_row_.of(in_wave),
                in_row = sent_of_row_.rest(in_wave), segment = sent_of_segment_.of(in_row),
                column = sent_of_segment_.rest(in_row) * kWide;
      if (row >= rows || column >= columns) continue;
      const int next = team_.block + 1 + turn, peer = next < blocks_ ? next : next - blocks_;
      const T* value = from + row * stride_ + segment * apart + column;
      store(mapped(address_of(value), peer), *reinterpret_cast<const uint4*>(value), mapped(barrier, peer));
    }
  }

  // Waits until `bytes` have come of what was sent next. False: they did not; the kernel must end.
  __device__ bool wait(int bytes, int at_step) {
    const uint32_t n = waits_++, barrier = barrier_of(n);
    if (threadIdx.x == 0)
      asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                   : "memory");
    if (SLUICE_MUTANT(cluster_wait_skipped)) return true;
    // A look may last: the hardware suspends the thread for a while.
    int64_t looks = 0;
    while (looks < patience_ && !completed(barrier, n / 2 % 2)) ++looks;
    if (looks < patience_) return true;
    team_.report_lost(at_step);
    return false;
  }

 private:
  __device__ static uint32_t address_of(const void* shared) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  }
  __device__ uint32_t barrier_of(uint32_t phase) const {
    return barriers_ + 8 * (SLUICE_MUTANT(one_cluster_barrier) ? 0 : phase % 2);
  }
  __device__ static uint32_t mapped(uint32_t address, int block) {
    uint32_t there = 0;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(address), "r"(block));
    return there;
  }
  __device__ static void store(uint32_t to, uint4 value, uint32_t barrier) {
    asm volatile(
        "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], {%1,%2,%3,%4}, [%5];" ::"r"(to),
        "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w), "r"(barrier)
        : "memory");
  }
  __device__ static bool completed(uint32_t barrier, uint32_t parity) {
    uint32_t done = 0;
    asm volatile(
        "{ .reg .pred p; mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], %2; "
        "selp.u32 %0, 1, 0, p; }"
        : "=r"(done)
        : "r"(barrier), "r"(parity)
        : "memory");
    return done != 0;
  }
  // Blocks that are teams by themselves are launched without clusters.
  __device__ void meet() const {
    if (blocks_ == 1)
      __syncthreads();
    else
      asm volatile("barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;" ::
                       : "memory");
  }

  int blocks_;
  int64_t patience_;
  int stride_;  // of a row
  Divisor sent_, sent_of_row_, sent_of_segment_;
  const Team& team_;
  uint32_t barriers_;   // two
  uint32_t waits_ = 0;  // as many were sent, when the next is
};

}  // namespace sluice::cuda
