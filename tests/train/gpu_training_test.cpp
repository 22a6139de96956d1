// Whole trainings on the GPU follow those on the CPU: losses, gradient norms, parameters, running statistics,
// moments; with each option of the model and of the optimiser in turn, and with all together.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <ostream>

#include "tests/engine/model_cases.h"
#include "tests/train/rig.h"

namespace sluice {
namespace {

using test::Rig;
using test::RigOptions;

// After 20 updates, of a whole tensor's size. In f64 nothing but the order of sums differs; a fault of the
// maths would show there first.
constexpr double kRelative = 1e-5, kRelativeF64 = 1e-11;
constexpr int64_t kUpdates = 20;

// In types of 16 bits and with short steps, which keep rounding from growing into another training. A loss:
// what rounding once costs, 2^-8 or 2^-11. Measured of norms and layers' weights, at most: 0.020 and 0.0052
// in bf16, 0.014 and 0.0014 in f16, whose unit is an eighth of bf16's, but whose small gradients lose digits,
// or all of them.
struct HalfBounds {
  double losses, norms, weights;
};
HalfBounds half_bounds(DType type) {
  if (type == DType::bf16) return {0x1p-8, 0.03, 0.008};
  return {0x1p-11, 0.02, 0.002};
}

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

// So that options together do not multiply rounding. R h_prev, normalised, is as large as its gains however
// small h is: with gains of 1 in two layers each step's errors grow in the next one, and f32 on the CPU
// itself ends 1e-4 from f64. With gains of 0.1, which Cooijmans et al. 2017 begin recurrent batch
// normalisation with, it ends 2e-6 away. Small gains of what is pooled, divided by the deviation of few
// documents, keep what 16 bits cost near the head, and a tie of max pooling, small in the loss.
void condition(RigOptions& options) {
  options.train.learning_rate = 0.002;
  options.first_values = {{".norm_recurrent_gain", 0.1}, {"norm.pooled.weight", 0.3}};
}

void everything(RigOptions& options) {
  for (const ModelCase& c : model_cases())
    if (c.name == "Everything") c.change(options.model, options.loss);
  condition(options);
  options.model.pooling.push_back(Pooling::sqrtn);
  options.model.bigram_buckets = 16;
  options.loss.class_weights = {0.5, 2.0, 1.25};
  options.optimizer.clip_norm = 0.3;
  options.optimizer.clip_value = 0.05;
  options.optimizer.keep_idle_moments = true;
  options.optimizer.weight_decay = 1;
  options.optimizer.decay_embeddings = true;
  options.train.accumulate = 2;
}

std::vector<TrainingCase> training_cases() {
  std::vector<TrainingCase> cases;
  for (const ModelCase& c : model_cases())
    cases.push_back({c.name, [c](RigOptions& o) {
                       c.change(o.model, o.loss);
                       o.train.layout = c.layout;
                       if (c.name.starts_with("Everything")) condition(o);
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
  cases.push_back({"KeptMoments", [](RigOptions& o) { o.optimizer.keep_idle_moments = true; }});
  cases.push_back({"ClipNorm", [](RigOptions& o) { o.optimizer.clip_norm = 0.1; }});
  cases.push_back({"ClipValue", [](RigOptions& o) { o.optimizer.clip_value = 0.01; }});
  cases.push_back({"Accumulated", [](RigOptions& o) { o.train.accumulate = 2; }});
  cases.push_back({"AllTogether", everything});
  cases.push_back({"AllTogetherPadded", [](RigOptions& o) {
                     everything(o);
                     o.train.layout = Layout::padded;
                   }});
  cases.push_back({"AllTogetherReplayed", [](RigOptions& o) {
                     everything(o);
                     o.train.layout = Layout::bucketed;
                     o.train.record = true;
                   }});
  return cases;
}

// The path persistent, which takes f32 and 16 bits: hidden sizes odd and even, either cell.
std::vector<TrainingCase> persistent_cases() {
  std::vector<TrainingCase> cases;
  const auto add = [&](const char* name, auto change) {
    cases.push_back({name, [=](RigOptions& o) {
                       change(o);
                       o.model.path = RnnPath::persistent;
                     }});
  };
  add("OddUnits", [](RigOptions&) {});
  add("Padded", [](RigOptions& o) {
    o.model.hidden_size = {24};
    o.train.layout = Layout::padded;
  });
  add("OneDirection", [](RigOptions& o) { o.model.bidirectional = false; });
  add("StackedRegularised", [](RigOptions& o) {
    o.model.num_layers = 2;
    o.model.hidden_size = {6, 5};
    o.model.recurrent_dropout = 0.3;
    o.model.zoneout_hidden = o.model.zoneout_cell = 0.2;
  });
  add("SeveralBlocks", [](RigOptions& o) {
    o.model.hidden_size = {45};
    o.model.recurrent_dropout = 0.3;
  });
  add("Gru", [](RigOptions& o) { o.model.cell = CellKind::gru; });
  add("GruRegularised", [](RigOptions& o) {
    o.model.cell = CellKind::gru;
    o.model.hidden_size = {6};
    o.model.recurrent_dropout = 0.3;
    o.model.zoneout_hidden = 0.2;
    o.train.layout = Layout::padded;
  });
  return cases;
}

// The path cudnn: each of its algorithms, in both layouts, with all that it takes.
std::vector<TrainingCase> cudnn_cases() {
  std::vector<TrainingCase> cases;
  const auto add = [&](const char* name, CudnnAlgorithm algorithm, auto change) {
    cases.push_back({name, [=](RigOptions& o) {
                       change(o);
                       o.model.path = RnnPath::cudnn;
                       o.model.cudnn_algorithm = algorithm;
                     }});
  };
  const auto as_it_is = [](RigOptions&) {};
  const auto padded = [](RigOptions& o) { o.train.layout = Layout::padded; };
  const auto stacked = [](RigOptions& o) {
    condition(o);
    o.model.num_layers = 2;
    o.model.hidden_size = {3, 5};
    o.model.embedding_dropout = o.model.dropout = o.model.pooled_dropout = 0.3;
    o.model.batch_norm_input = o.model.batch_norm_between_layers = o.model.batch_norm_pooled = true;
    o.train.accumulate = 2;
  };
  const auto together = [](RigOptions& o) {
    everything(o);
    o.model.layer_norm = false;
    o.model.recurrent_dropout = o.model.zoneout_hidden = o.model.zoneout_cell = 0;
  };
  add("Standard", CudnnAlgorithm::standard, as_it_is);
  add("StandardPadded", CudnnAlgorithm::standard, padded);
  add("StandardStacked", CudnnAlgorithm::standard, stacked);
  add("StandardOneDirection", CudnnAlgorithm::standard, [](RigOptions& o) { o.model.bidirectional = false; });
  add("StandardAllTogether", CudnnAlgorithm::standard, together);
  add("StandardAllTogetherPadded", CudnnAlgorithm::standard, [=](RigOptions& o) {
    together(o);
    padded(o);
  });
  add("PersistStatic", CudnnAlgorithm::persist_static, as_it_is);
  add("PersistStaticPadded", CudnnAlgorithm::persist_static, padded);
  add("PersistDynamicStacked", CudnnAlgorithm::persist_dynamic, stacked);
  add("SmallH", CudnnAlgorithm::persist_static_small_h, as_it_is);
  return cases;
}

// cuDNN has f64 in its standard algorithm alone.
std::vector<TrainingCase> cudnn_cases_in_f64() {
  std::vector<TrainingCase> cases;
  for (const TrainingCase& c : cudnn_cases()) {
    RigOptions options = plain();
    c.change(options);
    if (options.model.cudnn_algorithm == CudnnAlgorithm::standard) cases.push_back(c);
  }
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
  RnnPath& path = options.model.path;
  if (device == Device::cpu)
    path = RnnPath::automatic;
  else if (path == RnnPath::automatic)
    path = RnnPath::step;
  Training training;
  Rig rig(options, &training.steps);
  rig.run();
  for (const auto& named : {rig.classifier->params().named(), rig.optimizer->state()})
    for (const auto& [name, tensor] : named)
      training.state.emplace_back(name, values_of(*rig.backend, tensor));
  return training;
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(squares);
}

double size_of(const std::vector<double>& values) {
  return distance(values, std::vector<double>(values.size(), 0.0));
}

void expect_same_shape(const Training& got, const Training& want) {
  ASSERT_EQ(want.steps.losses.size(), static_cast<size_t>(kUpdates));
  ASSERT_EQ(got.steps.losses.size(), want.steps.losses.size());
  ASSERT_EQ(got.state.size(), want.state.size());
  for (size_t k = 0; k < want.state.size(); ++k)
    ASSERT_EQ(got.state[k].second.size(), want.state[k].second.size()) << want.state[k].first;
}

void expect_close(const Training& got, const Training& want, double relative) {
  for (size_t k = 0; k < want.steps.losses.size(); ++k) {
    const double loss = want.steps.losses[k], norm = want.steps.norms[k];
    EXPECT_NEAR(got.steps.losses[k], loss, relative * loss) << "update " << k;
    EXPECT_NEAR(got.steps.norms[k], norm, relative * norm) << "update " << k;
  }
  for (size_t k = 0; k < want.state.size(); ++k)
    EXPECT_LE(distance(got.state[k].second, want.state[k].second), relative * size_of(want.state[k].second))
        << want.state[k].first;
}

Training train_in_half(RigOptions options, DType type) {
  options.model.dtype = type;
  if (type == DType::f16) options.train.loss_scale = 1024;  // no update is left out while a scale is found
  return train(options, Device::cuda);
}

// Biases, embeddings, moments and running statistics are left out: some have no gradient but rounding's, or
// one that few tokens make, and Adam makes each as large as any. So are bigrams, which begin at zero, where
// batch norm divides what is pooled of them by a deviation of all but zero.
void expect_within_rounding(const Training& got, const Training& want, DType type, bool normed_bigrams) {
  const HalfBounds relative = half_bounds(type);
  EXPECT_LE(distance(got.steps.losses, want.steps.losses), relative.losses * size_of(want.steps.losses));
  EXPECT_LE(distance(got.steps.norms, want.steps.norms), relative.norms * size_of(want.steps.norms));
  for (size_t k = 0; k < want.state.size(); ++k) {
    const auto& [name, values] = want.state[k];
    EXPECT_TRUE(std::isfinite(size_of(got.state[k].second))) << name;
    const bool of_a_layer = name.find(".weight") != std::string::npos && name != "embedding.weight" &&
                            !(normed_bigrams && name == "bigrams.weight");
    if (!of_a_layer) continue;
    EXPECT_LE(distance(got.state[k].second, values), relative.weights * size_of(values)) << name;
  }
}

// Among few units a gate's activations can be all but equal: normalising them blows rounding up by orders of
// magnitude, and long steps carry that from update to update. A comparison would be of nothing else. Nor may
// Adam make whole steps of the gradients that are rounding alone.
RigOptions options_of(const TrainingCase& c) {
  RigOptions options = plain();
  c.change(options);
  if (options.model.layer_norm) {
    options.model.embedding_size = 16;
    for (int& units : options.model.hidden_size) units = 24;
    options.train.learning_rate = 0.002;
    options.optimizer.epsilon = 1e-5;
  }
  return options;
}

// Of two steps whose h rounding makes equal, max pooling takes the earlier one: the gradient goes through
// another step, at an equal loss. Layer normalisation scales each step's gradient by its own deviation, and
// that one update's norm differs by a fifth; batch normalisation between layers passes it on to every step,
// and weights end up to 0.019 apart (cuDNN on an H200, f16). A comparison would be of ties. Layers that are
// conditioned normalise by gains so small that it does not matter.
void pool_without_ties(RigOptions& options) {
  ModelConfig& model = options.model;
  if (!model.batch_norm_between_layers && (!model.layer_norm || !options.first_values.empty())) return;
  std::erase(model.pooling, Pooling::max);
  if (model.pooling.empty()) model.pooling = {Pooling::mean};
}

void PrintTo(const TrainingCase& c, std::ostream* out) {
  *out << c.name;
}

class GpuTraining : public testing::TestWithParam<TrainingCase> {
 protected:
  void expect_follows_in_half(DType type) {
    RigOptions options = options_of(GetParam());
    options.train.learning_rate /= 10;
    pool_without_ties(options);
    const Training cpu = train(options, Device::cpu), gpu = train_in_half(options, type);
    expect_same_shape(gpu, cpu);
    expect_within_rounding(gpu, cpu, type, options.model.batch_norm_pooled);
  }
};
INSTANTIATE_TEST_SUITE_P(, GpuTraining, testing::ValuesIn(training_cases()),
                         [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(Persistent, GpuTraining, testing::ValuesIn(persistent_cases()),
                         [](const auto& test) { return test.param.name; });

// Where there is no cuDNN its cases are not run: they say so.
INSTANTIATE_TEST_SUITE_P(Cudnn, GpuTraining, testing::ValuesIn(cudnn_cases()),
                         [](const auto& test) { return test.param.name; });

class GpuTrainingInF64 : public GpuTraining {};
INSTANTIATE_TEST_SUITE_P(, GpuTrainingInF64, testing::ValuesIn(training_cases()),
                         [](const auto& test) { return test.param.name; });
INSTANTIATE_TEST_SUITE_P(Cudnn, GpuTrainingInF64, testing::ValuesIn(cudnn_cases_in_f64()),
                         [](const auto& test) { return test.param.name; });

// Why the GPU cannot run the model; empty when it can.
std::string refusal(const ModelConfig& model) {
  try {
    make_backend({.device = Device::cuda})
        ->choose_path(model.path,
                      {.dtype = model.dtype,
                       .input_size = model.embedding_size,
                       .hidden_size = model.hidden_size[0],
                       .cudnn_algorithm = model.cudnn_algorithm},
                      nullptr);
    return {};
  } catch (const UserError& error) {
    return error.what();
  }
}

TEST_P(GpuTraining, follows_the_cpu) {
  const RigOptions options = options_of(GetParam());
  if (const std::string why = refusal(options.model); !why.empty()) GTEST_SKIP() << why;
  const Training cpu = train(options, Device::cpu), gpu = train(options, Device::cuda);
  expect_same_shape(gpu, cpu);
  EXPECT_EQ(train(options, Device::cuda).state, gpu.state) << "not the same bits again";
  expect_close(gpu, cpu, kRelative);
}

TEST_P(GpuTrainingInF64, follows_the_cpu) {
  RigOptions options = options_of(GetParam());
  options.model.dtype = DType::f64;
  if (const std::string why = refusal(options.model); !why.empty()) GTEST_SKIP() << why;
  const Training cpu = train(options, Device::cpu), gpu = train(options, Device::cuda);
  expect_same_shape(gpu, cpu);
  expect_close(gpu, cpu, kRelativeF64);
}

TEST_P(GpuTraining, follows_the_cpu_in_bf16) {
  expect_follows_in_half(DType::bf16);
}

TEST_P(GpuTraining, follows_the_cpu_in_f16) {
  expect_follows_in_half(DType::f16);
}

}  // namespace
}  // namespace sluice
