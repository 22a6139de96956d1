// What can go wrong with a GPU, made to go wrong by a runtime that fails on demand (cuda_faults.cpp): one
// line that says what and what to do, the right exit code, nothing half-written, the last checkpoint whole.
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
using testing::MatchesRegex;

using Arguments = std::vector<std::string>;

RunOptions with_faults(const std::string& faults) {
  return {.environment = {"LD_PRELOAD=" SLUICE_CUDA_FAULTS, "SLUICE_FAULTS=" + faults}};
}

struct GpuErrors : testing::Test {
  GpuErrors() { folder.write("train.tsv", small_corpus(60)); }

  Arguments train(const std::string& run, const Arguments& more = {}) const {
    Arguments all = {"--quiet"};
    if (std::find(more.begin(), more.end(), "--device") == more.end()) all = {"--device", "cuda", "--quiet"};
    all.insert(all.end(), more.begin(), more.end());
    return train_small(folder.path("train.tsv"), folder.path(run), all);
  }
  // Fails with one line that holds `text`.
  static void expect_failure(const Outcome& outcome, int exit_code, const std::string& text) {
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_THAT(outcome.err, AllOf(testing::StartsWith("sluice: error: "), HasSubstr(text)));
    EXPECT_EQ(outcome.out, "");
  }
  // Training does so before it writes anything.
  void expect_no_start(int exit_code, const std::string& faults, const std::string& text,
                       const Arguments& more = {}) {
    SCOPED_TRACE(faults);
    const auto before = folder.list();
    expect_failure(run_sluice(train("run", more), with_faults(faults)), exit_code, text);
    EXPECT_EQ(folder.list(), before);
  }

  Folder folder;
};

// Codes are cudaError_t's: 35 insufficient driver, 46 devices unavailable, 100 no device, 803 driver
// mismatch.
TEST_F(GpuErrors, WithoutADriverOrADevice) {
  expect_no_start(2, "driver=0",
                  "--device cuda:0: no NVIDIA driver is installed; use --device cpu or another GPU");
  expect_no_start(2, "driver=12040,cudaGetDeviceCount=35",
                  "the NVIDIA driver is for CUDA 12.4, older than this build's CUDA 13.");
  expect_no_start(2, "cudaGetDeviceCount=100", "no NVIDIA GPU is visible");
  expect_no_start(2, "devices=0", "no NVIDIA GPU is visible");
  expect_no_start(2, "cudaGetDeviceCount=803", "restart the machine");
  expect_no_start(2, "cudaGetDeviceCount=999", "cudaGetDeviceCount: cudaErrorUnknown");
  expect_no_start(2, "capability=75", "has compute capability 7.5, the kernels need 8.0");
  expect_no_start(1, "cudaStreamCreateWithPriority=46", "take another, as --device cuda:1");
}

TEST_F(GpuErrors, AutoSaysWhyItTakesTheCpu) {
  const Outcome outcome = run_sluice(train_small(folder.path("train.tsv"), folder.path("run")),
                                     with_faults("driver=12040,cudaGetDeviceCount=35"));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("; not cuda: the NVIDIA driver is for CUDA 12.4"));
}

TEST_F(GpuErrors, DevicesByIndex) {
  expect_no_start(2, "devices=2", "--device cuda:2: this machine has 2 GPUs: 0 ", {"--device", "cuda:2"});
  expect_no_start(2, "devices=2", ", 1 Second GPU; use --device cpu", {"--device", "cuda:2"});
  expect_no_start(2, "", "--device cuda:3: this machine has ", {"--device", "cuda:3"});
  const Arguments second = train_small(folder.path("train.tsv"), folder.path("run"), {"--device", "cuda:1"});
  const Outcome outcome = run_sluice(second, with_faults("devices=2"));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("device: cuda:1, Second GPU, "));
  EXPECT_THAT(run_sluice({"info", folder.path("run")}).out, HasSubstr("device      cuda:1\n"));
}

TEST_F(GpuErrors, CublasThatIsMissingOrFails) {
  expect_no_start(2, "missing=libcublas.so", "cuBLAS 13 of the CUDA toolkit cannot be loaded");
  expect_no_start(1, "cublasCreate_v2=1", "cublasCreate: CUBLAS_STATUS_NOT_INITIALIZED");
  expect_no_start(1, "cublasCreate_v2=3", "the GPU's memory is full");
  const Outcome outcome = run_sluice(train("run"), with_faults("cublasSgemm_v2=13"));
  expect_failure(outcome, 1, "cublasSgemm: CUBLAS_STATUS_EXECUTION_FAILED");
  std::filesystem::remove_all(folder.path("run"));
  expect_no_start(2, "missing=libcublasLt.so", "cuBLASLt 13 of the CUDA toolkit cannot be loaded");
  const Outcome lt = run_sluice(train("run"), with_faults("cublasLtMatmul=13"));
  expect_failure(lt, 1, "cublasLtMatmul: CUBLAS_STATUS_EXECUTION_FAILED");
}

