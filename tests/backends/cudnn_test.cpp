// What only the path cudnn has: refusals, cuDNN's weight spaces, passes whose sizes change.
#include <gmock/gmock.h>

#include <algorithm>
#include <vector>

#include "engine/backends/cuda/device.h"
#include "engine/backends/cuda/queue.h"
#include "engine/backends/cudnn/net.h"
#include "tests/backends/cases.h"
#include "tests/backends/rnn_problem.h"

namespace sluice {
namespace {

using testing::HasSubstr;

RnnShape shape_of(DType dtype, CudnnAlgorithm algorithm, int H = 17) {
  RnnShape s;
  s.dtype = dtype;
  s.input_size = 5;
  s.hidden_size = H;
  s.directions = 2;
  s.cudnn_algorithm = algorithm;
  return s;
}

class CudnnPath : public testing::Test {
 protected:
  // The error's words, and what `why` says.
  std::pair<std::string, std::string> refusal(const RnnShape& s) {
    std::string why;
    try {
      backend_->choose_path(RnnPath::cudnn, s, &why);
    } catch (const UserError& error) {
      return {error.what(), why};
    }
    return {};
  }
  std::unique_ptr<Backend> backend_ = make_backend({.device = Device::cuda});
};

TEST_F(CudnnPath, says_why_it_refuses) {
  RnnShape s = shape_of(DType::f32, CudnnAlgorithm::standard);
  EXPECT_EQ(refusal(s).first, "");
  s.recurrent_dropout = 0.5;
  EXPECT_EQ(refusal(s).first, "rnn.path = cudnn: no recurrent dropout; use rnn.path = step");
  EXPECT_EQ(refusal(s).second, "cudnn: no recurrent dropout\n");
  s.recurrent_dropout = 0;
  s.dtype = DType::bf16;
  EXPECT_EQ(refusal(s).second, "");
  s.dtype = DType::f32;
  s.zoneout_cell = 0.5;
  EXPECT_EQ(refusal(s).second, "cudnn: no zoneout\n");
  s = shape_of(DType::f64, CudnnAlgorithm::persist_dynamic);
  EXPECT_EQ(refusal(s).second, "cudnn: no f64 by persist_dynamic, only by standard\n");
  s = shape_of(DType::f32, CudnnAlgorithm::persist_static_small_h, 129);
  EXPECT_EQ(refusal(s).second, "cudnn: persist_static_small_h trains at most 128 units\n");
  s.hidden_size = 128;
  EXPECT_EQ(refusal(s).second, "");
}

TEST_F(CudnnPath, is_never_taken_unasked) {
  std::string why;
  EXPECT_NE(backend_->choose_path(RnnPath::automatic, shape_of(DType::f32, CudnnAlgorithm::standard), &why),
            RnnPath::cudnn);
}

// Layers and batches whose sizes go up and down share the backend: nothing of one pass may serve another.
TEST_F(CudnnPath, passes_of_all_sizes_follow_each_other) {
  for (CudnnAlgorithm algorithm : {CudnnAlgorithm::standard, CudnnAlgorithm::persist_dynamic})
    for (const auto& lengths : std::vector<std::vector<int>>{{2, 1}, {9, 9, 4, 4, 0}, {3}, {0}, {12, 2, 2}})
      for (int H : {3, 20, 8}) {
        const RnnProblem p(shape_of(DType::f32, algorithm, H), lengths, Layout::packed);
        expect_near(run(*backend_, RnnPath::cudnn, p), run_oracle(p), p);
      }
}

// Where cuDNN wants the parameters of a network of several layers and directions: apart from each other,
// inside the weight space, and shaped as the engine has them.
TEST_F(CudnnPath, parameters_have_places_of_their_own) {
  const DeviceProps device = cuda::open_device(0);
  cuda::Memory memory(0);
  cuda::Queue queue(device, memory, "the test's workspace");
  cuda::Cudnn cudnn(queue);
  cuda::NetShape net{.dtype = DType::f32, .input_size = 5, .hidden_size = 3, .layers = 2, .directions = 2};
  const size_t bytes = cudnn.weight_bytes(net);
  const Buffer space(*backend_, bytes, "weights");
  const char* begin = static_cast<const char*>(space.data());
  std::vector<std::pair<const char*, const char*>> places;
  for (int pseudo_layer = 0; pseudo_layer < 4; ++pseudo_layer)
    for (int id = 0; id < 8; ++id) {
      const cuda::NetParameter p = cudnn.parameter(net, space.data(), pseudo_layer, id);
      EXPECT_EQ(p.rows, 3);
      EXPECT_EQ(p.columns, id >= 4 ? 3 : pseudo_layer < 2 ? 5 : 6);
      const char* matrix = static_cast<const char*>(p.matrix);
      places.emplace_back(matrix, matrix + p.rows * p.columns * 4);
      const char* bias = static_cast<const char*>(p.bias);
      ASSERT_NE(bias, nullptr) << "parameter " << id;  // two biases a gate, one beside each matrix
      places.emplace_back(bias, bias + p.rows * 4);
    }
  std::sort(places.begin(), places.end());
  EXPECT_GE(places.front().first, begin);
  EXPECT_LE(places.back().second, begin + bytes);
  for (size_t i = 1; i < places.size(); ++i) EXPECT_GE(places[i].first, places[i - 1].second);
}

// What cuDNN refuses only when it runs is an error that names the call, the status and cuDNN's words.
TEST_F(CudnnPath, errors_name_call_and_status) {
  const DeviceProps device = cuda::open_device(0);
  cuda::Memory memory(0);
  cuda::Queue queue(device, memory, "the test's workspace");
  cuda::Cudnn cudnn(queue);
  const cuda::NetShape net{.dtype = DType::f32, .input_size = 0, .hidden_size = 3};
  testing::internal::CaptureStderr();  // where a virtual cuDNN says so too
  try {
    cudnn.weight_bytes(net);
    FAIL() << "a network without input";
  } catch (const cuda::CudnnError& error) {
    EXPECT_EQ(error.call(), "cudnnSetRNNDescriptor_v8");
    EXPECT_THAT(error.what(), HasSubstr("cudnnSetRNNDescriptor_v8: CUDNN_STATUS_"));
    EXPECT_THAT(error.name(), HasSubstr("CUDNN_STATUS_BAD_PARAM"));
    EXPECT_FALSE(error.not_supported());
    EXPECT_THAT(error.what(), testing::Not(HasSubstr("\n")));
  }
  testing::internal::GetCapturedStderr();
}

}  // namespace
}  // namespace sluice
