// The public verbs refuse tensors of the wrong shape or type before any backend sees them.
#include <gmock/gmock.h>

#include "tests/backends/cases.h"
#include "tests/backends/rnn_problem.h"

namespace sluice {
namespace {

class Shapes : public BackendTest {
 protected:
  Rig rig_{*backend_, DType::f32};
  Tensor t(std::initializer_list<int64_t> dims) { return rig_.out(dims); }
  Tensor i(std::initializer_list<int64_t> dims) { return rig_.out_as(DType::i32, dims); }
  Tensor d(std::initializer_list<int64_t> dims) { return rig_.out_as(DType::f64, dims); }
};
INSTANTIATE_TEST_SUITE_P(, Shapes, testing::Values(for_each_dtype()[0]), name_of_param);

TEST_P(Shapes, of_rows_of_tables) {
  EXPECT_THROW(backend_->build_mask({i({3}), rig_.out_as(DType::u8, {2, 4})}), Failure);
  EXPECT_THROW(backend_->build_mask({i({3}), t({3, 4})}), Failure);
  EXPECT_THROW(backend_->gather({t({5, 2}), i({3}), t({3, 3})}), Failure);
  EXPECT_THROW(backend_->gather({t({5, 2}), i({3}), t({4, 2})}), Failure);
  EXPECT_THROW(backend_->gather({t({5, 2}), i({3}), d({3, 2})}), Failure);
  EXPECT_THROW(backend_->gather({t({5, 2}), t({3}), t({3, 2})}), Failure);
  EXPECT_THROW(backend_->segment_sum({t({4, 2}), i({3}), i({4}), t({3, 2})}), Failure);
  EXPECT_THROW(backend_->scatter_add({t({4, 2}), i({3}), t({9, 2})}), Failure);
  EXPECT_THROW(backend_->copy(t({4, 2}), t({3, 2})), Failure);
}

TEST_P(Shapes, of_linear_and_losses) {
  EXPECT_THROW(backend_->linear_forward({t({4, 3}), t({2, 4}), t({2}), t({4, 2})}), Failure);
  EXPECT_THROW(backend_->linear_forward({t({4, 3}), t({2, 3}), t({3}), t({4, 2})}), Failure);
  EXPECT_THROW(backend_->linear_forward({t({4, 3}), t({2, 3}), t({2}), t({4, 3})}), Failure);
  EXPECT_THROW(backend_->linear_forward({t({4, 3}), d({2, 3}), t({2}), t({4, 2})}), Failure);
  EXPECT_THROW(backend_->linear_backward({t({4, 3}), t({2, 3}), t({4, 2}), t({3, 3}), t({2, 3}), t({2})}),
               Failure);
  EXPECT_THROW(backend_->linear_backward({t({4, 3}), t({2, 3}), t({4, 2}), Tensor(), Tensor(), t({2})}),
               Failure);
  SoftmaxXent xent;
  xent.logits = t({4, 3});
  xent.labels = i({4});
  xent.probabilities = t({4, 3});
  backend_->zero(xent.logits);
  std::vector<int32_t> labels(4, 0);
  backend_->copy_to_device(xent.labels, labels.data());
  EXPECT_NO_THROW(backend_->softmax_xent(xent));
  for (double smoothing : {-0.1, 1.0}) {
    SoftmaxXent bad = xent;
    bad.smoothing = smoothing;
    EXPECT_THROW(backend_->softmax_xent(bad), Failure);
  }
  SoftmaxXent bad = xent;
  bad.labels = i({3});
  EXPECT_THROW(backend_->softmax_xent(bad), Failure);
  bad = xent;
  bad.class_weights = t({4});
  EXPECT_THROW(backend_->softmax_xent(bad), Failure);
  bad = xent;
  bad.dlogits = t({3, 4});
  EXPECT_THROW(backend_->softmax_xent(bad), Failure);
}

TEST_P(Shapes, of_optimisers) {
  EXPECT_THROW(backend_->adam({{}, t({4}), t({4}), t({4}), t({5}), d({1})}), Failure);
  EXPECT_THROW(backend_->adam({{}, t({4}), t({4}), t({4}), t({4}), t({1})}), Failure);
  EXPECT_THROW(backend_->sgd({{}, t({4}), t({3}), t({4}), d({1})}), Failure);
  EXPECT_THROW(backend_->adam_rows({{}, i({2}), t({3, 5}), t({9, 5}), t({9, 5}), t({9, 5}), i({9}), d({1})}),
               Failure);
  EXPECT_THROW(backend_->sgd_rows({{}, i({2}), t({2, 5}), t({9, 5}), t({9, 5}), i({8}), d({1})}), Failure);
  EXPECT_THROW(backend_->clip_value({t({4}), 0}), Failure);
  EXPECT_THROW(backend_->sum_squares({t({4}), t({1})}), Failure);
}

TEST_P(Shapes, of_pooling_and_batch_norm) {
  const HostBatch host = ragged({3, 2}, Layout::packed);
  const Batch batch = rig_.upload(host);
  PoolForward pool{Pooling::max, &batch, 2, t({5, 4}), t({2, 6}), 2, i({2, 4})};
  EXPECT_NO_THROW(backend_->pool_forward(pool));
  for (auto change : std::vector<void (*)(PoolForward&)>{
           [](PoolForward& p) { p.column = 3; }, [](PoolForward& p) { p.column = -1; },
           [](PoolForward& p) { p.directions = 3; }, [](PoolForward& p) { p.batch = nullptr; },
           [](PoolForward& p) { p.argmax = Tensor(); }, [](PoolForward& p) { p.x = p.x.narrow(4); }}) {
    PoolForward bad = pool;
    change(bad);
    EXPECT_THROW(backend_->pool_forward(bad), Failure);
  }
  EXPECT_THROW(backend_->pool_backward({pool, t({2, 4}), t({5, 4})}), Failure);
  BatchNormForward norm;
  norm.batch = &batch;
  norm.x = t({5, 4});
  norm.gamma = norm.beta = norm.running_mean = norm.running_var = norm.mean = t({4});
  norm.inverse_std = t({3});
  norm.y = t({5, 4});
  EXPECT_THROW(backend_->batch_norm_forward(norm), Failure);
  EXPECT_THROW(backend_->dropout({&batch, 1.0, {}, t({5, 4}), t({5, 4})}), Failure);
  EXPECT_THROW(backend_->dropout({&batch, 0.5, {}, t({4, 4}), t({4, 4})}), Failure);
}

TEST_P(Shapes, of_recurrences) {
  const HostBatch host = ragged({3, 2}, Layout::packed);
  const Batch batch = rig_.upload(host);
  RnnForward rnn;
  rnn.shape.input_size = 3;
  rnn.shape.hidden_size = 4;
  rnn.shape.directions = 2;
  rnn.batch = &batch;
  rnn.x = t({5, 3});
  rnn.W = t({2, 16, 3});
  rnn.R = t({2, 16, 4});
  rnn.b = t({2, 16});
  rnn.y = t({5, 8});
  const RnnBytes bytes = backend_->rnn_bytes(rnn.shape, RnnPath::cpu, {2, 3, 5, 5});
  rnn.saved = rig_.out_as(DType::u8, {static_cast<int64_t>(bytes.saved)});
  rnn.scratch = rig_.out_as(DType::u8, {static_cast<int64_t>(bytes.scratch)});
  EXPECT_NO_THROW(backend_->rnn_forward(rnn));
  for (auto change : std::vector<void (*)(RnnForward&)>{
           [](RnnForward& r) { r.path = RnnPath::automatic; }, [](RnnForward& r) { r.batch = nullptr; },
           [](RnnForward& r) { r.shape.hidden_size = 5; }, [](RnnForward& r) { r.shape.directions = 1; },
           [](RnnForward& r) { r.shape.directions = 3; }, [](RnnForward& r) { r.shape.dtype = DType::f64; },
           [](RnnForward& r) { r.x = r.x.narrow(4); }, [](RnnForward& r) { r.y = r.y.narrow(4); },
           [](RnnForward& r) { r.W = r.R; }, [](RnnForward& r) { r.b = Tensor(); },
           [](RnnForward& r) { r.h0 = r.b; }, [](RnnForward& r) { r.scratch = Tensor(); },
           [](RnnForward& r) { r.x_index = r.x; }}) {
    RnnForward bad = rnn;
    change(bad);
    EXPECT_THROW(backend_->rnn_forward(bad), Failure);
  }
  RnnBackward backward{rnn, t({5, 8}), {}, {}, {}, t({2, 16, 3}), t({2, 16, 4}), t({2, 16}), {}, {}};
  EXPECT_NO_THROW(backend_->rnn_backward(backward));
  backward.dW = t({2, 16, 4});
  EXPECT_THROW(backend_->rnn_backward(backward), Failure);
}

// Three gates, four slots, no cell state.
TEST_P(Shapes, of_recurrences_of_one_state) {
  const HostBatch host = ragged({3, 2}, Layout::packed);
  const Batch batch = rig_.upload(host);
  RnnForward rnn;
  rnn.shape.cell = CellKind::gru;
  rnn.shape.input_size = 3;
  rnn.shape.hidden_size = 4;
  rnn.batch = &batch;
  rnn.x = t({5, 3});
  rnn.W = t({1, 12, 3});
  rnn.R = t({1, 12, 4});
  rnn.b = t({1, 16});
  rnn.y = t({5, 4});
  const RnnBytes bytes = backend_->rnn_bytes(rnn.shape, RnnPath::cpu, {2, 3, 5, 5});
  rnn.saved = rig_.out_as(DType::u8, {static_cast<int64_t>(bytes.saved)});
  rnn.scratch = rig_.out_as(DType::u8, {static_cast<int64_t>(bytes.scratch)});
  EXPECT_NO_THROW(backend_->rnn_forward(rnn));
  RnnBackward backward{rnn, t({5, 4}), {}, {}, {}, t({1, 12, 3}), t({1, 12, 4}), t({1, 16}), {}, {}};
  EXPECT_NO_THROW(backend_->rnn_backward(backward));
  for (Tensor RnnBackward::*state : {&RnnBackward::dcT, &RnnBackward::dc0}) {
    RnnBackward bad = backward;
    bad.*state = t({1, 2, 4});
    EXPECT_THROW(backend_->rnn_backward(bad), Failure);
  }
  for (Tensor RnnForward::*state : {&RnnForward::c0, &RnnForward::cT}) {
    RnnForward bad = rnn;
    bad.*state = t({1, 2, 4});
    EXPECT_THROW(backend_->rnn_forward(bad), Failure);
  }
  rnn.shape.zoneout_cell = 0.1;
  EXPECT_THROW(backend_->rnn_forward(rnn), Failure);
}

}  // namespace
}  // namespace sluice
