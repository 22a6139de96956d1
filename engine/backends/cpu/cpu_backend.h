// The backend that computes on the CPU: the default, and the reference for the others.
#pragma once

#include <memory>

#include "engine/backend.h"
#include "engine/backends/cpu/pool.h"

namespace sluice::cpu {

class RnnOnednn;

class CpuBackend : public Backend {
 public:
  // threads: 0 for as many as the machine lends. One thread at a time may call a backend's verbs.
  explicit CpuBackend(int threads = 0);
  ~CpuBackend() override;

  std::string describe() const override;
  size_t available_memory() const override;
  bool takes(DType type) const override { return type == DType::f32 || type == DType::f64; }
  void synchronize() override {}

 protected:
  void* do_allocate(size_t bytes, const char* what) override;
  void do_release(void* data, size_t bytes) noexcept override;
  void do_copy_to_device(void* device, const void* host, size_t bytes) override;
  void do_copy_to_host(void* host, const void* device, size_t bytes) override;
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
  Pool pool_;
  std::unique_ptr<RnnOnednn> onednn_;
};

}  // namespace sluice::cpu
