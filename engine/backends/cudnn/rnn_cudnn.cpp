#include "engine/backends/cudnn/rnn_cudnn.h"

#include <map>

#include "engine/backends/cuda/views.h"
#include "engine/backends/cudnn/net.h"
#include "engine/backends/cudnn/pass.h"
#include "kernels/embedding/embedding.h"

namespace sluice::cuda {
class RnnCudnn::State {
 public:
  State(Backend& owner, Queue& on) : cudnn(on), queue(on), backend_(owner) {}

  // A layer's reserve. What it held is lost when it grows.
  char* reserve(const Tensor& saved, size_t bytes) {
    Buffer& held = reserves_[saved.data];
    if (held.bytes() < bytes) {
      held = Buffer();
      held = Buffer(backend_, bytes, "cuDNN's reserve space");
    }
    return static_cast<char*>(held.data());
  }

  Cudnn cudnn;
  Queue& queue;

 private:
  Backend& backend_;
  std::map<const void*, Buffer> reserves_;  // by a layer's saved memory
};

RnnCudnn::RnnCudnn(Backend& backend, Queue& queue) : state_(std::make_unique<State>(backend, queue)) {}
RnnCudnn::~RnnCudnn() = default;

// ---- what it takes

std::string RnnCudnn::refusal(const RnnShape& shape) {
  if (std::string reason = cudnn_refusal(shape); !reason.empty()) return reason;
  if (std::string reason = Cudnn::missing(); !reason.empty()) return reason;
  // The rest it knows best itself: one step of one sequence.
  try {
    const int32_t length = 1;
    const NetShape net = net_shape(shape);
    const bool standard = shape.cudnn_algorithm == CudnnAlgorithm::standard;
    state_->cudnn.weight_bytes(net);
    state_->cudnn.bytes(net, {standard ? Layout::packed : Layout::padded, 1, 1, &length}, true);
  } catch (const CudnnError& error) {
    if (error.not_supported()) return error.what();
    throw;
  }
  return {};
}

RnnBytes RnnCudnn::bytes(const RnnShape& shape, const MaxShape& max) {
  const CudnnSize size = cudnn_size(state_->cudnn, shape, max);
  return dispatch_stored(shape.dtype, [&]<class T>() {
    Carver saved(nullptr), scratch(nullptr);
    static_cast<void>(CudnnSaved<T>(saved, size));
    static_cast<void>(CudnnScratch<T>(scratch, size));
    return RnnBytes{saved.used(), scratch.used()};
  });
}

// ---- forward

void RnnCudnn::forward(const RnnForward& p) {
  SLUICE_CHECK(p.batch->layout != Layout::bucketed, "path cudnn: no bucketed batches");
  dispatch_stored(p.shape.dtype, [&]<class T>() {
    const CudnnPass<T> pass(state_->cudnn, state_->queue, p);
    const CudnnScratch<T>& scratch = pass.scratch();
    char* reserve = p.step.training ? state_->reserve(p.saved, pass.reserve_bytes()) : nullptr;
    pass.weights_in({p.W, p.R, p.b}, pass.saved().weights);
    auto* h = pass.load_states(p.h0, p.hT, scratch.h);
    auto* c = pass.has_c() ? pass.load_states(p.c0, p.cT, scratch.c) : nullptr;
    const T* input = pass.input_rows();
    for (const NetCall& call : pass.calls()) {
      const T* x = pass.rows_in(call, input, pass.input_columns(), scratch.x);
      pass.states_in(call, h, pass.saved().h_in + call.states * pass.size().H);
      if (c) pass.states_in(call, c, pass.saved().c_in + call.states * pass.size().H);
      T* y = pass.rows_out(call, p.y.as<T>(), pass.output_columns(call), scratch.y);
      state_->cudnn.forward(pass.net_pass(call, x, reserve), p.step.training, y, scratch.h_out,
                            c ? scratch.c_out : nullptr);
      pass.rows_back(call, y, p.y.as<T>(), pass.output_columns(call), false);
      pass.states_back(call, scratch.h_out, h);
      if (c) pass.states_back(call, scratch.c_out, c);
    }
    pass.zero_padding(p.y.as<T>(), p.y.dims[1]);
  });
}

// ---- backward

namespace {

template <class T>
class Backward {
  using A = arithmetic_t<T>;

