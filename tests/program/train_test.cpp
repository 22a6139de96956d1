// sluice train, evaluate, predict, info, config, prepare: the real program from end to end.
#include <gmock/gmock.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "host/program/config.h"
#include "host/program/option.h"
#include "host/program/report.h"
#include "tests/program/corpus.h"
#include "tests/program/files.h"
#include "tests/program/run_program.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::SizeIs;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    lines.push_back(text.substr(begin, end - begin));
  }
  return lines;
}

// A folder with a corpus and one model trained on it.
struct Trained : testing::Test {
  void train(const std::vector<std::string>& more = {}) {
    folder.write("train.tsv", small_corpus(300));
    folder.write("test.tsv", small_corpus(90, 2));
    std::vector<std::string> all = {"--test", folder.path("test.tsv")};
    all.insert(all.end(), more.begin(), more.end());
    outcome = run_sluice(train_small(folder.path("train.tsv"), run, all));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }
  double figure(const std::string& part, const std::string& name) const {
    for (const auto& [which, figures] : read_metrics(run + "/metrics.json")) {
      for (const auto& [key, value] : figures) {
        if (which == part && key == name) return value;
      }
    }
    return -1;
  }

  Folder folder;
  const std::string run = folder.path("run");
  Outcome outcome;
};

TEST_F(Trained, LearnsAndLeavesARunFolder) {
  train({"--set", "train.epochs=8", "--set", "train.metric=log_loss"});
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("validation: accuracy"), HasSubstr("test: accuracy")));
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("lstm.0: path"), HasSubstr("parameters"), HasSubstr("padding"),
                                 HasSubstr("tokens/s"), HasSubstr("epoch 8/8")));
  for (const char* name : {"config.toml", "model.safetensors", "vocab.txt", "labels.txt", "checkpoint",
                           "metrics.json", "metrics.jsonl"}) {
    EXPECT_TRUE(folder.has(std::string("run/") + name)) << name;
  }
  EXPECT_EQ(folder.read("run/labels.txt"), "music\nsport\ntrade\n");
  EXPECT_GT(figure("test", "accuracy"), 0.95);
  EXPECT_GT(figure("valid", "accuracy"), 0.9);
  EXPECT_THAT(lines_of(folder.read("run/metrics.jsonl")),
              SizeIs(16));  // an epoch: its training and its validation
}

TEST_F(Trained, RunConfigurationIsCompleteAndEffective) {
  train({"--seed", "7"});
  Config config;
  put_toml(config, folder.read("run/config.toml"), "config.toml");
  EXPECT_EQ(config.train.seed, 7u);
  EXPECT_EQ(config.model.embedding_size, 8);
  EXPECT_EQ(config.model.loss, Loss::softmax);  // settled, not "auto"
  EXPECT_EQ(to_toml(config), folder.read("run/config.toml"));
  const Outcome printed = run_sluice({"config", run});
  EXPECT_EQ(printed.out, folder.read("run/config.toml"));
}

TEST_F(Trained, EvaluateRepeatsTheTestFigures) {
  train();
  const Outcome evaluated = run_sluice({"evaluate", run, "--data", folder.path("test.tsv"), "--json",
                                        folder.path("e.json"), "--predictions", folder.path("p.tsv")});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  folder.write("wrapped.json", "{\"test\": " + folder.read("e.json") + "}");
  EXPECT_EQ(read_metrics(folder.path("wrapped.json")).at(0), read_metrics(run + "/metrics.json").at(1));
  const auto rows = lines_of(folder.read("p.tsv"));
  ASSERT_THAT(rows, SizeIs(91));
  EXPECT_EQ(rows[0], "label\tprediction\tprobability");
  int right = 0;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const std::size_t tab = rows[i].find('\t'), second = rows[i].find('\t', tab + 1);
    right += rows[i].substr(0, tab) == rows[i].substr(tab + 1, second - tab - 1);
  }
  EXPECT_NEAR(right / 90.0, figure("test", "accuracy"), 1e-12);
}

