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

struct Mutant {
  const char* name;   // as in SLUICE_MUTANT(name)
  const char* tests;  // those that must find it, as for --gtest_filter; they pass without it
  bool race = false;  // a race, which the virtual GPU reports with VGPU_RACE=1 and results may hide
};

const std::vector<Mutant> kMutants = {
    {"gates_swapped", "RnnMutation.unchanged_oracle_passes/cuda_f32_step"},
    {"prefix_off_by_one", "RnnMutation.unchanged_oracle_passes/cuda_f32_step"},
    {"recurrence_without_bias", "RnnMutation.unchanged_oracle_passes/cuda_f32_step"},
    {"mask_counter", "RnnRegularised.recurrent_dropout_equals_the_oracle/cuda_f32_step"},
    {"zoneout_counter", "RnnRegularised.zoneout_equals_the_oracle/cuda_f32_step"},
    {"dropout_counter", "DropoutTest.equals_the_oracle_with_masks_to_the_bit/cuda_f32"},
    {"padding_counted", "BatchNormTest.equals_the_oracle/cuda_f32_padded"},
    {"linear_without_bias", "Linear.bias_may_lie_anywhere/cuda_f32"},
    {"columns_without_barrier", "BatchNormTest.equals_the_oracle/cuda_f32", true},
    {"block_without_barrier", "Clip.sum_of_squares_adds_to_what_is_there/cuda_f32", true},
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
  const std::string race = m.race ? "VGPU_RACE=1 " : "";
  const std::string command =
      race + "SLUICE_MUTANT=" + mutant + " '" SLUICE_MUTANTS "' '--gtest_filter=" + m.tests + "' 2>&1";
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
  if (GetParam().race && make_backend({.device = Device::cuda})->describe().find("vgpu") == std::string::npos)
    GTEST_SKIP() << "a GPU reports no races: compute-sanitizer --tool racecheck does";
  const Outcome healthy = run("", GetParam());
  EXPECT_EQ(healthy.status, 0) << healthy.text;
  EXPECT_THAT(healthy.text, testing::HasSubstr("[  PASSED  ] 1 test."));
  const Outcome mutated = run(GetParam().name, GetParam());
  EXPECT_NE(mutated.status, 0);
  EXPECT_THAT(mutated.text,
              testing::HasSubstr(GetParam().race ? "race on shared memory" : "[  FAILED  ] 1 test"));
}

INSTANTIATE_TEST_SUITE_P(, Mutants, testing::ValuesIn(kMutants),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace sluice
