// The backend that computes on one NVIDIA GPU.
//
// Every verb is queued on one stream and returns; copy_to_host() waits for what it gives. The reverse
// direction of a recurrence runs on a second stream in between, prefetches on a third, the chain of the path
// persistent on a fourth.
#pragma once

#include "engine/backend.h"
#include "engine/backends/cuda/graphs.h"
#include "engine/backends/cuda/memory.h"
#include "engine/backends/cuda/queue.h"
#include "engine/backends/cuda/rnn_persistent.h"
#include "engine/backends/cuda/transfers.h"
#include "engine/backends/cudnn/rnn_cudnn.h"
#include "kernels/core/plan.h"

namespace sluice::cuda {

class CudaBackend : public Backend {
 public:
  // index: of the device, among those that the driver shows.
  explicit CudaBackend(int index);
  ~CudaBackend() override;

  std::string describe() const override;
  size_t available_memory() const override;
  bool takes(DType) const override { return true; }
  void synchronize() override;
  bool asynchronous() const override { return true; }
  uint64_t mark() override;
  void wait(uint64_t mark) override;
  bool records() const override { return true; }
  void replay(const ReplayKey& key, const std::function<void()>& verbs) override;
  Graphs& graphs() { return graphs_; }
  RnnPersistent& persistent() { return persistent_; }
  // That on which everything is queued which a caller sees in order: for who times it.
  cudaStream_t stream() const { return main_.stream(); }

 protected:
  void do_begin(const char* verb) override;
  void do_end() override;
  void* do_allocate(size_t bytes, const char* what) override;
  void do_release(void* data, size_t bytes) noexcept override;
  void* do_allocate_host(size_t bytes, const char* what) override;
  void do_release_host(void* data, size_t bytes) noexcept override;
  void do_copy_to_device(void* device, const void* host, size_t bytes) override;
  void do_copy_to_host(void* host, const void* device, size_t bytes) override;
  void do_upload(void* device, const void* host, size_t bytes) override;
  void do_prefetch(void* device, const void* host, size_t bytes) override;
  void do_await_prefetched() override;
  void do_read_later(void* host, const void* device, size_t bytes) override;
  void do_copy(const void* from, void* to, size_t bytes) override;
  void do_zero(void* data, size_t bytes) override;

  void do_build_mask(const BuildMask&) override;
  void do_gather(const Gather&) override;
  void do_segment_sum(const SegmentSum&) override;
  void do_scatter_add(const ScatterAdd&) override;
  RnnPath do_choose_path(RnnPath wanted, const RnnShape&, std::string* why) override;
  RnnBytes do_rnn_bytes(const RnnShape&, RnnPath, const MaxShape&) override;
  void do_rnn_forward(const RnnForward&) override;
  void do_rnn_backward(const RnnBackward&) override;
  void do_pool_forward(const PoolForward&) override;
  void do_pool_backward(const PoolBackward&) override;
  void do_batch_norm_forward(const BatchNormForward&) override;
  void do_batch_norm_backward(const BatchNormBackward&) override;
  void do_dropout(const Dropout&) override;
  void do_linear_forward(const LinearForward&) override;
  void do_linear_backward(const LinearBackward&) override;
  void do_softmax_xent(const SoftmaxXent&) override;
  void do_sigmoid_xent(const SigmoidXent&) override;
  void do_convert(const Convert&) override;
  void do_sum_squares(const SumSquares&) override;
  void do_clip_scale(const ClipScale&) override;
  void do_clip_value(const ClipValue&) override;
  void do_average(const Average&) override;
  void do_adam(const Adam&) override;
  void do_adam_rows(const AdamRows&) override;
  void do_sgd(const Sgd&) override;
  void do_sgd_rows(const SgdRows&) override;

 private:
  int index_;
  DeviceProps props_;  // first: opening the device comes before its streams
  Memory memory_;
  Queue main_{props_, memory_, "workspace of the main stream"};
  Queue side_{props_, memory_, "workspace of the reverse direction's stream"};
  Queue copies_{props_, memory_, "workspace of the copying stream"};
  Queue chain_{props_, memory_, "workspace of the chain's stream", Queue::Priority::urgent};
  Transfers transfers_;
  Graphs graphs_;
  RnnCudnn cudnn_{*this, main_};
  RnnPersistent persistent_{props_};
};

}  // namespace sluice::cuda
