// What the user can get wrong: exit code 2, one line that says where and what, nothing half-written.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "tests/program/corpus.h"
#include "tests/program/files.h"
#include "tests/program/run_program.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Errors : testing::Test {
  Errors() { folder.write("good.tsv", small_corpus(60)); }

  // Runs, and expects one line with `text` and that the folder holds what it held.
  void expect_error(int exit_code, const std::vector<std::string>& arguments, const std::string& text,
                    const RunOptions& options = {}) {
    const auto before = folder.list();
    const Outcome outcome = run_sluice(arguments, options);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.err, AllOf(testing::StartsWith("sluice: error: "), HasSubstr(text)));
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(folder.list(), before);
  }
  void expect_user_error(const std::vector<std::string>& arguments, const std::string& text,
                         const RunOptions& options = {}) {
    expect_error(2, arguments, text, options);
  }
  std::vector<std::string> train(const std::string& file, const std::vector<std::string>& more = {}) {
    return train_small(folder.path(file), folder.path("run"), more);
  }
  void train_good() {
    const Outcome outcome = run_sluice(train("good.tsv"));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }
  std::string write(const std::string& name, const std::string& bytes) {
    folder.write(name, bytes);
    return name;
  }
  void flip_bit(const std::string& name) {
    std::string bytes = folder.read(name);
    bytes[bytes.size() * 2 / 3] ^= 4;
    folder.write(name, bytes);
  }

  Folder folder;
};

TEST_F(Errors, FilesThatCannotBeRead) {
  expect_user_error(train("none.tsv"), "none.tsv");
  expect_user_error(train(write("empty.tsv", "")), "empty.tsv");
  std::filesystem::create_directory(folder.path("dir.tsv"));
  expect_user_error(train("dir.tsv"), "dir.tsv");
  expect_user_error(train(write("broken.tsv.gz", "\x1f\x8b\x08\x00 this is no gzip")), "broken.tsv.gz");
  std::string noise;
  for (unsigned i = 0, x = 1; i < 5000; ++i)
    noise += static_cast<char>((x = x * 1664525u + 1013904223u) >> 24);
  expect_user_error(train(write("noise.tsv", noise)), "noise.tsv:");
  expect_user_error(train(write("unknown.xyz", "a\tb\n")), "unknown.xyz");
  expect_user_error({"train", "--train", "", "--out", folder.path("run")},
                    "--train '': the name of a file is empty");
  expect_user_error({"predict", "run", ""}, "FILE '': the name of a file is empty");
  expect_user_error({"train", "--train", folder.path("good.tsv"), "--valid", folder.path("none.tsv"), "--out",
                     folder.path("run")},
                    "none.tsv");
}

TEST_F(Errors, RowsThatCannotBeRead) {
  expect_user_error(train(write("few.csv", "label,text\na,some text\nb\n")), "few.csv:3:");
  expect_user_error(train(write("quote.csv", "label,text\na,\"never closed\nb,other\n")), "quote.csv:2:");
  expect_user_error(train(write("broken.jsonl", "{\"label\": \"a\", \"text\": \"x\"}\n{\"label\": \"a\",\n")),
                    "broken.jsonl:2:");
  std::string deep = "{\"label\": \"a\", \"text\": ";
  deep += std::string(100000, '[') + std::string(100000, ']') + "}\n";
  expect_user_error(train(write("deep.jsonl", deep)), "deep.jsonl:1:");
  expect_user_error(train(write("types.jsonl", "{\"label\": \"a\", \"text\": {\"x\": 1}}\n")),
                    "types.jsonl:1:");
  expect_user_error(train(write("utf8.tsv", "label\ttext\na\tgood\nb\tbad \xff\n")), "utf8.tsv:3:");
  expect_user_error(train(write("nul.tsv", std::string("label\ttext\na\tgood\nb\tb\0d\n", 24))),
                    "nul.tsv:3:");
  expect_user_error(train("good.tsv", {"--set", "data.text_column=words"}), "words");
  expect_user_error(
      train(write("columns.csv", "label,text,more\na,x,y\n"), {"--set", "data.label_column=topic"}), "topic");
}

TEST_F(Errors, LabelsThatTeachNothing) {
  expect_user_error(train(write("one.tsv", "label\ttext\na\tsome text\na\tother text\n")), "label");
}

