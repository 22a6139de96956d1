// Trainings that fail on the way: the message names the documents, and what was saved before stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <stdexcept>

#include "tests/train/rig_backends.h"

namespace sluice {
namespace {

using test::Rig;
using test::RigOptions;
using test::TemporaryFolder;
using test::topic_options;

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

class Divergence : public testing::TestWithParam<test::RigBackend> {
 protected:
  Divergence() {
    options_.backend = GetParam().make;
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

INSTANTIATE_TEST_SUITE_P(, Divergence, testing::ValuesIn(test::rig_backends()),
                         [](const auto& test) { return test.param.name; });

TEST_P(Divergence, ALossThatIsNoNumberNamesItsDocumentsAndSavesNothing) {
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

TEST_P(Divergence, AnInfiniteGradientUpdatesNothing) {
  // All-zero embeddings: the logits are 0 and the loss is ln 3, but the head's weights, near the largest
  // float and of opposite signs, make the embedding's gradient infinite.
  options_.model.num_layers = 0;
  options_.sequences = 1;
  options_.train_documents.resize(1);  // one update a pass: none is under way behind it
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

TEST_P(Divergence, ValidationThatIsNoNumberNamesItsDocuments) {
  options_.valid_documents = {{{1, 2}, {0}}, {{38}, {1}}};
  for (auto& d : options_.train_documents)
    for (auto& token : d.tokens) token = std::min(token, 37);
  Rig rig(options_);
  fill(rig, parameter(rig, "embedding.weight").at(38), std::numeric_limits<float>::infinity());
  EXPECT_THAT(failure_of(rig), testing::HasSubstr("document 1"));
}

}  // namespace
}  // namespace sluice
