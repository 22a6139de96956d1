// Stopping, resuming and failing: a training that was stopped anywhere and resumed writes the same bits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>

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

class Resume : public testing::TestWithParam<bool> {
 protected:
  RigOptions options() {
    RigOptions o = topic_options();  // 6 batches a pass: 3 updates of 2 batches, 4 passes
    o.train.accumulate = 2;
    o.train.metric = "log_loss";
    o.train.checkpoint_directory = folder_ / "checkpoint";
    o.optimizer.lazy_embeddings = GetParam();
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

INSTANTIATE_TEST_SUITE_P(, Resume, testing::Bool(),
                         [](const auto& test) { return test.param ? "lazy" : "dense"; });

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
  struct Recorder : TrainObserver {
    explicit Recorder(TrainRequests& r) : requests(r) {}
    void on_step(const StepReport& r) override {
      if (r.update == 2) requests.checkpoint = true;
    }
    void on_checkpoint(int64_t update) override { updates.push_back(update); }
    TrainRequests& requests;
    std::vector<int64_t> updates;
  };
  TemporaryFolder folder;
  TrainRequests requests;
  Recorder recorder(requests);
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

// What run() says when it fails.
std::string failure_of(Rig& rig) {
  try {
    rig.run();
  } catch (const Failure& e) {
    EXPECT_EQ(e.exit_code(), 1);
    return e.what();
  }
  return "no failure";
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Divergence : public testing::Test {
 protected:
  Divergence() {
    options_.model = {
        .vocabulary = test::kTopicVocabulary, .classes = 3, .embedding_size = 4, .hidden_size = {4}};
    options_.valid_documents.clear();
    options_.shuffled = false;
    options_.train.checkpoint_directory = folder_.path();
    // Token 39 stands in documents 13 and 14 alone: the second batch of eight.
    options_.train_documents[13].tokens = {1, 39};
    options_.train_documents[14].tokens = {39};
  }

  static Tensor parameter(Rig& rig, const std::string& name) {
    for (auto& [n, tensor] : rig.classifier->params().named())
      if (n == name) return tensor;
    throw std::runtime_error("no parameter " + name);
  }

  static void fill(Rig& rig, Tensor target, float value) {
    const std::vector<float> values(static_cast<size_t>(target.size()), value);
    rig.backend->copy_to_device(target, values.data());
  }

  TemporaryFolder folder_;
  RigOptions options_ = topic_options();
};

TEST_F(Divergence, ALossThatIsNoNumberNamesItsDocumentsAndSavesNothing) {
  options_.train.checkpoint_every = 1;
  Rig rig(options_);
  fill(rig, parameter(rig, "embedding.weight").at(39), std::numeric_limits<float>::quiet_NaN());
  const std::string message = failure_of(rig);
  EXPECT_THAT(message, testing::HasSubstr("update 2"));
  EXPECT_THAT(message, testing::HasSubstr("documents 13, 14;"));
  EXPECT_THAT(message, testing::HasSubstr("learning_rate"));
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_EQ(rig.trainer->state().update, 1);

  const std::string kept = contents(folder_ / "state.safetensors");
  Rig again(options_);
  again.trainer->resume();
  EXPECT_EQ(again.trainer->state().update, 1) << "the checkpoint of update 1 stays";
  failure_of(again);
  EXPECT_EQ(contents(folder_ / "state.safetensors"), kept);
}

TEST_F(Divergence, AnInfiniteGradientUpdatesNothing) {
  // All-zero embeddings: the logits are 0 and the loss is ln 3, but the head's weights, near the largest
  // float and of opposite signs, make the embedding's gradient infinite.
  options_.model.num_layers = 0;
  options_.sequences = 1;
  options_.train_documents[0].classes = {0};
  Rig rig(options_);
  const Tensor head = parameter(rig, "head.weight");
  fill(rig, parameter(rig, "embedding.weight"), 0.0f);
  for (int64_t k = 0; k < 3; ++k)
    fill(rig, head.at(k), (k == 0 ? -1.0f : 1.0f) * std::numeric_limits<float>::max());
  const std::vector<char> before = rig.parameters();
  const std::string message = failure_of(rig);
  EXPECT_THAT(message, testing::HasSubstr("update 1: the gradient's norm is inf; batch of document 0;"));
  EXPECT_EQ(rig.parameters(), before);
  EXPECT_FALSE(has_checkpoint(folder_.path()));
}

TEST_F(Divergence, ValidationThatIsNoNumberNamesItsDocuments) {
  options_.valid_documents = {{{1, 2}, {0}}, {{38}, {1}}};
  for (auto& d : options_.train_documents)
    for (auto& token : d.tokens) token = std::min(token, 37);
  Rig rig(options_);
  fill(rig, parameter(rig, "embedding.weight").at(38), std::numeric_limits<float>::infinity());
  EXPECT_THAT(failure_of(rig), testing::HasSubstr("document 1"));
}

}  // namespace
}  // namespace sluice
