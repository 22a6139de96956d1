// model.bigram_buckets through the real program.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include "host/program/report.h"
#include "tests/program/files.h"
#include "tests/program/run_program.h"

namespace sluice {
namespace {

// Order is what the mean of bigrams knows and that of words does not.
TEST(Bigrams, TellTheOrderOfWordsToABagOfWords) {
  Folder folder;
  std::string text;
  for (int d = 0; d < 200; ++d) {
    const bool order = d % 2 == 0;
    text += fmt::format("{}\tfiller{} {} filler{}\n", order ? "a" : "b", d % 7,
                        order ? "left right" : "right left", d % 5);
  }
  folder.write("order.tsv", text);
  const auto accuracy = [&](const std::string& name, const std::string& buckets) {
    Outcome outcome =
        run_sluice({"train", "--train", folder.path("order.tsv"), "--out", folder.path(name), "--device",
                    "cpu", "--set", "model.num_layers=0", "--set", "model.pooling=mean", "--set",
                    "optim.learning_rate=0.05", "--set", "optim.keep_idle_moments=true", "--set",
                    "train.epochs=10", "--set", "model.bigram_buckets=" + buckets});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::string json = folder.path(name + ".json");
    outcome = run_sluice({"evaluate", folder.path(name), "--data", folder.path("order.tsv"), "--json", json});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::string predicted =
        run_sluice({"predict", folder.path(name)}, {.input = "left right\nfiller1 right left\n"}).out;
    EXPECT_EQ(predicted.starts_with("a\t") && predicted.find("\nb\t") != std::string::npos, buckets != "0");
    folder.write(name + ".wrapped", "{\"test\": " + folder.read(name + ".json") + "}");
    const auto metrics = read_metrics(folder.path(name + ".wrapped"));
    for (const auto& [key, value] : metrics.at(0).second)
      if (key == "accuracy") return value;
    return -1.0;
  };
  EXPECT_EQ(accuracy("bigrams", "4096"), 1.0);
  EXPECT_LT(accuracy("words", "0"), 0.6);
  folder.write("empty.tsv", "a\t\nb\t\n");
  EXPECT_EQ(run_sluice({"evaluate", folder.path("bigrams"), "--data", folder.path("empty.tsv")}).exit_code,
            0);
}

}  // namespace
}  // namespace sluice
