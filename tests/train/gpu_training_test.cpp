// Whole trainings on the GPU follow those on the CPU: losses, gradient norms, parameters, running statistics,
// moments; with each option of the model and of the optimiser in turn, and with all together.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/engine/model_cases.h"
#include "tests/train/rig.h"

namespace sluice {
namespace {

using test::Rig;
using test::RigOptions;

// f32, after 20 updates, of a whole tensor's size.
constexpr double kRelative = 1e-5;
constexpr int64_t kUpdates = 20;

struct TrainingCase {
  std::string name;
  std::function<void(RigOptions&)> change;
};

RigOptions plain() {
  RigOptions options = test::topic_options();
  options.model = {
      .vocabulary = test::kTopicVocabulary, .classes = 3, .embedding_size = 6, .hidden_size = {5}};
  options.train.max_updates = kUpdates;
  options.train.epochs = 20;
  return options;
}

void everything(RigOptions& options) {
  for (const ModelCase& c : model_cases())
    if (c.name == "Everything") c.change(options.model, options.loss);
  options.optimizer.clip_norm = 0.3;
  options.optimizer.clip_value = 0.05;
  options.optimizer.decay_embeddings = true;
  options.train.accumulate = 2;
}

std::vector<TrainingCase> training_cases() {
  std::vector<TrainingCase> cases;
  for (const ModelCase& c : model_cases())
    cases.push_back({c.name, [c](RigOptions& o) {
                       c.change(o.model, o.loss);
                       o.train.layout = c.layout;
                     }});
  cases.push_back({"HiddenUnitsInVectors", [](RigOptions& o) { o.model.hidden_size = {8}; }});
  cases.push_back({"Sgd", [](RigOptions& o) { o.optimizer.kind = OptimizerKind::sgd; }});
  cases.push_back({"Nesterov", [](RigOptions& o) {
                     o.optimizer.kind = OptimizerKind::sgd;
                     o.optimizer.nesterov = true;
                   }});
  cases.push_back({"Adam", [](RigOptions& o) { o.optimizer.kind = OptimizerKind::adam; }});
  cases.push_back({"DenseEmbeddings", [](RigOptions& o) { o.optimizer.lazy_embeddings = false; }});
  cases.push_back({"DecayedEmbeddings", [](RigOptions& o) { o.optimizer.decay_embeddings = true; }});
  cases.push_back({"ClipNorm", [](RigOptions& o) { o.optimizer.clip_norm = 0.1; }});
  cases.push_back({"ClipValue", [](RigOptions& o) { o.optimizer.clip_value = 0.01; }});
  cases.push_back({"Accumulated", [](RigOptions& o) { o.train.accumulate = 2; }});
  cases.push_back({"AllTogether", everything});
  cases.push_back({"AllTogetherPadded", [](RigOptions& o) {
                     everything(o);
                     o.train.layout = Layout::padded;
                   }});
  return cases;
}

struct Steps : TrainObserver {
  std::vector<double> losses, norms;
  void on_step(const StepReport& report) override {
    losses.push_back(report.loss);
    norms.push_back(report.gradient_norm);
  }
};

struct Training {
  Steps steps;
  std::vector<std::pair<std::string, std::vector<double>>> state;
};

std::vector<double> values_of(Backend& backend, const Tensor& tensor) {
  std::vector<char> bytes(tensor.bytes());
  backend.copy_to_host(bytes.data(), tensor);
  const auto converted = [&]<class T>() {
    const T* values = reinterpret_cast<const T*>(bytes.data());
    return std::vector<double>(values, values + bytes.size() / sizeof(T));
  };
  return tensor.dtype == DType::i32 ? converted.template operator()<int32_t>()
                                    : dispatch_real(tensor.dtype, converted);
}

Training train(RigOptions options, Device device) {
  options.device = device;
  Training training;
  Rig rig(options, &training.steps);
  rig.run();
  for (const auto& named : {rig.classifier->params().named(), rig.optimizer->state()})
    for (const auto& [name, tensor] : named)
      training.state.emplace_back(name, values_of(*rig.backend, tensor));
  return training;
}

void expect_close(const std::vector<double>& got, const std::vector<double>& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  double difference = 0, size = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    difference += (got[i] - want[i]) * (got[i] - want[i]);
    size += want[i] * want[i];
  }
  EXPECT_LE(std::sqrt(difference), kRelative * std::sqrt(size)) << what;
}

class GpuTraining : public testing::TestWithParam<TrainingCase> {};
INSTANTIATE_TEST_SUITE_P(, GpuTraining, testing::ValuesIn(training_cases()),
                         [](const auto& test) { return test.param.name; });

TEST_P(GpuTraining, follows_the_cpu) {
  RigOptions options = plain();
  GetParam().change(options);
  const Training cpu = train(options, Device::cpu), gpu = train(options, Device::cuda);
  ASSERT_EQ(cpu.steps.losses.size(), static_cast<size_t>(kUpdates));
  ASSERT_EQ(gpu.steps.losses.size(), cpu.steps.losses.size());
  for (size_t k = 0; k < cpu.steps.losses.size(); ++k) {
    EXPECT_NEAR(gpu.steps.losses[k], cpu.steps.losses[k], kRelative * cpu.steps.losses[k]) << "update " << k;
    EXPECT_NEAR(gpu.steps.norms[k], cpu.steps.norms[k], kRelative * cpu.steps.norms[k]) << "update " << k;
  }
  ASSERT_EQ(gpu.state.size(), cpu.state.size());
  for (size_t k = 0; k < cpu.state.size(); ++k)
    expect_close(gpu.state[k].second, cpu.state[k].second, cpu.state[k].first);
}

TEST_P(GpuTraining, gives_the_same_bits_again) {
  RigOptions options = plain();
  GetParam().change(options);
  EXPECT_EQ(train(options, Device::cuda).state, train(options, Device::cuda).state);
}

}  // namespace
}  // namespace sluice
