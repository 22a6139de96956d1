// Linked into a test program, skips every test of it where there is no GPU.
#include <gtest/gtest.h>

#include "engine/backends/make_cuda.h"

namespace sluice {
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