TEST_F(Errors, OptionsCommandsAndKeysThatDoNotExist) {
  expect_user_error({"trian", "--train", "x"}, "did you mean 'train'?");
  expect_user_error({}, "no command");
  expect_user_error({"--versoin"}, "did you mean '--version'?");
  expect_user_error({"train", "--tarin", "x"}, "did you mean '--train'?");
  expect_user_error({"train", "--outt=x", "--train", "x"}, "did you mean '--out'?");
  expect_user_error({"train"}, "--train");
  expect_user_error({"train", "--train", "x"}, "--out");
  expect_user_error({"predict"}, "RUN");
  expect_user_error({"predict", "a", "b", "c"}, "'c'");
  expect_user_error({"train", "--out"}, "--out");
  expect_user_error(train("good.tsv", {"--set", "model.hiden_size=8"}), "did you mean 'model.hidden_size'?");
  expect_user_error(train("good.tsv", {"--config", folder.path("none.toml")}), "none.toml");
  write("bad.toml", "[model]\nhidden_sizes = 8\n");
  expect_user_error(train("good.tsv", {"--config", folder.path("bad.toml")}), "bad.toml:2:1: ");
}

TEST_F(Errors, NoNameIsSuggestedThatIsFarOff) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"nonsense"},
        {"train", "--nonsense"},
        train("good.tsv", {"--set", "nonsense=1"}),
        train("good.tsv", {"--set", "text.stemmer=klingon"}),
        train("good.tsv", {"--set", "data.text_column=nonsense"})}) {
    const Outcome outcome = run_sluice(arguments);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, testing::Not(testing::AnyOf(HasSubstr("did you mean"), HasSubstr("nearest"))));
  }
}

TEST_F(Errors, ValuesOutOfRangeOrOfAnotherType) {
  expect_user_error(train("good.tsv", {"--set", "model.dropout=2"}),
                    "model.dropout is 2, but must be from 0");
  expect_user_error(train("good.tsv", {"--set", "train.epochs=many"}), "train.epochs must be a whole number");
  expect_user_error(train("good.tsv", {"--seed", "-1"}), "--seed: train.seed is -1");
  expect_user_error(train("good.tsv", {"--device", "tpu"}), "--device: train.device is 'tpu', but must be");
  expect_user_error(train("good.tsv", {"--device", "cpu", "--set", "model.dtype=bf16"}),
                    "model.dtype = bf16: needs a GPU; use --device cuda, or model.dtype = f32");
  for (const char* device : {"cuda:", "cuda:-1", "cuda:1x", "cuda:9999", "cpu:1", "1"})
    expect_user_error(train("good.tsv", {"--device", device}), "must be auto, cpu, cuda or cuda:1");
  expect_user_error(train("good.tsv", {"--device", "cuda:999"}), "--device cuda:999: ");
  expect_user_error(train("good.tsv", {"--device", "cpu", "--set", "train.cuda_graph=on"}),
                    "train.cuda_graph = on: the device is a CPU; use train.cuda_graph = auto");
  expect_user_error(train("good.tsv", {"--format", "pdf"}), "--format: data.format");
  expect_user_error(train("good.tsv", {"--set", "train.metric=acuracy"}), "acuracy");
  expect_user_error(train("good.tsv", {"--set", "model.pooling="}), "model.pooling");
  expect_user_error(train("good.tsv", {"--set", "model.hidden_size=8,8,8"}), "model.hidden_size");
  expect_user_error(train("good.tsv", {"--set", "model.cell=gru", "--set", "model.zoneout_cell=0.1"}),
                    "model.zoneout_cell: a gru has no cell state");
  expect_user_error(train("good.tsv", {"--set", "model.cell=gru", "--set", "rnn.path=onednn"}),
                    "rnn.path = onednn: no gru");
  expect_user_error(train("good.tsv", {"--set", "model.layer_norm=true", "--set", "rnn.path=onednn"}),
                    "rnn.path = onednn: no layer normalisation in the cell");
  expect_user_error(train("good.tsv", {"--set", "text.stemmer=klingon"}), "text.stemmer");
  for (const char* top : {"0", "x", "-1", "1.5", "99999999999"})
    expect_user_error({"predict", "run", "--top", top},
                      fmt::format("--top: must be a whole number from 1, not '{}'", top));
  write("bad.toml", "[model]\nhidden_size = \"big\"\n");
  expect_user_error(train("good.tsv", {"--config", folder.path("bad.toml")}), "bad.toml:2:15: ");
}

TEST_F(Errors, ModelsTooLargeForMemory) {
  expect_user_error(train("good.tsv", {"--set", "model.hidden_size=65536", "--set", "model.num_layers=20"}),
                    "model.hidden_size");
}

TEST_F(Errors, AGpuThatIsNotThere) {
  const Outcome outcome = run_sluice(train("good.tsv", {"--device", "cuda"}));
  if (outcome.exit_code == 0) GTEST_SKIP() << "this machine has a GPU";
  std::filesystem::remove_all(folder.path("run"));
  expect_user_error(train("good.tsv", {"--device", "cuda"}), "cuda");
}

