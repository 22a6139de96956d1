// Mistakes planted in the kernels (SLUICE_MUTANT): the tests of tests/backends, run with each, must find it.
#include <gmock/gmock.h>

#include <cstdio>
#include <cstdlib>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// How a mutant shows: what its run sets, and what is then printed.
struct Shows {
  std::string_view environment, text;
};
// Of seven multiprocessors each does several warps' work on several rows.
constexpr Shows kInResults = {"", "[  FAILED  ] 1 test"},
                kOnWeakMemory = {"VGPU_SMS=7 VGPU_WEAK=1 ", "[  FAILED  ] 1 test"},
                kAsSharedRace = {"VGPU_RACE=1 ", "race on shared memory"},
                kAsGlobalRace = {"VGPU_SMS=7 VGPU_RACE=2 ", "DATA RACE"};

struct Mutant {
  const char* name;   // as in SLUICE_MUTANT(name)
  const char* tests;  // those that must find it, as for --gtest_filter; they pass without it
  Shows shows = kInResults;
};

constexpr const char *kSeveralBlocks = "Persistent.uneven_lengths_over_several_blocks/f32",
                     *kSeveralBlocksHalf = "Persistent.uneven_lengths_over_several_blocks/bf16",
                     *kCluster = "Cluster/Persistent.uneven_lengths_over_several_blocks/f32",
                     *kClusterHalf = "Cluster/Persistent.uneven_lengths_over_several_blocks/bf16",
                     *kClusterInChunks = "PersistentChunks.of_clusters_equal_one_launch/f32_lstm";

constexpr const char* kStudy = "RaggedLstmStudy.leaves_padding_alone/v7_ragged";

const std::vector<Mutant> kMutants = {
    {"gates_swapped", "RnnMutation.unchanged_oracle_passes/cuda_f32_step"},
    {"prefix_off_by_one", "RnnMutation.unchanged_oracle_passes/cuda_f32_step"},
    {"recurrence_without_bias", "RnnMutation.unchanged_oracle_passes/cuda_f32_step"},
    {"mask_counter", "RnnRegularised.recurrent_dropout_equals_the_oracle/cuda_f32_step"},
    {"zoneout_counter", "RnnRegularised.zoneout_equals_the_oracle/cuda_f32_step"},
    {"dropout_counter", "DropoutTest.equals_the_oracle_with_masks_to_the_bit/cuda_f32"},
    {"padding_counted", "BatchNormTest.equals_the_oracle/cuda_f32_padded"},
    {"linear_without_bias", "Linear.bias_may_lie_anywhere/cuda_f32"},
    {"columns_without_barrier", "BatchNormTest.equals_the_oracle/cuda_f32", kAsSharedRace},
    {"block_without_barrier", "Clip.sum_of_squares_adds_to_what_is_there/cuda_f32", kAsSharedRace},
    {"publish_without_barrier", kSeveralBlocks, kAsGlobalRace},
    {"publish_without_release", kSeveralBlocks, kAsGlobalRace},
    {"publish_without_release", kSeveralBlocks, kOnWeakMemory},
    {"wait_without_acquire", kSeveralBlocks, kAsGlobalRace},
    {"wait_without_barrier", kSeveralBlocks, kAsGlobalRace},
    {"wait_skipped", kSeveralBlocks, kOnWeakMemory},
    {"wait_for_the_epoch_before", kSeveralBlocks, kAsGlobalRace},
    {"one_exchange_buffer", kSeveralBlocks, kAsGlobalRace},
    {"one_buffer_filled", kSeveralBlocks, kOnWeakMemory},
    {"ring_not_awaited", kSeveralBlocks, kOnWeakMemory},
    {"forward_tile_without_barrier", kSeveralBlocks, kAsSharedRace},
    {"forward_sums_without_barrier", kSeveralBlocks, kAsSharedRace},
    {"backward_tile_without_barrier", kSeveralBlocks, kAsSharedRace},
    {"backward_sums_without_barrier", kSeveralBlocks, kAsSharedRace},
    {"mma_output_twice", kSeveralBlocksHalf},
    {"other_half_of_a_pair", kSeveralBlocksHalf},
    {"ring_not_awaited", kSeveralBlocksHalf, kOnWeakMemory},
    {"gather_not_awaited", kSeveralBlocksHalf, kOnWeakMemory},
    {"places_one_late", kSeveralBlocksHalf},
    {"one_exchange_buffer", kSeveralBlocksHalf, kAsGlobalRace},
    {"forward_tile_without_barrier", kSeveralBlocksHalf, kAsSharedRace},
    {"forward_sums_without_barrier", kSeveralBlocksHalf, kAsSharedRace},
    {"backward_tile_without_barrier", kSeveralBlocksHalf, kAsSharedRace},
    {"backward_sums_without_barrier", kSeveralBlocksHalf, kAsSharedRace},
    {"cluster_begins_alone", kCluster, kAsGlobalRace},
    {"cluster_wait_skipped", kCluster, kAsGlobalRace},
    {"one_cluster_barrier", kCluster, kAsGlobalRace},
    {"send_without_barrier", kCluster, kAsGlobalRace},
    {"one_exchange_buffer", kCluster, kAsGlobalRace},
    {"cluster_wait_skipped", kClusterHalf, kAsGlobalRace},
    {"send_without_barrier", kClusterHalf, kAsGlobalRace},
    {"one_exchange_buffer", kClusterHalf, kAsGlobalRace},
    {"nothing_taken_up", kClusterInChunks},
    {"take_up_without_barrier", kClusterInChunks, kAsSharedRace},
    {"dc_not_resumed", "PersistentChunks.of_both_directions_equal_one_launch/f32_lstm"},
    {"dh_not_resumed", "PersistentChunks.without_states_and_with_padding_equal_one_launch/f32_lstm"},
    {"study_publish_without_barrier", kStudy, kAsGlobalRace},
    {"study_wait_for_the_epoch_before", kStudy, kAsGlobalRace},
    {"study_prefix_off_by_one", kStudy},
};

void PrintTo(const Mutant& mutant, std::ostream* out) {
  *out << mutant.name;
}

struct Outcome {
  int status = 0;
  std::string text;
};

// Runs the tests with kernels that are `mutant`; "" for none.
Outcome run(const std::string& mutant, const Mutant& m) {
  const std::string command = std::string(m.shows.environment) + "SLUICE_MUTANT=" + mutant +
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
  const Outcome healthy = run("", mutant);
  EXPECT_EQ(healthy.status, 0) << healthy.text;
  EXPECT_THAT(healthy.text, AllOf(HasSubstr("[  PASSED  ] 1 test."), Not(HasSubstr("DATA RACE"))));
  const Outcome mutated = run(mutant.name, mutant);
  EXPECT_THAT(mutated.text, HasSubstr(std::string(mutant.shows.text)));
  // The virtual GPU reports a race of blocks and goes on.
  EXPECT_TRUE(mutated.status != 0 || mutant.shows.text == kAsGlobalRace.text);
}

INSTANTIATE_TEST_SUITE_P(, Mutants, testing::ValuesIn(kMutants), [](const auto& test) {
  std::string name = test.param.name;
  if (test.param.shows.environment == kOnWeakMemory.environment) name += "_on_weak_memory";
  if (test.param.tests == kSeveralBlocksHalf) name += "_in_bf16";
  if (test.param.tests == kCluster) name += "_of_a_cluster";
  if (test.param.tests == kClusterHalf) name += "_of_a_cluster_in_bf16";
  return name;
});

}  // namespace
}  // namespace sluice
