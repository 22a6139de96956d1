// The cache of CUDA graphs.
#include "engine/backends/cuda/graphs.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "engine/backends/cuda/cuda_backend.h"
#include "kernels/core/cuda_error.h"

namespace sluice::cuda {
namespace {

// Numbers on the device, and verbs that copy one to another place.
class CudaGraphs : public testing::Test {
 protected:
  CudaGraphs() {
    for (int32_t k = 0; k < 8; ++k) set(k, 10 * k);
  }

  Tensor at(int64_t k) const { return Tensor(static_cast<int32_t*>(memory_.data()) + k, DType::i32, {1}); }
  void set(int64_t k, int32_t value) { backend_.copy_to_device(at(k), &value); }
  int32_t get(int64_t k) {
    int32_t value = -1;
    backend_.copy_to_host(&value, at(k));
    return value;
  }
  // Copies number k to place 7, by two nodes; counts how often it is called.
  void replay(int32_t k) {
    backend_.replay({k}, [&] {
      ++called_;
      backend_.zero(at(7));
      backend_.copy(at(k), at(7));
    });
  }

  CudaBackend backend_{0};
  Buffer memory_{backend_, 32, "test"};
  Graphs& graphs_ = backend_.graphs();
  int called_ = 0;
};

TEST_F(CudaGraphs, run_the_first_time_are_recorded_the_second_and_replayed_from_then_on) {
  for (int time = 0; time < 4; ++time) {
    set(3, 100 + time);
    replay(3);
    EXPECT_EQ(get(7), 100 + time);
  }
  EXPECT_EQ(called_, 2);
  EXPECT_EQ(graphs_.recorded(), 1u);
  EXPECT_EQ(graphs_.replayed(), 3u);
  EXPECT_EQ(graphs_.nodes(), 2u);
}

TEST_F(CudaGraphs, those_used_longest_ago_make_room) {
  graphs_.keep(4);
  for (int32_t k : {1, 1, 2, 2, 1}) replay(k);
  EXPECT_EQ(graphs_.recorded(), 2u);
  replay(3);
  replay(3);  // two graphs stay: 1 and 3
  EXPECT_EQ(graphs_.nodes(), 4u);
  replay(1);
  EXPECT_EQ(graphs_.recorded(), 3u);
  EXPECT_EQ(get(7), 10);
  replay(2);  // forgotten altogether
  EXPECT_EQ(graphs_.recorded(), 3u);
  EXPECT_EQ(get(7), 20);
  for (int32_t k : {3, 4, 4, 5, 5, 6, 6, 1, 1, 2, 2, 3, 3}) {  // more than may wait for their end
    replay(k);
    EXPECT_EQ(get(7), 10 * k);
    EXPECT_LE(graphs_.nodes(), 4u);
  }
}

TEST_F(CudaGraphs, a_failure_while_recording_passes_on_and_leaves_the_queue_usable) {
  const auto fail = [&] {
    backend_.zero(at(7));
    if (++called_ == 2) throw std::runtime_error("in the middle");
  };
  backend_.replay({9}, fail);
  EXPECT_THROW(backend_.replay({9}, fail), std::runtime_error);
  replay(2);
  EXPECT_EQ(get(7), 20);
  backend_.replay({9}, fail);
  EXPECT_EQ(get(7), 0);
  EXPECT_EQ(graphs_.recorded(), 1u);
}

TEST_F(CudaGraphs, verbs_that_wait_cannot_be_recorded) {
  const auto wait = [&] { get(1); };
  backend_.replay({9}, wait);
  EXPECT_THROW(backend_.replay({9}, wait), CudaError);
  EXPECT_EQ(get(1), 10);
}

}  // namespace
}  // namespace sluice::cuda