TEST_F(Errors, RunFoldersThatAreNotAsTheyShould) {
  train_good();
  expect_user_error(train("good.tsv"), "exists");
  expect_user_error({"predict", folder.path("norun")}, "norun");
  expect_user_error({"predict", folder.path("good.tsv")}, "good.tsv");
  expect_user_error({"info", folder.path()}, "config.toml");
  expect_user_error({"evaluate", folder.path("norun"), "--data", folder.path("good.tsv")}, "norun");
  expect_user_error(train_small(folder.path("good.tsv"), folder.path("norun"), {"--resume"}), "norun");
  expect_user_error(train_small(folder.path("good.tsv"), folder.path("no/such/parent")), "no/such/parent");
  expect_user_error({"predict", folder.path("run"), "--set", "model.num_layers=3"},
                    "model.num_layers is fixed");
  expect_user_error({"evaluate", folder.path("run"), "--data", folder.path("none.tsv")}, "none.tsv");
}

TEST_F(Errors, RunFoldersOfAnotherVersion) {
  train_good();
  std::string config = folder.read("run/config.toml");
  config.replace(config.find("format = 1"), 10, "format = 9");
  folder.write("run/config.toml", config + "\n[future]\nkey = 1\n");
  expect_user_error({"predict", folder.path("run")}, "another version");
  expect_user_error({"evaluate", folder.path("run"), "--data", folder.path("good.tsv")}, "another version");
  expect_user_error(train("good.tsv", {"--resume"}), "another version");
}

TEST_F(Errors, DamagedRunFolders) {
  train_good();
  const std::string model = folder.read("run/model.safetensors");
  flip_bit("run/model.safetensors");
  expect_user_error({"predict", folder.path("run")}, "model.safetensors", {.input = "goal\n"});
  folder.write("run/model.safetensors", model.substr(0, model.size() / 2));
  expect_user_error({"predict", folder.path("run")}, "model.safetensors", {.input = "goal\n"});
  folder.write("run/model.safetensors", model);

  const std::string checkpoint = folder.read("run/checkpoint/state.safetensors");
  flip_bit("run/checkpoint/state.safetensors");
  expect_user_error(train("good.tsv", {"--resume"}), "state.safetensors");
  folder.write("run/checkpoint/state.safetensors", checkpoint.substr(0, checkpoint.size() - 100));
  expect_user_error(train("good.tsv", {"--resume"}), "state.safetensors");
  folder.write("run/checkpoint/state.safetensors", checkpoint);
  folder.write("other.tsv", small_corpus(66, 5));
  expect_user_error(train("other.tsv", {"--resume"}), "state.safetensors");

  const std::string labels = folder.read("run/labels.txt");
  folder.write("run/labels.txt", "music\n");
  expect_user_error({"predict", folder.path("run")}, "run", {.input = "goal\n"});
  folder.write("run/labels.txt", labels.substr(0, labels.size() - 3));
  expect_user_error({"predict", folder.path("run")}, "labels.txt", {.input = "goal\n"});
}

TEST_F(Errors, OutputsThatCannotBeReplaced) {
  train_good();
  std::filesystem::create_directory(folder.path("taken"));
  for (const char* flag : {"--json", "--predictions"})
    expect_user_error(
        {"evaluate", folder.path("run"), "--data", folder.path("good.tsv"), flag, folder.path("taken")},
        "taken: is there");
}

// Room for the program, not for its workers' stacks.
TEST_F(Errors, WorkersThatCannotStartAreFailures) {
#ifdef SLUICE_SANITIZED
  GTEST_SKIP() << "sanitizers reserve more address space than the limit";
#endif
  expect_error(1, train("good.tsv", {"--quiet", "--set", "train.threads=64"}), "cannot start 64 threads",
               {.memory_bytes = 300 << 20});
}

TEST_F(Errors, FullDisksAreFailures) {
  // So small that the corpus cannot be prepared; then, that the model cannot be written.
  expect_error(1, train("good.tsv", {"--quiet"}), "", {.file_bytes = 1000});
  const Outcome outcome =
      run_sluice(train("good.tsv", {"--quiet", "--set", "model.hidden_size=64"}), {.file_bytes = 65536});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_FALSE(folder.has("run/model.safetensors"));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    EXPECT_THAT(entry.path().filename().string(), testing::Not(HasSubstr("tmp")));
  }
  std::filesystem::remove_all(folder.path("run"));
  train_good();
  expect_error(1, {"predict", folder.path("run")}, "cannot write",
               {.input = "goal\n", .out_path = "/dev/full"});
  expect_error(1, {"config"}, "cannot write", {.out_path = "/dev/full"});
}

}  // namespace
}  // namespace sluice
