// Stopping and resuming: a training that was stopped anywhere and resumed writes the same bits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/train/rig.h"

namespace sluice {
namespace {

using test::Rig;
using test::RigOptions;
using test::TemporaryFolder;
using test::topic_options;

// Asks for a stop after a given update.
struct StopAt : TrainObserver {
  StopAt(TrainRequests& r, int64_t u) : requests(r), update(u) {}
  void on_step(const StepReport& report) override {
    if (report.update == update) requests.stop = true;
  }
  TrainRequests& requests;
  int64_t update;
};

struct ResumeCase {
  const char* name;
  bool lazy;
  double average_from;
};

class Resume : public testing::TestWithParam<ResumeCase> {
 protected:
  RigOptions options() {
    RigOptions o = topic_options();  // 6 batches a pass: 3 updates of 2 batches, 4 passes
    o.train.accumulate = 2;
    o.train.metric = "log_loss";
    o.train.checkpoint_directory = folder_ / "checkpoint";
    o.optimizer.lazy_embeddings = GetParam().lazy;
    o.train.average_from = GetParam().average_from;
    o.train.average_every = 2;
    o.train.keep_best = GetParam().average_from == 1;  // else the average is what a training ends with
    return o;
  }
  TemporaryFolder folder_;
};

TEST_P(Resume, EqualsAStraightRunToTheBit) {
  Rig straight(options());
  const TrainResult wanted = straight.run();
  const std::vector<char> parameters = straight.parameters(), moments = straight.moments();

  for (int64_t stop : {1, 3, 5, 11}) {  // mid-pass, after a pass's last update, mid-pass again, near the end
    {
      TrainRequests requests;
      StopAt stopper(requests, stop);
      Rig first(options(), &stopper, &requests);
      EXPECT_EQ(first.run().reason, StopReason::requested);
      EXPECT_EQ(first.trainer->state().update, stop) << "it must finish the update under way and no more";
    }
    Rig second(options());
    EXPECT_NE(second.moments(), moments);
    second.trainer->resume();
    EXPECT_EQ(second.trainer->state().update, stop);
    const TrainResult result = second.run();
    EXPECT_EQ(result.reason, wanted.reason);
    EXPECT_EQ(result.best_update, wanted.best_update);
    EXPECT_EQ(result.best_value, wanted.best_value);
    EXPECT_EQ(second.parameters(), parameters) << "stopped after update " << stop;
    EXPECT_EQ(second.moments(), moments) << "stopped after update " << stop;
  }
}

INSTANTIATE_TEST_SUITE_P(, Resume,
                         testing::Values(ResumeCase{"lazy", true, 1}, ResumeCase{"dense", false, 1},
                                         ResumeCase{"averaged", true, 0.3}),
                         [](const auto& test) { return test.param.name; });

TEST(Checkpoints, ResumingAFinishedTrainingChangesNothing) {
  TemporaryFolder folder;
  RigOptions options = topic_options();
  options.train.checkpoint_directory = folder.path();
  Rig first(options);
  const TrainResult wanted = first.run();
  Rig second(options);
  second.trainer->resume();
  const TrainResult result = second.run();
  EXPECT_EQ(result.best_value, wanted.best_value);
  EXPECT_EQ(second.parameters(), first.parameters());
}

TEST(Checkpoints, AreSavedAtTheirIntervalAndOnRequest) {
  struct Saves : TrainObserver {
    explicit Saves(TrainRequests& r) : requests(r) {}
    void on_step(const StepReport& r) override {
      if (r.update == 2) requests.checkpoint = true;
    }
    void on_checkpoint(int64_t update) override { updates.push_back(update); }
    TrainRequests& requests;
    std::vector<int64_t> updates;
  };
  TemporaryFolder folder;
  TrainRequests requests;
  Saves recorder(requests);
  RigOptions options = topic_options();
  options.train.checkpoint_directory = folder.path();
  options.train.epochs = 2;
  options.train.checkpoint_every = 5;
  Rig(options, &recorder, &requests).run();
  EXPECT_THAT(recorder.updates, testing::ElementsAre(2, 5, 10, 12)) << "asked, every fifth, the end";

  recorder.updates.clear();
  options.train.checkpoint_every = 0;
  Rig(options, &recorder, &requests).run();
  EXPECT_THAT(recorder.updates, testing::ElementsAre(2, 6, 12)) << "asked, each pass";
}

TEST(Checkpoints, AStopBySignalIsObeyedAfterTheUpdate) {
  static TrainRequests requests;
  struct Raiser : TrainObserver {
    void on_step(const StepReport& r) override {
      if (r.update == 2) std::raise(SIGTERM);
    }
  } raiser;
  const auto before = std::signal(SIGTERM, [](int) { requests.stop = true; });
  Rig rig(topic_options(), &raiser, &requests);
  EXPECT_EQ(rig.run().reason, StopReason::requested);
  std::signal(SIGTERM, before);
  EXPECT_EQ(rig.trainer->state().update, 2);
}

}  // namespace
}  // namespace sluice
