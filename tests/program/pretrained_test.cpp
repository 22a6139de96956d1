// sluice train with pretrained vectors: the real program from end to end.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/program/corpus.h"
#include "tests/program/files.h"
#include "tests/program/run_program.h"

namespace sluice {
namespace {

using testing::HasSubstr;

struct Pretrained : testing::Test {
  Pretrained() { folder.write("train.tsv", small_corpus(300)); }

  // A bag of words of one epoch that starts from the vectors.
  Outcome train(const std::vector<std::string>& settings) {
    std::vector<std::string> command = {"train", "--train", folder.path("train.tsv"), "--out", run};
    for (const std::string& setting : settings) {
      command.push_back("--set");
      command.push_back(setting);
    }
    for (const std::string& setting :
         {"model.pretrained=" + vectors, std::string("model.num_layers=0"), std::string("train.epochs=1")}) {
      command.push_back("--set");
      command.push_back(setting);
    }
    return run_sluice(command);
  }

  Folder folder;
  const std::string run = folder.path("run");
  const std::string vectors =
      folder.write("vectors.txt", "goal 1 0 0 0 0\ntariff 0 1 0 0 0\nViolin 0 0 1 0 0\nunused 0 0 0 1 0\n");
};

TEST_F(Pretrained, GiveTheModelItsWidth) {
  const Outcome outcome = train({"model.embedding_frozen=true"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err,
              HasSubstr("5 numbers each, for 13.0% of the vocabulary (1 of these by another case)"));
  EXPECT_THAT(folder.read("run/config.toml"), HasSubstr("embedding_size = 5"));
  std::filesystem::remove(vectors);
  EXPECT_EQ(run_sluice({"predict", run}, {.input = "goal\n"}).exit_code, 0);
}

TEST_F(Pretrained, FillTheFirstNumbersOfAWiderModel) {
  const Outcome outcome = train({"model.embedding_size=7"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(folder.read("run/config.toml"), HasSubstr("embedding_size = 7"));
}

TEST_F(Pretrained, MustFit) {
  const auto error_of = [&](const std::vector<std::string>& settings) {
    const Outcome outcome = train(settings);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_FALSE(folder.has("run"));
    return outcome.err;
  };
  EXPECT_THAT(error_of({"model.embedding_size=4"}),
              HasSubstr("the vectors have 5 numbers but model.embedding_size is 4; set it to 5 or more"));
  EXPECT_THAT(error_of({"model.embedding_size=7", "model.embedding_frozen=true"}),
              HasSubstr("model.embedding_frozen: the vectors have 5 numbers"));
}

}  // namespace
}  // namespace sluice
