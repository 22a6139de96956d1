// Backward of the path persistent in chunks of time: Note [Chunks] in
// kernels/recurrence_persistent/recurrence_persistent.h.
#include <gtest/gtest.h>

#include "engine/backends/cuda/cuda_backend.h"
#include "engine/backends/cuda/device.h"
#include "tests/backends/rnn_problem.h"

namespace sluice {
namespace {

struct ChunkedLayer {
  DType dtype = DType::f32;
  CellKind cell = CellKind::lstm;
};

class PersistentChunks : public testing::TestWithParam<ChunkedLayer> {
 protected:
  static RnnShape layer(int E, int H, int D) {
    RnnShape s;
    s.cell = GetParam().cell;
    s.dtype = GetParam().dtype;
    s.input_size = E;
    s.hidden_size = H;
    s.directions = D;
    s.site = 11;
    return s;
  }
  static RnnShape regularised(RnnShape s) {
    s.recurrent_dropout = 0.3;
    s.zoneout_hidden = 0.2;
    if (s.cell == CellKind::lstm) s.zoneout_cell = 0.1;
    return s;
  }
  RnnResult run_in(int chunks, const RnnProblem& p) {
    backend_.persistent().set_chunks(chunks);
    return run(backend_, RnnPath::persistent, p);
  }
  // Near the oracle in 2, 3 and more chunks than steps, and of the chain the bits of one launch.
  void check(const RnnProblem& p) {
    const RnnResult whole = run_in(1, p);
    for (const int chunks : {2, 3, 99}) {
      SCOPED_TRACE(testing::Message() << chunks << " chunks");
      const RnnResult cut = run_in(chunks, p);
      expect_near(cut, run_oracle(p), p);
      EXPECT_TRUE(cut.saved == whole.saved) << "gradients of slots";
      EXPECT_TRUE(same_bits(cut.dh0, whole.dh0)) << "dh0";
      EXPECT_TRUE(same_bits(cut.dc0, whole.dc0)) << "dc0";
      // cuBLAS may sum products of other sizes in another order.
      EXPECT_TRUE(!virtual_ || same_bits(cut.dx, whole.dx)) << "dx";
      expect_same_bits(run_in(chunks, p), cut);
    }
  }

  cuda::CudaBackend backend_{0};
  const bool virtual_ = backend_.describe().find("vgpu") != std::string::npos;
};
INSTANTIATE_TEST_SUITE_P(
    , PersistentChunks,
    testing::Values(ChunkedLayer{DType::f32, CellKind::lstm}, ChunkedLayer{DType::bf16, CellKind::lstm},
                    ChunkedLayer{DType::f32, CellKind::gru}, ChunkedLayer{DType::bf16, CellKind::gru}),
    [](const auto& test) { return std::string(name_of(test.param.dtype)) + "_" + name_of(test.param.cell); });

// Of nine steps in three chunks: rows that end where a chunk does, one step later and one earlier; none at
// all.
const std::vector<int> kLengths = {9, 9, 7, 6, 5, 4, 3, 2, 1, 0, 0};

TEST_P(PersistentChunks, of_both_directions_equal_one_launch) {
  check(RnnProblem(layer(3, 45, 2), kLengths, Layout::packed));
}

TEST_P(PersistentChunks, of_one_direction_with_padding_and_regularised_equal_one_launch) {
  check(RnnProblem(regularised(layer(3, 14, 1)), kLengths, Layout::padded));
}

// States are zero and their gradients not wanted: no turn past the last step.
TEST_P(PersistentChunks, without_states_and_with_padding_equal_one_launch) {
  RnnProblem p(regularised(layer(4, 14, 2)), kLengths, Layout::padded);
  p.with_states = false;
  check(p);
}

TEST_P(PersistentChunks, of_distinct_inputs_equal_one_launch) {
  RnnProblem p(layer(3, 14, 2), kLengths, Layout::packed);
  p.use_distinct_inputs();
  check(p);
}

// Its first turn gathers what the launch before sent nobody.
TEST_P(PersistentChunks, of_clusters_equal_one_launch) {
  RnnShape s = layer(3, 40, 2);
  s.persistent_exchange = PersistentExchange::cluster;
  check(RnnProblem(s, kLengths, Layout::packed));
}

TEST_P(PersistentChunks, of_hardly_anything_equal_one_launch) {
  for (const std::vector<int>& lengths : {std::vector{1, 1}, {2}, {0, 0}})
    check(RnnProblem(layer(2, 5, 2), lengths, Layout::packed));
}

// A graph runs what waits for what, and nothing besides.
TEST_P(PersistentChunks, replayed_equal_themselves) {
  const RnnProblem p(regularised(layer(3, 14, 2)), kLengths, Layout::packed);
  backend_.persistent().set_chunks(3);
  RnnVerbs verbs(backend_, RnnPath::persistent, p);
  const RnnBackward& b = verbs.backward;
  RnnResult results[4];
  for (RnnResult& result : results) {
    for (const Tensor& made :
         {verbs.forward.y, verbs.forward.saved, verbs.forward.scratch, b.dx, b.dh0, b.dc0})
      if (made) verbs.poison(made);
    for (const Tensor& sum : {b.dW, b.dR, b.db}) backend_.zero(sum);
    backend_.replay({1}, [&] {
      backend_.rnn_forward(verbs.forward);
      backend_.rnn_backward(verbs.backward);
    });
    verbs.read_forward(result);
    verbs.read_backward(result);
  }
  EXPECT_EQ(backend_.graphs().recorded(), 1u);
  for (const RnnResult& result : results) {
    expect_same_bits(result, results[0]);
    EXPECT_TRUE(result.saved == results[0].saved);
  }
  RnnProblem from_zero = p;
  for (Values* sums : {&from_zero.dW0, &from_zero.dR0, &from_zero.db0}) sums->assign(sums->size(), 0.0);
  expect_same_bits(results[0], run_in(3, from_zero));
}

// So that the chain's next chunk does not wait for all the sums that are ready with it.
TEST(PersistentQueue, of_urgency_comes_first) {
  const DeviceProps device = cuda::open_device(0);
  cuda::Memory memory(0);
  const cuda::Queue usual(device, memory, "test"),
      urgent(device, memory, "test", cuda::Queue::Priority::urgent);
  EXPECT_LT(urgent.priority(), usual.priority());
}

}  // namespace
}  // namespace sluice
