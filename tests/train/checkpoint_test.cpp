// Checkpoints: what is refused, in which words, and that a refusal or a crash changes nothing.
#include "engine/train/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/train/safetensors.h"
#include "tests/train/rig.h"

namespace sluice {
namespace {

using test::Rig;
using test::RigOptions;
using test::TemporaryFolder;
using test::topic_options;
using testing::HasSubstr;

class Checkpoint : public testing::Test {
 protected:
  RigOptions options() {
    RigOptions o = topic_options();
    o.train.epochs = 1;
    o.train.checkpoint_directory = folder_.path();
    o.train.fingerprint = "0123abcd";
    return o;
  }

  // What resuming says, after checking that it left the model alone.
  std::string refusal(const RigOptions& o) {
    Rig rig(o);
    const std::vector<char> before = rig.parameters();
    try {
      rig.trainer->resume();
      return "accepted";
    } catch (const UserError& e) {
      EXPECT_EQ(rig.parameters(), before);
      EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
      return e.what();
    }
  }

  // Rewrites the checkpoint, with a right checksum, after a change to its words.
  void rewrite(Rig& rig, const std::string& key, const std::string& word) {
    const SafetensorsFile file(path(), SafetensorsFile::Origin::ours);
    Metadata metadata = file.metadata();
    metadata[key] = word;
    std::vector<NamedTensor> tensors;
    for (const auto& [name, tensor] : rig.classifier->params().named())
      tensors.push_back({"model/" + name, tensor});
    write_safetensors(path(), *rig.backend, tensors, metadata);
  }

  std::string path() const { return folder_ / "state.safetensors"; }
  TemporaryFolder folder_;
};

TEST_F(Checkpoint, RefusesWhatIsNotItsOwn) {
  EXPECT_THAT(refusal(options()), HasSubstr("no checkpoint to resume from"));
  Rig rig(options());
  rig.run();
  EXPECT_EQ(refusal(options()), "accepted");

  RigOptions o = options();
  o.train.fingerprint = "another";
  EXPECT_THAT(refusal(o), HasSubstr("another configuration or other data"));
  o = options();
  o.train.seed = 4;
  EXPECT_THAT(refusal(o), HasSubstr("begun with seed 3, not 4"));
  o = options();
  o.model.embedding_size = 7;
  EXPECT_THAT(refusal(o),
              HasSubstr("another model: its tensor 'model/embedding.weight' is F32 [40,6], not F32 [40,7]"));
  o = options();
  o.model.num_layers = 3;
  EXPECT_THAT(refusal(o), HasSubstr("it has no tensor 'model/lstm.2"));
  o = options();
  o.model.batch_norm_pooled = false;
  EXPECT_THAT(refusal(o), HasSubstr("another model"));
  o = options();
  o.optimizer.kind = OptimizerKind::sgd;
  EXPECT_THAT(refusal(o), HasSubstr("another model: it has")) << "moments too many";
}

TEST_F(Checkpoint, RefusesDamage) {
  Rig rig(options());
  rig.run();
  const auto size = std::filesystem::file_size(path());
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(size / 2));
    file.put('\x55');
  }
  EXPECT_THAT(refusal(options()), HasSubstr("damaged: its checksum"));
  std::filesystem::resize_file(path(), size - 100);
  EXPECT_THAT(refusal(options()), HasSubstr("truncated"));
  std::filesystem::resize_file(path(), 0);
  EXPECT_THAT(refusal(options()), HasSubstr("truncated"));
}

TEST_F(Checkpoint, RefusesOtherVersionsAndWordsThatAreNoState) {
  Rig rig(options());
  rig.run();
  rewrite(rig, "sluice_checkpoint", "9");
  EXPECT_THAT(refusal(options()), HasSubstr("checkpoint layout 9, and this program reads 4"));
  rewrite(rig, "sluice_checkpoint", "");
  EXPECT_THAT(refusal(options()), HasSubstr("not a checkpoint"));
  rewrite(rig, "sluice_checkpoint", "4");
  for (const char* word : {"", "-1", "1x", "99999999999999999999"}) {
    rewrite(rig, "update", word);
    EXPECT_THAT(refusal(options()), HasSubstr("no valid 'update'")) << word;
  }
  rewrite(rig, "update", "1");
  for (const char* word : {"", "0x", "1.5 "}) {
    rewrite(rig, "loss_sum", word);
    EXPECT_THAT(refusal(options()), HasSubstr("no valid 'loss_sum'")) << word;
  }
}

TEST_F(Checkpoint, KeepsEveryFieldOfTheState) {
  Rig rig(options());
  TrainState s{
      .seed = 3,
      .epoch = 1,
      .batches = 2,
      .batches_per_pass = 3,
      .update = 4,
      .micro_step = 5,
      .loss_sum = 0.1,
      .weight_sum = 1e-300,
      .documents = 12,
      .hits = 11,
      .averaged = 10,
      .evaluated_update = 6,
      .best_update = 7,
      .best_epoch = 8,
      .stopping = {.best = -0.7, .best_loss = 0.3, .reference = std::nullopt, .stale = 9},
      .loss_scale = {
          .scale = 1024.5, .good = 10, .pending_update = 11, .pending_scale = 0.75, .pending_finite = 1}};
  const CheckpointTensors tensors{rig.classifier->params().named(), rig.optimizer->state(), {}};
  save_checkpoint(folder_.path(), *rig.backend, s, tensors, "f");
  const TrainState t = load_checkpoint(folder_.path(), *rig.backend, 3, tensors, "f");
  const auto all = [](const TrainState& x) {
    return std::make_tuple(
        x.seed, x.epoch, x.batches, x.batches_per_pass, x.update, x.micro_step, x.loss_sum, x.weight_sum,
        x.documents, x.hits, x.averaged, x.evaluated_update, x.best_update, x.best_epoch, x.stopping.best,
        x.stopping.best_loss, x.stopping.reference, x.stopping.stale, x.loss_scale.scale, x.loss_scale.good,
        x.loss_scale.pending_update, x.loss_scale.pending_scale, x.loss_scale.pending_finite);
  };
  EXPECT_EQ(all(t), all(s));
}

// A child saves over and over and is killed at any moment: what it leaves is a whole checkpoint.
TEST_F(Checkpoint, SurvivesAKillAtAnyMoment) {
  {
    Rig rig(options());
    rig.run();
  }
  for (int kill = 0; kill < 8; ++kill) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Rig rig(options());
      TrainState state{.seed = 3};
      const CheckpointTensors tensors{rig.classifier->params().named(), rig.optimizer->state(),
                                      rig.classifier->params().named()};
      for (state.update = 0;; ++state.update)
        save_checkpoint(folder_.path(), *rig.backend, state, tensors, "0123abcd");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + 7 * kill));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
    EXPECT_EQ(refusal(options()), "accepted");
  }
}

}  // namespace
}  // namespace sluice
