// Mistakes planted in the kernels (SLUICE_MUTANT): the tests of tests/backends, run with each, must find it.
#include <gmock/gmock.h>

#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <string>
#include <vector>

#include "engine/backend.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// How a mutant shows: in wrong results, on any GPU or for certain only on the virtual one's weak memory
// (VGPU_WEAK=1); or, where results may hide it, in the virtual GPU's reports: races of warps on shared memory
// (VGPU_RACE=1), races of blocks on global memory (VGPU_RACE=2).
enum class Shows { in_results, on_weak_memory, as_shared_race, as_global_race };

struct Mutant {
  const char* name;   // as in SLUICE_MUTANT(name)
  const char* tests;  // those that must find it, as for --gtest_filter; they pass without it
  Shows shows = Shows::in_results;
};

constexpr const char* kSeveralBlocks = "Persistent.uneven_lengths_over_several_blocks";

const std::vector<Mutant> kMutants = {
    {"gates_swapped", "RnnMutation.unchanged_oracle_passes/cuda_f32_step"},
    {"prefix_off_by_one", "RnnMutation.unchanged_oracle_passes/cuda_f32_step"},
    {"recurrence_without_bias", "RnnMutation.unchanged_oracle_passes/cuda_f32_step"},
    {"mask_counter", "RnnRegularised.recurrent_dropout_equals_the_oracle/cuda_f32_step"},
    {"zoneout_counter", "RnnRegularised.zoneout_equals_the_oracle/cuda_f32_step"},
    {"dropout_counter", "DropoutTest.equals_the_oracle_with_masks_to_the_bit/cuda_f32"},
    {"padding_counted", "BatchNormTest.equals_the_oracle/cuda_f32_padded"},
    {"linear_without_bias", "Linear.bias_may_lie_anywhere/cuda_f32"},
    {"columns_without_barrier", "BatchNormTest.equals_the_oracle/cuda_f32", Shows::as_shared_race},
    {"block_without_barrier", "Clip.sum_of_squares_adds_to_what_is_there/cuda_f32", Shows::as_shared_race},
    {"publish_without_barrier", kSeveralBlocks, Shows::as_global_race},
    {"publish_without_release", kSeveralBlocks, Shows::as_global_race},
    {"publish_without_release", kSeveralBlocks, Shows::on_weak_memory},
    {"wait_without_acquire", kSeveralBlocks, Shows::as_global_race},
    {"wait_without_barrier", kSeveralBlocks, Shows::as_global_race},
    {"wait_skipped", kSeveralBlocks, Shows::on_weak_memory},
    {"wait_for_the_epoch_before", kSeveralBlocks, Shows::as_global_race},
    {"one_exchange_buffer", kSeveralBlocks, Shows::as_global_race},
    {"one_buffer_filled", kSeveralBlocks, Shows::on_weak_memory},
    {"ring_not_awaited", kSeveralBlocks, Shows::on_weak_memory},
    {"forward_tile_without_barrier", kSeveralBlocks, Shows::as_shared_race},
    {"forward_sums_without_barrier", kSeveralBlocks, Shows::as_shared_race},
    {"backward_tile_without_barrier", kSeveralBlocks, Shows::as_shared_race},
    {"backward_sums_without_barrier", kSeveralBlocks, Shows::as_shared_race},
};

// Of seven multiprocessors each does several warps' work on several rows.
const char* mode_of(Shows shows) {
  switch (shows) {
    case Shows::in_results:
      return "";
    case Shows::on_weak_memory:
      return "VGPU_SMS=7 VGPU_WEAK=1 ";
    case Shows::as_shared_race:
      return "VGPU_RACE=1 ";
    case Shows::as_global_race:
      return "VGPU_SMS=7 VGPU_RACE=2 ";
  }
  return "";
}

const char* report_of(Shows shows) {
  switch (shows) {
    case Shows::as_shared_race:
      return "race on shared memory";
    case Shows::as_global_race:
      return "DATA RACE";
    default:
      return "[  FAILED  ] 1 test";
  }
}

void PrintTo(const Mutant& mutant, std::ostream* out) {
  *out << mutant.name;
}

struct Outcome {
  int status = 0;
  std::string text;
};

// Runs the tests with kernels that are `mutant`; "" for none.
Outcome run(const std::string& mutant, const Mutant& m) {
  const std::string command = mode_of(m.shows) + ("SLUICE_MUTANT=" + mutant) +
                              " '" SLUICE_MUTANTS "' '--gtest_filter=" + m.tests + "' 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return {-1, "popen failed"};
  Outcome outcome;
  char buffer[4096];
  while (const size_t count = std::fread(buffer, 1, sizeof buffer, pipe)) outcome.text.append(buffer, count);
  outcome.status = pclose(pipe);
  return outcome;
}

class Mutants : public testing::TestWithParam<Mutant> {};

TEST_P(Mutants, are_found) {
  const Mutant& mutant = GetParam();
  if (mutant.shows != Shows::in_results &&
      make_backend({.device = Device::cuda})->describe().find("vgpu") == std::string::npos)
    GTEST_SKIP() << "a GPU reports no races: compute-sanitizer --tool racecheck does";
  const Outcome healthy = run("", mutant);
  EXPECT_EQ(healthy.status, 0) << healthy.text;
  EXPECT_THAT(healthy.text, AllOf(HasSubstr("[  PASSED  ] 1 test."), Not(HasSubstr("DATA RACE"))));
  const Outcome mutated = run(mutant.name, mutant);
  EXPECT_THAT(mutated.text, HasSubstr(report_of(mutant.shows)));
  // The virtual GPU reports a race of blocks and goes on.
  if (mutant.shows != Shows::as_global_race) {
    EXPECT_NE(mutated.status, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(, Mutants, testing::ValuesIn(kMutants), [](const auto& test) {
  return test.param.name + std::string(test.param.shows == Shows::on_weak_memory ? "_on_weak_memory" : "");
});

}  // namespace
}  // namespace sluice
