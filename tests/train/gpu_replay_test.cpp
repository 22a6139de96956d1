// Steps that are recorded and replayed as CUDA graphs give the bits of the same steps queued one by one.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/backends/cuda/cuda_backend.h"
#include "tests/engine/model_cases.h"
#include "tests/train/rig.h"

namespace sluice {
namespace {

using test::Rig;
using test::RigOptions;

struct ReplayedSteps : TrainObserver {
  std::vector<double> numbers;
  void on_step(const StepReport& r) override {
    numbers.insert(numbers.end(), {r.loss, r.gradient_norm, r.learning_rate, static_cast<double>(r.hits)});
  }
};

struct Outcome {
  std::vector<char> parameters, moments;
  std::vector<double> numbers;
  size_t recorded = 0, replayed = 0, nodes = 0;
};

// Every option of the model and of the optimiser, documents of 1 to 40 tokens in batches of many shapes,
// which come again in each of several passes.
RigOptions every_option() {
  RigOptions options = test::topic_options();
  options.model = {
      .vocabulary = test::kTopicVocabulary, .classes = 3, .embedding_size = 6, .hidden_size = {5}};
  for (const ModelCase& c : model_cases())
    if (c.name == "EverythingBucketed") c.change(options.model, options.loss);
  options.model.bigram_buckets = 16;
  options.optimizer.clip_norm = 0.3;
  options.optimizer.clip_value = 0.05;
  options.optimizer.decay_embeddings = true;
  options.train.layout = Layout::bucketed;
  options.model.path = RnnPath::step;
  options.train.schedule = {.kind = ScheduleKind::cosine, .warmup = 0.2};
  options.train_documents = test::topics(24, 3, 1);
  for (size_t d = 0; d < options.train_documents.size(); ++d) {
    std::vector<int32_t>& tokens = options.train_documents[d].tokens;
    while (d % 8 < 2 && d >= 8 && !tokens.empty() && tokens.size() < 17 + d % 8)
      tokens.push_back(static_cast<int32_t>(tokens.size() * 7 + d) % 20);
  }
  options.valid_documents.clear();
  options.shuffled = false;
  options.sequences = 4;
  options.train.accumulate = 2;
  options.train.max_updates = 20;
  options.train.epochs = 20;
  return options;
}

Outcome train(RigOptions options, bool record, size_t most_nodes = 0) {
  options.device = Device::cuda;
  options.train.record = record;
  ReplayedSteps steps;
  Rig rig(options, &steps);
  cuda::Graphs& graphs = static_cast<cuda::CudaBackend&>(*rig.backend).graphs();
  if (most_nodes > 0) graphs.keep(most_nodes);
  rig.run();
  return {rig.parameters(),  rig.moments(),     steps.numbers,
          graphs.recorded(), graphs.replayed(), graphs.nodes()};
}

void expect_same(const Outcome& got, const Outcome& want) {
  EXPECT_EQ(got.numbers, want.numbers);
  EXPECT_EQ(got.parameters, want.parameters);
  EXPECT_EQ(got.moments, want.moments);
}

TEST(GpuReplay, EqualsTheStepsQueuedOneByOne) {
  const Outcome eager = train(every_option(), false);
  EXPECT_EQ(eager.recorded, 0u);
  const Outcome replayed = train(every_option(), true);
  expect_same(replayed, eager);
  EXPECT_GE(replayed.recorded, 4u) << "batches and updates of several shapes";
  EXPECT_GT(replayed.replayed, 3 * replayed.recorded);
}

TEST(GpuReplay, EqualsThemWithDenseEmbeddingsAndSgd) {
  RigOptions options = every_option();
  options.optimizer.lazy_embeddings = false;
  options.optimizer.kind = OptimizerKind::sgd;
  options.model.multi_label = true;
  options.train.max_updates = 8;
  const Outcome replayed = train(options, true);
  EXPECT_GT(replayed.replayed, 0u);
  expect_same(replayed, train(options, false));
}

TEST(GpuReplay, EqualsThemWhereGraphsMustMakeRoom) {
  RigOptions options = every_option();
  options.train.max_updates = 12;
  const Outcome eager = train(options, false), all = train(options, true);
  const Outcome few = train(options, true, all.nodes / 2);
  expect_same(few, eager);
  EXPECT_GT(few.recorded, all.recorded) << "some are made anew";
  EXPECT_LE(few.nodes, all.nodes / 2);
}

TEST(GpuReplay, RandomMasksAreNewInEachReplay) {
  RigOptions options = every_option();
  options.sequences = 24;  // the same batch in each step
  options.train.accumulate = 1;
  options.train.learning_rate = 1e-30;  // and the same parameters
  options.optimizer.weight_decay = 0;
  options.train.max_updates = 5;
  const Outcome replayed = train(options, true);
  EXPECT_EQ(replayed.recorded, 2u);
  for (size_t step = 3; step < 5; ++step)
    EXPECT_NE(replayed.numbers[3 * step], replayed.numbers[3 * (step - 1)]) << "the loss of step " << step;
}

}  // namespace
}  // namespace sluice