TEST_F(Trained, PredictAgreesWithEvaluateInTheOrderOfTheInput) {
  train();
  std::string texts;
  for (const std::string& line : lines_of(folder.read("test.tsv")))
    texts += line.substr(line.find('\t') + 1) + '\n';
  folder.write("texts", texts);
  run_sluice({"evaluate", run, "--data", folder.path("test.tsv"), "--predictions", folder.path("p.tsv")});
  const Outcome from_file = run_sluice({"predict", run, folder.path("texts")});
  const Outcome from_stdin = run_sluice({"predict", run}, {.input = texts});
  EXPECT_EQ(from_file.exit_code, 0) << from_file.err;
  EXPECT_EQ(from_file.err, "");
  EXPECT_EQ(from_file.out, from_stdin.out);
  std::string expected;
  const auto rows = lines_of(folder.read("p.tsv"));
  for (std::size_t i = 1; i < rows.size(); ++i) expected += rows[i].substr(rows[i].find('\t') + 1) + '\n';
  EXPECT_EQ(from_file.out, expected);
}

TEST_F(Trained, PredictPrintsTopLabelsAndJson) {
  train();
  const Outcome top = run_sluice({"predict", run, "-", "--top", "3"}, {.input = "w1 goal w2\n\n"});
  const auto lines = lines_of(top.out);
  ASSERT_THAT(lines, SizeIs(2));  // an empty text has its line, too
  for (const std::string& line : lines) EXPECT_EQ(std::count(line.begin(), line.end(), '\t'), 5) << line;
  const Outcome json = run_sluice({"predict", run, "-", "--json"}, {.input = "w1 goal w2\n"});
  EXPECT_THAT(json.out, testing::StartsWith("{\"predictions\":[{\"label\":\""));
}

TEST_F(Trained, PredictTakesTextsOfAnyLength) {
  train({"--set", "text.max_tokens=0"});
  std::string longer;
  for (int i = 0; i < 3000; ++i) longer += "w1 goal ";
  const Outcome outcome_ = run_sluice({"predict", run}, {.input = "goal\n" + longer + "\ntariff\n"});
  EXPECT_EQ(outcome_.exit_code, 0) << outcome_.err;
  EXPECT_THAT(lines_of(outcome_.out), SizeIs(3));
}

TEST_F(Trained, PredictAnswersWhileItsInputStaysOpen) {
  train();
  Started predict({"predict", run});
  for (const char* text : {"w1 goal w2 w3\n", "w1 w2 tariff w3\n"}) {
    predict.write(text);
    EXPECT_THAT(predict.read_line(), HasSubstr("\t0.")) << text;
  }
  predict.close_input();
  EXPECT_EQ(predict.read_line(), "");
  EXPECT_EQ(predict.wait(), 0);
}

TEST_F(Trained, PredictGivesWhatComesBeforeABadRow) {
  train();
  const Outcome bad = run_sluice({"predict", run}, {.input = "goal\nviolin\n\xff\n"});
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(lines_of(bad.out), SizeIs(2));
  EXPECT_THAT(bad.err, HasSubstr("<stdin>:3:1"));
}

TEST_F(Trained, TheRunFolderIsSelfContained) {
  folder.write("stop", "w1\nw2\n");
  train({"--set", "text.stop_words=" + folder.path("stop")});
  const std::string before = run_sluice({"predict", run}, {.input = "w1 goal\n"}).out;
  std::filesystem::remove(folder.path("stop"));
  std::filesystem::remove(folder.path("train.tsv"));
  std::filesystem::rename(run, folder.path("moved"));
  const Outcome after = run_sluice({"predict", folder.path("moved")}, {.input = "w1 goal\n"});
  EXPECT_EQ(after.exit_code, 0) << after.err;
  EXPECT_EQ(after.out, before);
}