TEST_F(GpuErrors, OutOfMemory) {
  expect_no_start(2, "memory=1000", "the model needs");
  expect_no_start(1, "malloc=2", "no memory on the GPU for ");
  expect_no_start(1, "malloc@2=2", "; in use: parameters 0.");
}

// Training is broken off, by a launch that fails or by a device that is lost for good, between checkpoints or
// while one is read back; then it goes on, to the bytes of a training that nothing disturbed.
TEST_F(GpuErrors, DeviceLostInMidStep) {
  const Arguments more = {"--set",  "train.checkpoint_every=3", "--set", "train.epochs=3",
                          "--test", folder.path("train.tsv")};
  const Outcome straight = run_sluice(train("straight", more), with_faults("report=" + folder.path("count")));
  ASSERT_EQ(straight.exit_code, 0) << straight.err;
  const long launches = std::stol(folder.read("count"));
  const auto at = [&](double share) {
    return std::to_string(static_cast<long>(share * static_cast<double>(launches)));
  };
  const struct {
    std::string faults, text;
  } cases[] = {
      {"launch@1=719", "cudaErrorLaunchFailure"},
      {"launch@" + at(0.5) + "=719!", "compute-sanitizer names the kernel"},
      {"launch@" + at(0.6) + "=701", "cudaErrorLaunchOutOfResources"},
      {"launch@" + at(0.8) + "=214!", "nvidia-smi"},
      {"cudaMemcpyAsync@150=719!", "cudaErrorLaunchFailure"},
      {"cudaStreamSynchronize@30=719!", "cudaErrorLaunchFailure"},
  };
  int with_checkpoint = 0, without = 0;
  for (const auto& [faults, text] : cases) {
    SCOPED_TRACE(faults);
    std::filesystem::remove_all(folder.path("run"));
    const Outcome lost = run_sluice(train("run", more), with_faults(faults));
    expect_failure(lost, 1, text);
    const bool saved = folder.has("run/checkpoint/state.safetensors");
    ++(saved ? with_checkpoint : without);
    EXPECT_THAT(lost.err, HasSubstr(std::string("--resume goes on from ") +
                                    (saved ? "the last checkpoint" : "the beginning")));
    EXPECT_FALSE(folder.has("run/model.safetensors"));
    Arguments again = train("run", more);
    again.push_back("--resume");
    const Outcome resumed = run_sluice(again);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    for (const char* file : {"model.safetensors", "metrics.json"})
      EXPECT_EQ(folder.read(std::string("run/") + file), folder.read(std::string("straight/") + file))
          << file;
  }
  EXPECT_GE(with_checkpoint, 3);
  EXPECT_GE(without, 1);
}

TEST_F(GpuErrors, DeviceLostWhileEvaluating) {
  ASSERT_EQ(run_sluice(train("run")).exit_code, 0);
  const auto before = folder.list();
  for (const char* faults : {"cudaStreamSynchronize@2=719!", "cudaMemcpyAsync@20=719!", "launch@9=719!"}) {
    SCOPED_TRACE(faults);
    const Outcome outcome =
        run_sluice({"evaluate", folder.path("run"), "--data", folder.path("train.tsv"), "--device", "cuda",
                    "--json", folder.path("out.json"), "--predictions", folder.path("out.tsv"), "--quiet"},
                   with_faults(faults));
    expect_failure(outcome, 1, "cudaErrorLaunchFailure");
    EXPECT_EQ(folder.list(), before);
  }
}

// The program with the runtime in it, which no virtual GPU and no faults can reach.
TEST_F(GpuErrors, TheInstalledProgramWithoutAGpu) {
  const auto before = folder.list();
  const RunOptions hidden = {.environment = {"CUDA_VISIBLE_DEVICES="}, .program = SLUICE_STATIC};
  expect_failure(run_sluice(train("run"), hidden), 2, "--device cuda:0: no NVIDIA ");
  EXPECT_EQ(folder.list(), before);
}

}  // namespace
}  // namespace sluice
