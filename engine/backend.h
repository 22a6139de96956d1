// The only device seam: coarse verbs, each with one plain argument struct (engine/verbs.h,
// engine/recurrence.h). A public verb checks shapes and types once and calls the virtual one behind it, which
// may trust them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/recurrence.h"
#include "engine/verbs.h"

namespace sluice {

class Backend;

// Memory owned by a backend; zero when new. Movable, not copyable.
class Buffer {
 public:
  // Of the device, or of the host where a device can write to it on its own (for read_later()).
  enum class Place : uint8_t { device, host };

  Buffer() = default;
  Buffer(Backend& backend, size_t bytes, const char* what, Place place = Place::device);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  Backend* backend_ = nullptr;
  void* data_ = nullptr;
  size_t bytes_ = 0;
  Place place_ = Place::device;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string describe() const = 0;     // one line: device, threads, instruction set, libraries
  virtual size_t available_memory() const = 0;  // bytes that can still be allocated
  virtual bool takes(DType) const = 0;          // as REAL of Note [Types]

  void copy_to_device(Tensor device, const void* host);  // device.bytes() bytes
  void copy_to_host(void* host, Tensor device);
  void copy(Tensor from, Tensor to);  // same dtype and size
  void zero(Tensor x);
  virtual void synchronize() = 0;

  // Note [Asynchrony]
  // Verbs are queued and run in order. Nothing in a training step waits for them: what the host sends, it
  // sends by upload() or prefetch(), what it reads comes by read_later() and is looked at a step later.
  // On a backend that is not asynchronous all of it is done at once.
  virtual bool asynchronous() const { return false; }
  // As copy_to_device(), for little that a step needs: takes the bytes and returns.
  void upload(Tensor device, const void* host);
  // The same beside what will be queued from now on, which must not touch `device` before await_prefetched().
  void prefetch(Tensor device, const void* host);
  // What is queued from now on waits for every prefetch so far.
  void await_prefetched();
  // host: within a Buffer of Place::host. Its bytes are there when wait() of a later mark() has returned.
  void read_later(void* host, Tensor device);
  virtual uint64_t mark() { return 0; }
  virtual void wait(uint64_t /*mark*/) {}

  // Note [Replay]
  // Calls verbs(), which calls verbs of this backend; or, where the backend has recorded what an earlier call
  // with the same key queued, queues that again without calling it. So one key must stand for the same verbs
  // with the same arguments, tensors at the same addresses; numbers that differ lie in device memory
  // (step_now, scale_now, now), and batches are bucketed: the one layout of which verbs take the shape from
  // the host and everything else from the device. What verbs() itself computes on the host is not to be
  // counted on.
  using ReplayKey = std::vector<int32_t>;
  virtual bool records() const { return false; }  // whether it ever records
  virtual void replay(const ReplayKey&, const std::function<void()>& verbs) { verbs(); }

  void build_mask(const BuildMask&);
  void gather(const Gather&);
  void segment_sum(const SegmentSum&);
  void scatter_add(const ScatterAdd&);

  // The first path of the table, top to bottom, that takes the shape, or `wanted` itself. `why` gets a line
  // for each path refused. Throws UserError when `wanted` refuses the shape.
  RnnPath choose_path(RnnPath wanted, const RnnShape&, std::string* why);
  RnnBytes rnn_bytes(const RnnShape&, RnnPath, const MaxShape&);
  void rnn_forward(const RnnForward&);
  void rnn_backward(const RnnBackward&);

  void pool_forward(const PoolForward&);
  void pool_backward(const PoolBackward&);
  void batch_norm_forward(const BatchNormForward&);
  void batch_norm_backward(const BatchNormBackward&);
  void dropout(const Dropout&);
  void linear_forward(const LinearForward&);
  void linear_backward(const LinearBackward&);
  void softmax_xent(const SoftmaxXent&);
  void sigmoid_xent(const SigmoidXent&);
  void convert(const Convert&);
  void sum_squares(const SumSquares&);
  void clip_scale(const ClipScale&);
  void clip_value(const ClipValue&);
  void average(const Average&);
  void adam(const Adam&);
  void adam_rows(const AdamRows&);
  void sgd(const Sgd&);
  void sgd_rows(const SgdRows&);

 protected:
  friend class Buffer;
  friend class Verb;
  // Around each verb, for profilers.
  virtual void do_begin(const char* /*verb*/) {}
  virtual void do_end() {}

  virtual void* do_allocate(size_t bytes,
                            const char* what) = 0;  // zeroed, 256-byte aligned; Failure names `what`
  virtual void do_release(void* data, size_t bytes) noexcept = 0;
  virtual void* do_allocate_host(size_t bytes, const char* what);  // as do_allocate
  virtual void do_release_host(void* data, size_t bytes) noexcept;
  virtual void do_copy_to_device(void* device, const void* host, size_t bytes) = 0;
  virtual void do_copy_to_host(void* host, const void* device, size_t bytes) = 0;
  virtual void do_upload(void* device, const void* host, size_t bytes);
  virtual void do_prefetch(void* device, const void* host, size_t bytes);
  virtual void do_await_prefetched() {}
  virtual void do_read_later(void* host, const void* device, size_t bytes);
  virtual void do_copy(const void* from, void* to, size_t bytes) = 0;
  virtual void do_zero(void* data, size_t bytes) = 0;

  virtual void do_build_mask(const BuildMask&) = 0;
  virtual void do_gather(const Gather&) = 0;
  virtual void do_segment_sum(const SegmentSum&) = 0;
  virtual void do_scatter_add(const ScatterAdd&) = 0;
  virtual RnnPath do_choose_path(RnnPath wanted, const RnnShape&, std::string* why) = 0;
  virtual RnnBytes do_rnn_bytes(const RnnShape&, RnnPath, const MaxShape&) = 0;
  virtual void do_rnn_forward(const RnnForward&) = 0;
  virtual void do_rnn_backward(const RnnBackward&) = 0;
  virtual void do_pool_forward(const PoolForward&) = 0;
  virtual void do_pool_backward(const PoolBackward&) = 0;
  virtual void do_batch_norm_forward(const BatchNormForward&) = 0;
  virtual void do_batch_norm_backward(const BatchNormBackward&) = 0;
  virtual void do_dropout(const Dropout&) = 0;
  virtual void do_linear_forward(const LinearForward&) = 0;
  virtual void do_linear_backward(const LinearBackward&) = 0;
  virtual void do_softmax_xent(const SoftmaxXent&) = 0;
  virtual void do_sigmoid_xent(const SigmoidXent&) = 0;
  virtual void do_convert(const Convert&) = 0;
  virtual void do_sum_squares(const SumSquares&) = 0;
  virtual void do_clip_scale(const ClipScale&) = 0;
  virtual void do_clip_value(const ClipValue&) = 0;
  virtual void do_average(const Average&) = 0;
  virtual void do_adam(const Adam&) = 0;
  virtual void do_adam_rows(const AdamRows&) = 0;
  virtual void do_sgd(const Sgd&) = 0;
  virtual void do_sgd_rows(const SgdRows&) = 0;
};

enum class Device : uint8_t { automatic, cpu, cuda };

struct BackendOptions {
  Device device = Device::automatic;
  int index = 0;    // of the GPU, among those that the driver shows
  int threads = 0;  // of the CPU backend; 0: as many as the machine lends
};

// automatic: CUDA where it is built in and a GPU is present, else the CPU, and `why_not_cuda` then gets the
// reason. Throws UserError when the device wanted is not there.
std::unique_ptr<Backend> make_backend(const BackendOptions&, std::string* why_not_cuda = nullptr);

}  // namespace sluice
