#include "engine/backends/make_cuda.h"
#include "tests/backends/cases.h"

namespace sluice {

std::vector<BackendCase> all_backends() {
  return {{"cuda", Device::cuda, {RnnPath::step}}};
}

namespace {

// Skips every test of the program where there is no GPU.
class NeedsGpu : public testing::Environment {
  void SetUp() override {
    if (!cuda_present()) GTEST_SKIP() << "no CUDA device, real or virtual: see tests/README.md";
  }
};
const testing::Environment* const kNeedsGpu = testing::AddGlobalTestEnvironment(new NeedsGpu);

}  // namespace
}  // namespace sluice
