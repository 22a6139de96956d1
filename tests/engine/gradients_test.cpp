// Gradients of the real layers and the whole classifier against central finite differences, in f64.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "engine/device_batch.h"
#include "engine/models/classifier.h"
#include "tests/engine/model_cases.h"

namespace sluice {
namespace {

// A step well below the square root of layer normalisation's epsilon, over which its gradient bends.
constexpr double kStep = 3e-6, kRelative = 1e-6;
constexpr int kVocabulary = 11, kClasses = 3;

// Lengths 5, 3, 1 and 0: ragged, with a document of one token and an empty one; tokens repeat.
HostBatch make_batch(Layout layout, const ModelConfig& model) {
  static const std::vector<int32_t> documents[] = {{4, 4, 9}, {}, {1, 2, 3, 2, 10}, {7}};
  static const std::vector<int32_t> classes[] = {{2}, {0}, {1, 2}, {1}};
  std::vector<BatchItem> items;
  for (int d = 0; d < 4; ++d) items.push_back({documents[d], classes[d], d});
  return pack(items, layout, model.multi_label ? kClasses : 0, model.bigram_buckets);
}

class Gradients : public testing::TestWithParam<ModelCase> {
 protected:
  Gradients() : backend_(make_backend({.device = Device::cpu, .threads = 2})) {
    ModelConfig model{
        .vocabulary = kVocabulary, .classes = kClasses, .embedding_size = 3, .hidden_size = {4}};
    model.dtype = DType::f64;
    LossConfig loss;
    GetParam().change(model, loss);
    host_ = make_batch(GetParam().layout, model);
    const MaxShape max{host_.sequences, host_.steps, host_.rows, static_cast<int>(host_.distinct.size()),
                       host_.bigrams ? static_cast<int>(host_.bigrams->distinct.size()) : 0};
    device_.emplace(*backend_, max, GetParam().layout, host_.classes);
    classifier_.emplace(model, loss, *backend_);
    classifier_->allocate(max, 7, true, 1);
    batch_ = &device_->load(host_);
    step_ = {.training = true, .seed = 5, .step = 3};
  }

  double loss(double scale = 1) {
    classifier_->prepare(*batch_, step_, scale);
    classifier_->forward(*batch_, step_);
    double sum = 0;
    for (double l : classifier_->losses(*batch_)) sum += l;
    return sum;
  }

  std::vector<double> read(Tensor t) {
    std::vector<double> values(static_cast<size_t>(t.size()));
    backend_->copy_to_host(values.data(), t);
    return values;
  }

  // Sets every parameter to something unlike its first value, so that biases and norms are not at their
  // special points.
  void stir() {
    for (const Params::Dense& piece : classifier_->params().dense()) {
      std::vector<double> values = read(piece.values);
      for (size_t i = 0; i < values.size(); ++i)
        values[i] += 0.3 * std::sin(1.0 + 1.7 * static_cast<double>(i));
      backend_->copy_to_device(piece.values, values.data());
    }
  }

  std::unique_ptr<Backend> backend_;
  HostBatch host_;
  std::optional<DeviceBatch> device_;
  std::optional<Classifier> classifier_;
  const Batch* batch_ = nullptr;
  StepInfo step_;
};

TEST_P(Gradients, EqualFiniteDifferences) {
  stir();
  Params& params = classifier_->params();
  params.zero_gradients();
  loss();
  classifier_->backward(*batch_, step_);
  int64_t compared = 0;
  for (const Params::Dense& piece : params.dense()) {
    const std::vector<double> gradient = read(piece.gradients);
    std::vector<double> values = read(piece.values);
    double difference = 0, size = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double kept = values[i];
      double side[2];
      for (int s = 0; s < 2; ++s) {
        values[i] = kept + (s ? kStep : -kStep);
        backend_->copy_to_device(piece.values, values.data());
        side[s] = loss();
      }
      values[i] = kept;
      const double numeric = (side[1] - side[0]) / (2 * kStep);
      difference += (numeric - gradient[i]) * (numeric - gradient[i]);
      size += numeric * numeric;
      ++compared;
    }
    backend_->copy_to_device(piece.values, values.data());
    EXPECT_GT(size, 0.0) << "no gradient reaches these parameters";
    EXPECT_LT(std::sqrt(difference), kRelative * std::sqrt(size))
        << "parameters of kind " << static_cast<int>(piece.kind);
  }
  EXPECT_EQ(compared, params.trained_parameters());
}

TEST_P(Gradients, ScaleAndAccumulate) {
  Params& params = classifier_->params();
  params.zero_gradients();
  loss();
  classifier_->backward(*batch_, step_);
  const std::vector<double> once = read(params.dense()[0].gradients);
  loss(0.5);
  classifier_->backward(*batch_, step_);
  const std::vector<double> more = read(params.dense()[0].gradients);
  for (size_t i = 0; i < once.size(); ++i)
    EXPECT_NEAR(more[i], 1.5 * once[i], 1e-12 + 1e-12 * std::abs(once[i]));
}

INSTANTIATE_TEST_SUITE_P(Classifier, Gradients, testing::ValuesIn(model_cases()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace sluice