TEST_F(Trained, SameSeedSameBytesWhateverTheThreads) {
  train({"--set", "train.threads=1"});
  const std::string model = folder.read("run/model.safetensors");
  const Outcome again =
      run_sluice(train_small(folder.path("train.tsv"), folder.path("again"),
                             {"--test", folder.path("test.tsv"), "--set", "train.threads=2"}));
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(folder.read("again/model.safetensors"), model);
  EXPECT_EQ(folder.read("again/metrics.json"), folder.read("run/metrics.json"));
  const Outcome other =
      run_sluice(train_small(folder.path("train.tsv"), folder.path("other"), {"--seed", "9"}));
  ASSERT_EQ(other.exit_code, 0) << other.err;
  EXPECT_NE(folder.read("other/model.safetensors"), model);
}

// A signal, then --resume, equals a straight run to the bit.
TEST_F(Trained, StopsOnASignalAndGoesOn) {
  const std::vector<std::string> more = {"--set", "train.epochs=200", "--set", "train.max_updates=400"};
  train(more);
  for (const int signal : {SIGTERM, SIGINT}) {
    const std::string stopped = folder.path("stopped" + std::to_string(signal));
    std::vector<std::string> command = train_small(folder.path("train.tsv"), stopped, more);
    command.insert(command.end(), {"--test", folder.path("test.tsv")});
    Started training(command);
    ASSERT_TRUE(training.wait_for_error_text("epoch 2/200"));
    training.signal(signal);
    EXPECT_TRUE(training.wait_for_error_text("--resume"));
    ASSERT_EQ(training.wait(), 0);
    ASSERT_FALSE(std::filesystem::exists(stopped + "/model.safetensors"));
    ASSERT_TRUE(std::filesystem::exists(stopped + "/checkpoint"));
    const Outcome unfinished = run_sluice({"predict", stopped}, {.input = "goal\n"});
    EXPECT_EQ(unfinished.exit_code, 2);
    EXPECT_THAT(unfinished.err, HasSubstr("--resume"));

    command.push_back("--resume");
    const Outcome resumed = run_sluice(command);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_THAT(resumed.err, HasSubstr("resumed at update"));
    const std::string name = std::filesystem::path(stopped).filename();
    EXPECT_EQ(folder.read(name + "/model.safetensors"), folder.read("run/model.safetensors"));
    EXPECT_EQ(folder.read(name + "/metrics.json"), folder.read("run/metrics.json"));
    EXPECT_EQ(lines_of(folder.read(name + "/metrics.jsonl")).size(),
              lines_of(folder.read("run/metrics.jsonl")).size());
  }
}

TEST_F(Trained, ASecondSignalStopsAtOnce) {
  folder.write("train.tsv", small_corpus(3000));
  int code = 0;
  // One step of this model is long, but a busy machine may not have begun it when the signals come: then it
  // ends with 0.
  for (int attempt = 0; attempt < 5 && code == 0; ++attempt) {
    Started training(train_small(
        folder.path("train.tsv"), run + std::to_string(attempt),
        {"--set", "model.hidden_size=512", "--set", "batch.tokens=100000", "--set", "batch.sequences=3000"}));
    ASSERT_TRUE(training.wait_for_error_text("parameters"));
    std::this_thread::sleep_for(std::chrono::milliseconds(100 << attempt));
    training.signal(SIGINT);
    ASSERT_TRUE(training.wait_for_error_text("a second signal"));
    training.signal(SIGINT);
    code = training.wait();
    EXPECT_FALSE(std::filesystem::exists(run + std::to_string(attempt) + "/model.safetensors"));
  }
  EXPECT_EQ(code, 128 + SIGINT);
}

TEST_F(Trained, KilledAtAnyMomentGoesOn) {
  const std::vector<std::string> more = {"--set", "train.max_updates=40", "--set", "train.checkpoint_every=3",
                                         "--set", "train.epochs=100"};
  train(more);
  std::vector<std::string> command = train_small(folder.path("train.tsv"), folder.path("killed"), more);
  {
    Started training(command);
    ASSERT_TRUE(training.wait_for_error_text("epoch 2/100"));
    training.signal(SIGKILL);
    EXPECT_EQ(training.wait(), 128 + SIGKILL);
  }
  command.push_back("--resume");
  const Outcome resumed = run_sluice(command);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(folder.read("killed/model.safetensors"), folder.read("run/model.safetensors"));
}