 public:
  Backward(Cudnn& cudnn, Queue& queue, const RnnBackward& p)
      : cudnn_(cudnn), queue_(queue), p_(p), forward_(p.forward), pass_(cudnn, queue, p.forward) {}

  size_t reserve_bytes() const { return pass_.reserve_bytes(); }

  void run(char* reserve) {
    const CudnnScratch<T>& scratch = pass_.scratch();
    queue_.zero(scratch.d_weights, static_cast<size_t>(pass_.size().nets) * pass_.size().weights);
    dh_ = pass_.load_states(p_.dhT, p_.dh0, scratch.dh);
    dc_ = pass_.has_c() ? pass_.load_states(p_.dcT, p_.dc0, scratch.dc) : nullptr;
    dx_ = p_.dx && !forward_.x_index ? p_.dx.as<T>() : scratch.dx_rows;
    input_ = pass_.input_rows();
    for (int64_t net = 0; net < pass_.size().nets; ++net)
      for (auto call = pass_.calls().rbegin(); call != pass_.calls().rend(); ++call)
        if (call->net == net) run_call(*call, reserve);
    pass_.weights_out(scratch.d_weights, {p_.dW, p_.dR, p_.db});
    if (p_.dx) input_gradient();
  }

 private:
  void run_call(const NetCall& call, char* reserve) const {
    const CudnnScratch<T>& scratch = pass_.scratch();
    const Columns in = pass_.input_columns(), out = pass_.output_columns(call);
    const NetPass net = pass_.net_pass(call, pass_.rows_in(call, input_, in, scratch.x), reserve);
    const T* y = scratch.y;
    if (forward_.step.training)
      y = pass_.rows_in(call, forward_.y.as<T>(), out, scratch.y);
    else
      cudnn_.forward(net, true, scratch.y, nullptr, nullptr);
    const T* dy = pass_.rows_in(call, p_.dy.as<T>(), out, scratch.dy);
    pass_.states_in(call, dh_, scratch.dh_in);
    if (dc_) pass_.states_in(call, dc_, scratch.dc_in);
    T* dx = pass_.rows_out(call, dx_, in, scratch.dx);
    cudnn_.backward_data(net, y, dy, scratch.dh_in, dc_ ? scratch.dc_in : nullptr, dx, scratch.h_out,
                         dc_ ? scratch.c_out : nullptr);
    pass_.rows_back(call, dx, dx_, in, call.net > 0);  // the first direction has been there
    pass_.states_back(call, scratch.h_out, dh_);
    if (dc_) pass_.states_back(call, scratch.c_out, dc_);
    cudnn_.backward_weights(net, y,
                            scratch.d_weights + call.net * static_cast<int64_t>(pass_.size().weights));
  }

  void input_gradient() const {
    pass_.zero_padding(dx_, pass_.size().E);
    if (!forward_.x_index) return;
    launch(SegmentSumParams<T, T>{.x = matrix<const T>(dx_, pass_.size().N, pass_.size().E),
                                  .segments = reading<int32_t, 1>(forward_.batch->segments),
                                  .segment_rows = reading<int32_t, 1>(forward_.batch->segment_rows),
                                  .y = p_.dx.view<T, 2>()},
           queue_.stream());
  }

  Cudnn& cudnn_;
  Queue& queue_;
  const RnnBackward& p_;
  const RnnForward& forward_;
  CudnnPass<T> pass_;
  A *dh_ = nullptr, *dc_ = nullptr;
  T* dx_ = nullptr;
  const T* input_ = nullptr;
};

}  // namespace

void RnnCudnn::backward(const RnnBackward& p) {
  dispatch_stored(p.forward.shape.dtype, [&]<class T>() {
    Backward<T> backward(state_->cudnn, state_->queue, p);
    backward.run(state_->reserve(p.forward.saved, backward.reserve_bytes()));
  });
}

}  // namespace sluice::cuda
