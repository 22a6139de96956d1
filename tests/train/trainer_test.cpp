// The training loop on a little corpus: it learns, and what must not change the result does not.
#include "engine/train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/train/rig.h"

namespace sluice {
namespace {

using test::Rig;
using test::RigOptions;
using test::topic_options;

// Nothing that depends on how documents fall into batches, in f64: for sums that must agree to rounding.
RigOptions exact_options() {
  RigOptions options = topic_options();
  options.model = {
      .vocabulary = test::kTopicVocabulary, .classes = 3, .embedding_size = 6, .hidden_size = {5}};
  options.model.dtype = DType::f64;
  options.shuffled = false;
  return options;
}

void expect_close(const std::vector<double>& a, const std::vector<double>& b, double bound) {
  ASSERT_EQ(a.size(), b.size());
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  EXPECT_LT(worst, bound);
}

std::vector<double> trained(const RigOptions& options) {
  Rig rig(options);
  const std::vector<double> before = rig.parameter_values();
  rig.run();
  const std::vector<double> after = rig.parameter_values();
  EXPECT_NE(before, after) << "nothing was trained";
  return after;
}

TEST(Trainer, LearnsATinyCorpusByHeart) {
  RigOptions options = topic_options();
  options.model.zoneout_hidden = options.model.zoneout_cell = 0;
  options.train_documents = test::topics(20, 3, 1);
  options.valid_documents.clear();
  options.train.epochs = 60;
  Rig rig(options);
  EXPECT_LT(rig.evaluate_train().accuracy, 0.8);
  const TrainResult result = rig.run();
  EXPECT_EQ(result.reason, StopReason::epochs);
  EXPECT_FALSE(result.best_restored) << "there is nothing to choose by";
  EXPECT_EQ(rig.evaluate_train().accuracy, 1.0);
}

TEST(Trainer, LearnsSeveralLabels) {
  RigOptions options = topic_options();
  options.model = {.vocabulary = test::kTopicVocabulary,
                   .classes = 3,
                   .multi_label = true,
                   .embedding_size = 8,
                   .hidden_size = {8}};
  options.train_documents = {
      {{1, 20}, {0}}, {{24, 2}, {1}}, {{20, 24}, {0, 1}}, {{3, 4}, {}}, {{28, 20}, {2, 0}}};
  options.valid_documents.clear();
  options.train.epochs = 120;
  Rig rig(options);
  rig.run();
  EXPECT_EQ(rig.evaluate_train().accuracy, 1.0) << "every label of every document";
}

TEST(Trainer, SameBitsForAnyNumberOfThreads) {
  RigOptions options = topic_options();
  options.train.epochs = 2;
  Rig one(options);
  one.run();
  for (int threads : {2, 4}) {
    options.threads = threads;
    Rig many(options);
    many.run();
    EXPECT_EQ(one.parameters(), many.parameters()) << threads << " threads";
    EXPECT_EQ(one.moments(), many.moments()) << threads << " threads";
  }
}

TEST(Trainer, AllLayoutsAreEqual) {
  RigOptions options = topic_options();  // with dropout and batch norm: masks and statistics must agree
  options.model.dtype = DType::f64;
  const std::vector<double> packed = trained(options);
  for (const Layout layout : {Layout::padded, Layout::bucketed})
    for (const bool lazy : {true, false}) {
      options.train.layout = layout;
      options.optimizer.lazy_embeddings = lazy;
      if (lazy) expect_close(packed, trained(options), 1e-9);  // 24 updates of f64 in another order of sums
    }
  const std::vector<double> dense = trained(options);
  options.train.layout = Layout::packed;
  expect_close(trained(options), dense, 1e-9);
}

TEST(Trainer, AccumulationEqualsOneLargeBatch) {
  RigOptions options = exact_options();
  options.sequences = 8;
  options.train_documents[3].classes.clear();  // unequal weights: the group's total is what counts
  options.loss.class_weights = {0.5, 1, 3};
  const std::vector<double> whole = trained(options);
  options.sequences = 4;
  options.train.accumulate = 2;
  expect_close(whole, trained(options), 1e-10);
}

TEST(Trainer, LazyRowsEqualDenseOnesWhereEveryUpdateTouchesThem) {
  RigOptions options = topic_options();
  options.sequences = 64;  // all documents in each batch
  options.train_documents.push_back({{}, {0}});
  for (int32_t token = 0; token < test::kTopicVocabulary; ++token)
    options.train_documents.back().tokens.push_back(token);
  Rig lazy(options);
  lazy.run();
  options.optimizer.lazy_embeddings = false;
  Rig dense(options);
  dense.run();
  EXPECT_EQ(lazy.parameters(), dense.parameters());
}

// Keeps what stands in the classifier after each update.
struct Trajectory : TrainObserver {
  void on_step(const StepReport&) override { after.push_back(rig->parameter_values()); }
  Rig* rig = nullptr;
  std::vector<std::vector<double>> after;
};

TEST(Trainer, AveragesTheParametersOfTheLastUpdates) {
  RigOptions options = topic_options();  // 6 updates a pass
  options.model.dtype = DType::f64;
  options.train.epochs = 3;
  options.train.keep_best = false;
  Rig plain(options);
  plain.run();
  options.train.average_from = 0.5;  // of 18
  options.train.average_every = 4;
  for (bool validates : {false, true}) {
    if (!validates) options.valid_documents.clear();
    Trajectory steps;
    Rig rig(options, &steps);
    steps.rig = &rig;
    rig.run();
    std::vector<double> mean = steps.after[11];
    for (size_t i = 0; i < mean.size(); ++i) mean[i] = (mean[i] + steps.after[15][i]) / 2;
    expect_close(rig.parameter_values(), mean, 1e-15);
    EXPECT_EQ(rig.trainer->state().averaged, 2);
    EXPECT_EQ(rig.moments(), plain.moments()) << "averaging must not touch the training itself";
    options.valid_documents = topic_options().valid_documents;
  }
}

// Within its limit a training does not know of it; near its limit it has come to its end.
TEST(Trainer, ALimitOfTimeEndsTheScheduleAndBeginsTheAverage) {
  struct Recorder : TrainObserver {
    void on_step(const StepReport& r) override { rate = r.learning_rate; }
    double rate = 0;
  } recorder;
  RigOptions options = topic_options();
  options.valid_documents.clear();
  options.train.schedule = {.kind = ScheduleKind::linear};
  options.train.average_from = 0.5;
  options.train.average_every = 1;
  options.train.epochs = 2;
  Rig free(options);
  free.run();
  options.train.time_limit = 1e6;
  Rig within(options);
  within.run();
  EXPECT_EQ(within.parameters(), free.parameters());

  options.train.epochs = 1 << 20;
  options.train.time_limit = 0.5;  // some thousand updates, of millions
  Rig cut(options, &recorder);
  EXPECT_EQ(cut.run().reason, StopReason::time_limit);
  EXPECT_LT(recorder.rate, 0.9 * options.train.learning_rate);
  EXPECT_GT(cut.trainer->state().averaged, 0);
}

TEST(Trainer, ValidatesTheAverage) {
  struct Recorder : TrainObserver {
    void on_evaluation(const EvaluationReport& r) override { loss = r.valid->log_loss; }
    double loss = 0;
  } recorder;
  RigOptions options = topic_options();
  options.model.dtype = DType::f64;
  options.train.metric = "log_loss";
  options.train.average_from = 0;
  options.train.average_every = 1;
  options.train.evaluate_every = 1 << 20;  // at the end alone
  Rig rig(options, &recorder);
  const TrainResult result = rig.run();
  EXPECT_TRUE(result.best_restored);
  options.train_documents = options.valid_documents;
  Rig judge(options);
  judge.set_parameters(rig.parameters());
  EXPECT_NEAR(judge.evaluate_train().log_loss, recorder.loss, 1e-12);
}

TEST(Trainer, KeepsTheBestEvaluationAndStopsEarly) {
  struct Recorder : TrainObserver {
    void on_evaluation(const EvaluationReport& r) override {
      values.push_back(r.valid->log_loss);
      if (r.best) best_update = r.update;
    }
    std::vector<double> values;
    int64_t best_update = 0;
  } recorder;
  RigOptions options = topic_options();
  options.valid_documents = test::topics(24, 3, 2);
  for (auto& d : options.valid_documents) d.classes[0] = (d.classes[0] + 1) % 3;  // learning makes it worse
  options.train.metric = "log_loss";
  options.train.patience = 2;
  options.train.epochs = 50;
  options.train.evaluate_every = 3;
  Rig rig(options, &recorder);
  const TrainResult result = rig.run();
  EXPECT_EQ(result.reason, StopReason::early_stopping);
  EXPECT_TRUE(result.best_restored);
  EXPECT_EQ(result.best_update, recorder.best_update);
  const double best = *std::min_element(recorder.values.begin(), recorder.values.end());
  EXPECT_EQ(result.best_value, best);
  EXPECT_EQ(rig.trainer->state().update, recorder.best_update + 6) << "two evaluations of patience";

  DeviceBatch device_batch(*rig.backend, rig.valid->max_shape(), Layout::packed, 0);
  EXPECT_EQ(evaluate(*rig.classifier, *rig.valid, device_batch).log_loss, best);
}

TEST(Trainer, StopsAtMaxUpdatesAndEvaluatesThere) {
  struct Recorder : TrainObserver {
    void on_step(const StepReport& r) override { steps.push_back(r); }
    void on_evaluation(const EvaluationReport& r) override { evaluated.push_back(r.update); }
    std::vector<StepReport> steps;
    std::vector<int64_t> evaluated;
  } recorder;
  RigOptions options = topic_options();  // 6 batches a pass
  options.train.max_updates = 8;
  options.train.schedule = {.kind = ScheduleKind::linear};
  Rig rig(options, &recorder);
  EXPECT_EQ(rig.run().reason, StopReason::max_updates);
  EXPECT_THAT(recorder.evaluated, testing::ElementsAre(6, 8));
  ASSERT_EQ(recorder.steps.size(), 8u);
  EXPECT_EQ(recorder.steps[7].total_updates, 8);
  EXPECT_EQ(recorder.steps[7].epoch, 2);
  EXPECT_DOUBLE_EQ(recorder.steps[7].learning_rate, 0.02 / 8) << "the schedule spans the updates there are";
  EXPECT_EQ(recorder.steps[0].documents, 8);
  EXPECT_GT(recorder.steps[0].padding(), 0.0);
  EXPECT_LT(recorder.steps[0].padding(), 1.0);
}

// Without noise, and at a rate too small to move a weight, every step asks the model that evaluation asks.
void expect_the_accuracy_of_evaluation(RigOptions options) {
  struct Recorder : TrainObserver {
    void on_pass(const PassReport& r) override { accuracy = r.train_accuracy; }
    double accuracy = -1;
  } recorder;
  options.model = {.vocabulary = test::kTopicVocabulary,
                   .classes = 3,
                   .multi_label = options.model.multi_label,
                   .embedding_size = 8,
                   .hidden_size = {8}};
  options.train.epochs = 1;
  Rig somewhat(options);
  somewhat.run();
  options.train.learning_rate = 1e-30;
  Rig rig(options, &recorder);
  rig.set_parameters(somewhat.parameters());
  const double before = rig.evaluate_train().accuracy;
  rig.run();
  EXPECT_EQ(recorder.accuracy, before);
  EXPECT_GT(before, 0);
  EXPECT_LT(before, 1);
}

TEST(Trainer, ReportsTheAccuracyOfEachPass) {
  RigOptions options = topic_options();
  expect_the_accuracy_of_evaluation(options);
  options.model.multi_label = true;
  options.train_documents = {
      {{1, 20}, {0}}, {{24, 2}, {1}}, {{20, 24}, {0, 1}}, {{3, 4}, {}}, {{28, 20}, {2, 0}}};
  options.valid_documents.clear();
  expect_the_accuracy_of_evaluation(options);
}

TEST(Trainer, ReportsTheLossOfEachPassAndEvaluatesItOnce) {
  struct Recorder : TrainObserver {
    void on_step(const StepReport& r) override {
      sum += r.loss * static_cast<double>(r.documents);
      hits += r.hits;
    }
    void on_pass(const PassReport& r) override {
      EXPECT_NEAR(r.train_loss, sum / 48, 1e-12) << "pass " << r.epoch;  // 48 documents
      EXPECT_EQ(r.figures.documents, 48);
      EXPECT_EQ(r.train_accuracy, static_cast<double>(hits) / 48);
      pass_loss = r.train_loss;
      pass_accuracy = r.train_accuracy;
      sum = 0;
      hits = 0;
    }
    void on_evaluation(const EvaluationReport& r) override {
      EXPECT_EQ(r.train_loss, pass_loss);
      EXPECT_EQ(r.train_accuracy, pass_accuracy);
      evaluated.emplace_back(r.epoch, r.update);
    }
    double sum = 0, pass_loss = 0, pass_accuracy = 0;
    int64_t hits = 0;
    std::vector<std::pair<int64_t, int64_t>> evaluated;
  } recorder;
  RigOptions options = topic_options();
  options.train.epochs = 3;
  Rig(options, &recorder).run();
  EXPECT_THAT(recorder.evaluated, testing::ElementsAre(std::pair(1, 6), std::pair(2, 12), std::pair(3, 18)));
}

TEST(Trainer, RefusesValuesOutOfRange) {
  const auto refused = [](auto change) {
    RigOptions options = topic_options();
    change(options.train);
    try {
      Rig rig(options);
      return std::string("accepted");
    } catch (const UserError& e) {
      return std::string(e.what());
    }
  };
  EXPECT_THAT(refused([](TrainConfig& c) { c.average_from = 1.5; }),
              testing::HasSubstr("train.average_from = 1.5"));
  EXPECT_THAT(refused([](TrainConfig& c) { c.average_every = 0; }),
              testing::HasSubstr("train.average_every = 0"));
  EXPECT_THAT(refused([](TrainConfig& c) { c.patience = -1; }), testing::HasSubstr("train.patience = -1"));
  EXPECT_THAT(refused([](TrainConfig& c) { c.time_limit = std::nan(""); }), testing::HasSubstr("time_limit"));
  EXPECT_THAT(refused([](TrainConfig& c) { c.metric = "f1"; }), testing::HasSubstr("'f1'"));
  EXPECT_THAT(refused([](TrainConfig& c) { c.learning_rate = 0; }), testing::HasSubstr("learning_rate"));
}

}  // namespace
}  // namespace sluice