TEST_F(Trained, ResumesFromTheBeginningWhereNoCheckpointWasReached) {
  train();
  const std::string model = folder.read("run/model.safetensors"), metrics = folder.read("run/metrics.jsonl");
  std::filesystem::remove_all(folder.path("run/checkpoint"));
  std::filesystem::remove(folder.path("run/model.safetensors"));
  const Outcome resumed =
      run_sluice({"train", "--train", folder.path("train.tsv"), "--out", run, "--resume"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(folder.read("run/model.safetensors"), model);
  EXPECT_EQ(lines_of(folder.read("run/metrics.jsonl")).size(), lines_of(metrics).size());
}

TEST_F(Trained, GoesOnForMoreEpochs) {
  train();
  const Outcome longer = run_sluice(
      {"train", "--train", folder.path("train.tsv"), "--out", run, "--resume", "--set", "train.epochs=3"});
  ASSERT_EQ(longer.exit_code, 0) << longer.err;
  EXPECT_THAT(longer.err, HasSubstr("epoch 3/3"));
  EXPECT_THAT(lines_of(folder.read("run/metrics.jsonl")), SizeIs(6));
  EXPECT_THAT(folder.read("run/config.toml"), HasSubstr("\nepochs = 3\n"));
}

TEST_F(Trained, QuietSaysNothingButTheResult) {
  train({"--quiet"});
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(lines_of(outcome.out), SizeIs(2));
}

TEST_F(Trained, BothLayoutsGiveTheSameResults) {
  train();
  const std::string packed = folder.read("run/metrics.json");
  const Outcome padded =
      run_sluice(train_small(folder.path("train.tsv"), folder.path("padded"),
                             {"--test", folder.path("test.tsv"), "--set", "batch.layout=padded"}));
  ASSERT_EQ(padded.exit_code, 0) << padded.err;
  const auto figures = read_metrics(folder.path("padded/metrics.json"));
  for (const auto& [name, value] : figures.at(1).second)
    EXPECT_NEAR(value, figure("test", name), 1e-4) << name;
}

TEST_F(Trained, EmbeddingsMayBeWiderThanTheStates) {
  train({"--set", "model.embedding_size=50", "--set", "model.hidden_size=4"});
  EXPECT_GT(figure("test", "accuracy"), 0.4);
}

// Legal, counted, said in one line each.
TEST_F(Trained, SaysWhatIsOddInTheData) {
  const std::string train_rows = small_corpus(300);
  folder.write("train.tsv", train_rows + "sport\t\n");
  const std::string test_rows = "chess\tgoal w1\n" + train_rows.substr(0, train_rows.find('\n') + 1);
  folder.write("test.tsv", test_rows);
  const Outcome odd = run_sluice(train_small(
      folder.path("train.tsv"), run, {"--test", folder.path("test.tsv"), "--set", "data.valid_share=0"}));
  ASSERT_EQ(odd.exit_code, 0) << odd.err;
  EXPECT_THAT(odd.err, AllOf(HasSubstr("1 document without any token"),
                             HasSubstr("1 document with a label that training never had"),
                             HasSubstr("1 document with the same tokens as a training document")));
  EXPECT_LE(figure("test", "accuracy"), 0.5);  // the label nobody could predict counts as wrong
  EXPECT_EQ(figure("test", "unseen_documents"), 1);
}

TEST_F(Trained, SeveralLabelsMakeASigmoidModel) {
  folder.write(
      "several.txt",
      "__label__a __label__b goal tariff\n__label__a goal w1\n__label__b tariff w2\n__label__a goal w3\n"
      "__label__b tariff\n__label__a __label__b tariff goal w1\n");
  const Outcome several = run_sluice(
      train_small(folder.path("several.txt"), folder.path("several"),
                  {"--set", "text.min_count=1", "--set", "train.epochs=80", "--set", "data.valid_share=0"}));
  ASSERT_EQ(several.exit_code, 0) << several.err;
  EXPECT_THAT(folder.read("several/config.toml"), HasSubstr("loss = \"sigmoid\""));
  const Outcome both = run_sluice({"predict", folder.path("several")}, {.input = "goal tariff\ngoal\n"});
  const auto lines = lines_of(both.out);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_THAT(lines[0], AllOf(HasSubstr("a\t"), HasSubstr("b\t")));
  EXPECT_THAT(lines[1], testing::Not(HasSubstr("b\t")));
}

TEST_F(Trained, PredictsNothingForNothing) {
  train();
  folder.write("nothing.txt", "");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"predict", run}, {"predict", run, folder.path("nothing.txt")}}) {
    const Outcome said = run_sluice(arguments);
    EXPECT_EQ(said.exit_code, 0) << said.err;
    EXPECT_EQ(said.out + said.err, "");
  }
}

