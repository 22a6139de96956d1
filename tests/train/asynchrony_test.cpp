// A training on a backend that answers late is the same training: Note [Updates under way] in
// engine/train/trainer.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/train/late_backend.h"
#include "tests/train/rig.h"

namespace sluice {
namespace {

using test::LateBackend;
using test::Rig;
using test::RigOptions;
using test::topic_options;

struct Recorder : TrainObserver {
  void on_step(const StepReport& r) override {
    events.push_back(fmt::format("step {} epoch {} loss {:a} norm {:a} rate {:a} tokens {} hits {} of {}",
                                 r.update, r.epoch, r.loss, r.gradient_norm, r.learning_rate, r.tokens,
                                 r.hits, r.documents));
    if (ask_at == r.update) requests.stop = true;
  }
  void on_pass(const PassReport& r) override {
    events.push_back(fmt::format("pass {} update {} loss {:a} accuracy {}", r.epoch, r.update, r.train_loss,
                                 r.train_accuracy));
  }
  void on_evaluation(const EvaluationReport& r) override {
    events.push_back(
        fmt::format("evaluation {} loss {:a} of {:a}", r.update, r.valid->log_loss, r.train_loss));
  }
  void on_checkpoint(int64_t update) override { events.push_back(fmt::format("checkpoint {}", update)); }

  std::vector<std::string> events;
  TrainRequests requests;
  int64_t ask_at = 0;
};

struct Outcome {
  std::vector<std::string> events;
  std::vector<char> parameters, moments;
};

Outcome run(RigOptions options, bool late) {
  if (late) options.backend = [] { return std::make_unique<LateBackend>(); };
  Recorder recorder;
  Rig rig(options, &recorder);
  rig.run();
  return {recorder.events, rig.parameters(), rig.moments()};
}

void expect_same(const RigOptions& options) {
  const Outcome late = run(options, true), at_once = run(options, false);
  EXPECT_EQ(late.events, at_once.events);
  EXPECT_EQ(late.parameters, at_once.parameters);
  EXPECT_EQ(late.moments, at_once.moments);
}

TEST(Asynchrony, ChangesNoByteNorTheOrderOfWhatIsReported) {
  test::TemporaryFolder folder;
  RigOptions options = topic_options();  // 6 batches a pass
  options.train.checkpoint_directory = folder.path();
  options.train.checkpoint_every = 4;
  expect_same(options);
  options.train.accumulate = 2;
  options.train.evaluate_every = 2;
  expect_same(options);
  options.train.max_updates = 5;
  options.train.layout = Layout::padded;
  expect_same(options);
}

TEST(Asynchrony, AStopEndsAfterTheUpdatesThatAreQueued) {
  test::TemporaryFolder folder;
  RigOptions options = topic_options();
  options.train.checkpoint_directory = folder.path();
  const Outcome straight = run(options, false);
  options.backend = [] { return std::make_unique<LateBackend>(); };
  Recorder recorder;
  recorder.ask_at = 3;
  Rig first(options, &recorder, &recorder.requests);
  EXPECT_EQ(first.run().reason, StopReason::requested);
  EXPECT_EQ(first.trainer->state().update, 4) << "update 3 is looked at when 4 has been queued";
  EXPECT_EQ(recorder.events.back(), "checkpoint 4");
  Rig second(options);
  second.trainer->resume();
  second.run();
  EXPECT_EQ(second.parameters(), straight.parameters);
  EXPECT_EQ(second.moments(), straight.moments);
}

TEST(Asynchrony, ABatchThatWasPrefetchedForNothingIsNotTaken) {
  LateBackend backend;
  const std::vector<int32_t> one = {1, 2, 3}, other = {4, 5};
  const BatchItem first{.tokens = one, .document = 1}, second{.tokens = other, .document = 2};
  const HostBatch a = pack({&first, 1}, Layout::packed), b = pack({&second, 1}, Layout::packed);
  DeviceBatch device(backend, {1, 3, 3, 3}, Layout::packed, 0);
  const auto ids = [&](const Batch& batch) {
    std::vector<int32_t> values(static_cast<size_t>(batch.ids.size()));
    backend.copy_to_host(values.data(), batch.ids);
    return values;
  };
  device.prefetch(a);
  const Batch& loaded = device.load(b);
  EXPECT_EQ(ids(loaded), other);
  device.prefetch(a);
  EXPECT_EQ(ids(loaded), other) << "the batch in use stays";
  EXPECT_EQ(ids(device.load(a)), one);
}

}  // namespace
}  // namespace sluice
