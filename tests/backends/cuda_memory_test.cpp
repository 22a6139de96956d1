// The memory of a GPU: who holds what is said when there is none left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "engine/arena.h"
#include "engine/backend.h"
#include "engine/error.h"

namespace sluice {
namespace {

using testing::HasSubstr;

constexpr size_t kMegabyte = 1000000, kTooMuch = size_t{1} << 50;

class CudaMemory : public testing::Test {
 protected:
  template <class F>
  static std::string failure_of(F&& f) {
    try {
      f();
    } catch (const Failure& e) {
      return e.what();
    }
    return "no failure";
  }

  std::unique_ptr<Backend> backend_ = make_backend({.device = Device::cuda});
};

TEST_F(CudaMemory, what_is_missing_is_named_with_the_largest_holders) {
  EXPECT_THAT(failure_of([&] { Buffer(*backend_, kTooMuch, "everything"); }), HasSubstr("in use: nothing"));
  const Buffer small(*backend_, kMegabyte, "parameters"), large(*backend_, 3 * kMegabyte, "gradients"),
      more(*backend_, kMegabyte, "parameters");
  { const Buffer gone(*backend_, 9 * kMegabyte, "released"); }
  const std::string message = failure_of([&] { Buffer(*backend_, kTooMuch, "best parameters"); });
  EXPECT_THAT(message, HasSubstr("no memory on the GPU for best parameters: 1125899906.8 MB wanted"));
  EXPECT_THAT(message, HasSubstr("in use: gradients 3.0 MB, parameters 2.0 MB"));
  EXPECT_EQ(message.find("released"), std::string::npos);
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST_F(CudaMemory, scratch_of_the_queues_is_among_the_holders) {
  const Buffer memory(*backend_, 400000, "x");
  const Tensor x(memory.data(), DType::f32, {99000}), out(memory.data(), DType::f64, {1});
  backend_->sum_squares({x, out});
  EXPECT_THAT(failure_of([&] { Buffer(*backend_, kTooMuch, "more"); }),
              HasSubstr("x 0.4 MB, workspace of the main stream 0.0 MB"));
}

TEST_F(CudaMemory, activations_are_named_by_their_owners) {
  const auto bind = [](Arena& arena, int64_t rows) {
    arena.saved("lstm.0 output", DType::f32, {rows, 1000});
    arena.saved("logits", DType::f32, {rows, 10});
  };
  Arena arena;
  bind(arena, 1000);
  arena.allocate(*backend_);
  bind(arena, 1000);
  Arena huge;
  bind(huge, int64_t{1} << 38);
  const std::string message = failure_of([&] { huge.allocate(*backend_); });
  EXPECT_THAT(message, HasSubstr("for activations (lstm.0 output 1048576000.0 MB, logits"));
  EXPECT_THAT(message, HasSubstr("in use: activations (lstm.0 output 3.8 MB"));
}

// Other processes may take and give back memory of the same GPU meanwhile: one try undisturbed is enough.
TEST_F(CudaMemory, what_is_available_shrinks_and_comes_back) {
  const auto seen = [&] {
    const size_t before = backend_->available_memory();
    std::optional<Buffer> buffer(std::in_place, *backend_, 50 * kMegabyte, "test");
    const bool shrank = backend_->available_memory() + 50 * kMegabyte <= before;
    buffer.reset();
    return shrank && backend_->available_memory() + kMegabyte >= before;
  };
  bool undisturbed = false;
  for (int tries = 0; tries < 50 && !undisturbed; ++tries) undisturbed = seen();
  EXPECT_TRUE(undisturbed);
}

}  // namespace
}  // namespace sluice
