// sluice train --device cuda, the real program, against --device cpu; runs move between devices.
#include <gmock/gmock.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "host/program/report.h"
#include "tests/program/corpus.h"
#include "tests/program/files.h"
#include "tests/program/run_program.h"

namespace sluice {
namespace {

using testing::HasSubstr, testing::Not;

// The first `documents` lines of the corpus R8; empty where there are no corpora.
std::string head_of_r8(int documents) {
  const char* corpora = std::getenv("SLUICE_CORPORA");
  if (corpora == nullptr) return {};
  std::ifstream in(std::string(corpora) + "/r8/train.tsv");
  std::string text;
  for (std::string line; documents > 0 && std::getline(in, line); --documents) text += line + "\n";
  return text;
}

// Counts must be equal; the log loss, relatively, within `bound`.
void expect_same_metrics(const std::string& got, const std::string& want, double bound) {
  const auto a = read_metrics(got), b = read_metrics(want);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t part = 0; part < a.size(); ++part) {
    EXPECT_EQ(a[part].first, b[part].first);
    ASSERT_EQ(a[part].second.size(), b[part].second.size());
    for (std::size_t i = 0; i < a[part].second.size(); ++i) {
      const auto& [name, value] = a[part].second[i];
      const double other = b[part].second[i].second;
      EXPECT_NEAR(value, other, name == "log_loss" ? bound * std::abs(other) : 0) << name;
    }
  }
}

using Arguments = std::vector<std::string>;

// train(file, run) gives the program's arguments. path: the recurrent path on the GPU.
template <class Train>
void trains_alike(const std::string& documents, double bound, const Train& train,
                  const std::string& path = "step") {
  const Folder folder;
  const std::string file = folder.write("train.tsv", documents);
  for (const char* device : {"cpu", "cuda"}) {
    Arguments arguments = train(file, folder.path(device));
    arguments.insert(arguments.end(), {"--test", file, "--device", device});
    const bool gpu = device == std::string("cuda");
    if (gpu) arguments.insert(arguments.end(), {"--set", "rnn.path=" + path});
    const Outcome outcome = run_sluice(arguments);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::string taken = !gpu ? "cpu" : path == "auto" ? "persistent" : path;
    EXPECT_THAT(outcome.err, HasSubstr("path " + taken));
    EXPECT_THAT(outcome.err, Not(HasSubstr("vgpu cudnn:")));  // a virtual cuDNN's word of misuse
  }
  expect_same_metrics(folder.path("cuda/metrics.json"), folder.path("cpu/metrics.json"), bound);
  // What a GPU trained, the CPU predicts with, and the other way round.
  std::string first;
  for (const char* run : {"cuda", "cpu"})
    for (const char* device : {"cpu", "cuda"}) {
      const Outcome outcome = run_sluice({"evaluate", folder.path(run), "--data", file, "--device", device,
                                          "--quiet", "--set", "rnn.path=auto"});
      ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
      if (first.empty()) first = outcome.out;
      EXPECT_EQ(outcome.out, first) << run << " on " << device;
    }
}

Arguments steep(const std::string& file, const std::string& run) {
  return train_small(file, run);
}

TEST(GpuProgram, trains_a_small_corpus_as_the_cpu_does) {
  trains_alike(small_corpus(200), 1e-5, steep);
  trains_alike(small_corpus(200), 1e-5, steep, "auto");
}

// Ranges for profilers: around each verb, and in it around each kernel.
TEST(GpuProgram, shows_its_verbs_and_kernels_to_profilers) {
#ifndef SLUICE_NVTX_PROBE
  GTEST_SKIP() << "the toolkit has no NVTX";
#else
  const Folder folder;
  const RunOptions probed = {.environment = {"NVTX_INJECTION64_PATH=" SLUICE_NVTX_PROBE,
                                             "SLUICE_NVTX_LOG=" + folder.path("ranges")}};
  const Outcome outcome =
      run_sluice(train_small(folder.write("train.tsv", small_corpus(30)), folder.path("run"),
                             {"--device", "cuda", "--set", "train.epochs=1", "--set", "rnn.path=step"}),
                 probed);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::string ranges = "\n" + folder.read("ranges");
  EXPECT_NE(ranges.find("\nsoftmax_xent\n softmax_xent\n"), std::string::npos) << "a verb, its kernel in it";
  for (const char* line :
       {"\nrnn_forward\n ", "\n step_forward\n", "\nrnn_backward\n ", "\nadam\n ", "\nopen 0\n"})
    EXPECT_NE(ranges.find(line), std::string::npos) << line;
#endif
}

TEST(GpuProgram, trains_a_real_corpus_as_the_cpu_does) {
  const std::string documents = head_of_r8(200);
  if (documents.empty()) GTEST_SKIP() << "SLUICE_CORPORA is not set";
  trains_alike(documents, 1e-5, [](const std::string& file, const std::string& run) {
    return Arguments{"train",
                     "--train",
                     file,
                     "--out",
                     run,
                     "--set",
                     "train.epochs=2",
                     "--set",
                     "model.hidden_size=16",
                     "--set",
                     "model.embedding_size=16"};
  });
}

// Hundreds of steep updates drive any two f32 trainings apart; in f64 there is nothing to drive.
TEST(GpuProgram, trains_a_real_corpus_steeply_in_f64_as_the_cpu_does) {
  const std::string documents = head_of_r8(200);
  if (documents.empty()) GTEST_SKIP() << "SLUICE_CORPORA is not set";
  trains_alike(documents, 1e-9, [](const std::string& file, const std::string& run) {
    return train_small(file, run, {"--set", "model.dtype=f64"});
  });
}

double log_loss_of(const std::string& metrics) {
  for (const auto& [part, figures] : read_metrics(metrics))
    for (const auto& [name, value] : figures)
      if (part == "test" && name == "log_loss") return value;
  return std::nan("");
}

// A run trained in 16 bits is a model like any other: its parameters are f32 and serve every type and device.
TEST(GpuProgram, trains_a_real_corpus_in_16_bits) {
  const std::string documents = head_of_r8(200);
  if (documents.empty()) GTEST_SKIP() << "SLUICE_CORPORA is not set";
  const Folder folder;
  const std::string file = folder.write("train.tsv", documents);
  // With a scale of the loss that is found on the way, f16 would skip updates; with long steps, each rounding
  // would grow into another training.
  const auto train = [&](const char* run, const char* device, const char* loss_scale) {
    const Outcome outcome = run_sluice(
        train_small(file, folder.path(run),
                    {"--test", file, "--device", device, "--set", std::string("model.dtype=") + run, "--set",
                     std::string("train.loss_scale=") + loss_scale, "--set", "optim.learning_rate=0.001"}));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  };
  const auto evaluate = [&](const std::string& run, const char* device, const std::string& more) {
    Arguments arguments = {"evaluate", folder.path(run), "--data", file, "--device", device, "--quiet"};
    if (!more.empty()) arguments.insert(arguments.end(), {"--set", more});
    return run_sluice(arguments);
  };
  train("f32", "cpu", "1");
  const double want = log_loss_of(folder.path("f32/metrics.json"));
  for (const auto& [type, bound] : {std::pair{"bf16", 0.04}, {"f16", 0.005}}) {
    train(type, "cuda", "1024");
    EXPECT_NEAR(log_loss_of(folder.path(std::string(type) + "/metrics.json")), want, bound * want) << type;
    const Outcome refused = evaluate(type, "cpu", "");
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_NE(refused.err.find("model.dtype"), std::string::npos) << refused.err;
    const Outcome cpu = evaluate(type, "cpu", "model.dtype=f32"),
                  gpu = evaluate(type, "cuda", "model.dtype=f32");
    ASSERT_EQ(cpu.exit_code, 0) << cpu.err;
    EXPECT_EQ(cpu.out, gpu.out);
  }
}

// Whether this build and machine have cuDNN.
bool has_cudnn() {
  const auto backend = make_backend({.device = Device::cuda});
  try {
    return backend->choose_path(RnnPath::cudnn, {.input_size = 1, .hidden_size = 1}, nullptr) ==
           RnnPath::cudnn;
  } catch (const UserError&) {
    return false;
  }
}

TEST(GpuProgram, trains_by_cudnn_as_the_cpu_does) {
  if (!has_cudnn()) GTEST_SKIP() << "no cuDNN";
  trains_alike(small_corpus(200), 1e-5, steep, "cudnn");
}

TEST(GpuProgram, trains_by_cudnn_in_segments_as_the_cpu_does) {
  if (!has_cudnn()) GTEST_SKIP() << "no cuDNN";
  const auto train = [](const std::string& file, const std::string& run) {
    return train_small(file, run,
                       {"--set", "rnn.cudnn_algorithm=persist_static", "--set", "model.num_layers=2"});
  };
  trains_alike(small_corpus(100), 1e-4, train, "cudnn");
}

// One checkpoint serves all: what cuDNN began, any path goes on with, and ends where the CPU does.
TEST(GpuProgram, a_checkpoint_moves_between_paths_and_devices) {
  if (!has_cudnn()) GTEST_SKIP() << "no cuDNN";
  const Folder folder;
  const std::string file = folder.write("train.tsv", small_corpus(100));
  const auto run = [&](const std::string& name, Arguments more, const std::string& device,
                       const std::string& path, bool resume) {
    Arguments arguments = train_small(file, folder.path(name),
                                      {"--test", file, "--device", device, "--set", "rnn.path=" + path});
    arguments.insert(arguments.end(), more.begin(), more.end());
    if (resume) arguments.push_back("--resume");
    const Outcome outcome = run_sluice(arguments);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  };
  run("straight", {}, "cpu", "cpu", false);
  const std::pair<const char*, const char*> ways[] = {{"cpu", "cpu"}, {"cuda", "step"}, {"cuda", "cudnn"}};
  for (const auto& [first_device, first_path] : ways)
    for (const auto& [device, path] : ways) {
      const std::string name = std::string(first_path) + "_" + path;
      run(name, {"--set", "train.epochs=1"}, first_device, first_path, false);
      run(name, {"--set", "train.epochs=2"}, device, path, true);
      expect_same_metrics(folder.path(name + "/metrics.json"), folder.path("straight/metrics.json"), 1e-5);
    }
}

// A cuDNN that is none is found out when it is asked for, in one line, and by nobody else.
TEST(GpuProgram, a_broken_cudnn_is_named_only_when_asked_for) {
  if (!has_cudnn()) GTEST_SKIP() << "no cuDNN";
  const Folder folder;
  const std::string file = folder.write("train.tsv", small_corpus(30));
  const char* path = std::getenv("LD_LIBRARY_PATH");
  const RunOptions broken{
      .environment = {"LD_LIBRARY_PATH=" SLUICE_BROKEN_CUDNN ":" + std::string(path ? path : "")}};
  const auto train = [&](const std::string& by) {
    return run_sluice(train_small(file, folder.path(by), {"--device", "cuda", "--set", "rnn.path=" + by}),
                      broken);
  };
  EXPECT_EQ(train("step").exit_code, 0);
  const Outcome refused = train("cudnn");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("rnn.path = cudnn: the cuDNN installed has no cudnn"));
  EXPECT_THAT(refused.err, HasSubstr("use rnn.path = step"));
}

}  // namespace
}  // namespace sluice