TEST_F(Trained, InfoSaysWhatTheRunIs) {
  train();
  const Outcome info = run_sluice({"info", run});
  EXPECT_EQ(info.exit_code, 0) << info.err;
  EXPECT_THAT(info.out,
              AllOf(HasSubstr("3: music, sport, trade"), HasSubstr("1 bidirectional lstm layer of 8"),
                    HasSubstr("max and mean pooling, softmax loss"), HasSubstr("lstm.0.weight_recurrent"),
                    HasSubstr("accuracy")));
}

TEST_F(Trained, PrepareMakesTheCacheThatTrainFinds) {
  folder.write("train.tsv", small_corpus(300));
  const Folder cache;
  const RunOptions own_cache{.environment = {"SLUICE_CACHE=" + cache.path()}};
  const Outcome prepared = run_sluice({"prepare", "--train", folder.path("train.tsv")}, own_cache);
  ASSERT_EQ(prepared.exit_code, 0) << prepared.err;
  EXPECT_THAT(prepared.err, HasSubstr("270 documents"));
  ASSERT_THAT(cache.list(), SizeIs(1));
  const auto time = std::filesystem::last_write_time(cache.path(cache.list()[0]));
  ASSERT_EQ(run_sluice(train_small(folder.path("train.tsv"), run), own_cache).exit_code, 0);
  EXPECT_THAT(cache.list(), SizeIs(1));
  EXPECT_LE(time, std::filesystem::last_write_time(cache.path(cache.list()[0])));
}

TEST(Program, PrintsHelpWithDefaultsInEffect) {
  EXPECT_THAT(run_sluice({"--version"}).out, testing::MatchesRegex("sluice [0-9.]+\n"));
  const Outcome help = run_sluice({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("train"), HasSubstr("evaluate"), HasSubstr("predict"),
                              HasSubstr("prepare"), HasSubstr("info"), HasSubstr("config")));
  const Outcome train_help = run_sluice({"train", "--set", "train.epochs=77", "--help"});
  EXPECT_EQ(train_help.exit_code, 0);
  EXPECT_THAT(train_help.out, AllOf(HasSubstr("Files:"), HasSubstr("Settings:"), HasSubstr("--resume"),
                                    HasSubstr("train.epochs = 77"), HasSubstr("model.bidirectional = true")));
}

TEST(Program, PrintsTheWholeConfiguration) {
  const Folder folder;
  folder.write("my.toml", "[model]\nhidden_size = 24\ndropout = 0.25\n");
  const Outcome printed =
      run_sluice({"config", "--config", folder.path("my.toml"), "--set", "model.dropout=0.5", "--seed", "5"});
  ASSERT_EQ(printed.exit_code, 0) << printed.err;
  Config config;
  put_toml(config, printed.out, "printed");
  EXPECT_EQ(to_toml(config), printed.out);
  EXPECT_THAT(config.model.hidden_size, ElementsAre(24));
  EXPECT_EQ(config.model.dropout, 0.5);  // --set wins over --config
  EXPECT_EQ(config.train.seed, 5u);
}

}  // namespace
}  // namespace sluice
