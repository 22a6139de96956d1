// Trainings in 16 bits: stopped and resumed; a loss scale that is too large.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/train/safetensors.h"
#include "tests/train/rig_backends.h"

namespace sluice {
namespace {

using test::Rig;
using test::RigOptions;
using test::TemporaryFolder;

struct StopAt : TrainObserver {
  StopAt(TrainRequests& r, int64_t u) : requests(r), update(u) {}
  void on_step(const StepReport& report) override {
    if (report.update == update) requests.stop = true;
  }
  TrainRequests& requests;
  int64_t update;
};

struct Norms : TrainObserver {
  std::vector<double> norms;
  void on_step(const StepReport& report) override { norms.push_back(report.gradient_norm); }
};

class GpuHalf : public testing::TestWithParam<DType> {
 protected:
  GpuHalf() {
    options_.backend = test::rig_backends().front().make;
    options_.model.dtype = GetParam();
    options_.train.checkpoint_directory = folder_ / "checkpoint";
    options_.train.keep_best = false;
    options_.train.epochs = 2;
  }
  // Leaves the checkpoint after some update.
  void train_until(int64_t update) {
    TrainRequests requests;
    StopAt stopper(requests, update);
    Rig rig(options_, &stopper, &requests);
    EXPECT_EQ(rig.run().reason, StopReason::requested);
  }

  TemporaryFolder folder_;
  RigOptions options_ = test::topic_options();
};
INSTANTIATE_TEST_SUITE_P(, GpuHalf, testing::Values(DType::bf16, DType::f16),
                         [](const auto& test) { return std::string(name_of(test.param)); });

TEST_P(GpuHalf, resumed_equals_a_straight_run_to_the_bit) {
  Rig straight(options_);
  straight.run();
  for (int64_t stop : {1, 7}) {
    train_until(stop);
    Rig second(options_);
    second.trainer->resume();
    second.run();
    EXPECT_EQ(second.parameters(), straight.parameters()) << stop;
    EXPECT_EQ(second.moments(), straight.moments()) << stop;
  }
}

// From a checkpoint whose scale is far too large: updates are left out until it has come down, by half every
// other update, and then go on.
TEST_P(GpuHalf, overflowing_updates_are_left_out) {
  if (GetParam() != DType::f16) return;  // the others have no scale of their own
  options_.train.epochs = 4;
  train_until(1);
  const std::string path = folder_ / "checkpoint/state.safetensors";
  {
    Rig rig(options_);
    rig.trainer->resume();
    Metadata metadata = SafetensorsFile(path, SafetensorsFile::Origin::ours).metadata();
    metadata["loss_scale"] = "0x1p+20";
    std::vector<NamedTensor> tensors;
    for (const auto& [name, tensor] : rig.classifier->params().named())
      tensors.push_back({"model/" + name, tensor});
    for (const auto& [name, tensor] : rig.optimizer->state()) tensors.push_back({"optim/" + name, tensor});
    write_safetensors(path, *rig.backend, tensors, metadata);
  }
  Norms seen;
  Rig rig(options_, &seen);
  rig.trainer->resume();
  rig.run();
  ASSERT_GE(seen.norms.size(), 20u);
  EXPECT_EQ(seen.norms.front(), 0);
  EXPECT_GT(seen.norms.back(), 0);
  for (double value : rig.parameter_values()) EXPECT_TRUE(std::isfinite(value));
}

// A scale of the user's that is too large is the user's to lower.
TEST_P(GpuHalf, overflow_under_a_fixed_scale_is_an_error) {
  if (GetParam() != DType::f16) return;
  options_.train.loss_scale = 0x1p24;
  Rig rig(options_);
  try {
    rig.run();
    FAIL() << "trained";
  } catch (const Failure& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("lower train.loss_scale"));
  }
}

}  // namespace
}  // namespace sluice
