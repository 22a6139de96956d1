#include "engine/backends/cuda/cuda_backend.h"

#include <cuda_runtime.h>

#include "engine/backends/cuda/device.h"
#include "engine/backends/cuda/rnn_step.h"
#include "engine/backends/make_cuda.h"
#include "kernels/core/check.cuh"
#include "kernels/core/nvtx.h"

namespace sluice {

std::string no_cuda_because(int index) {
  std::string reason = cuda::no_device_because();
  if (reason.empty()) reason = cuda::no_such_device_because(index);
  if (reason.empty()) reason = cuda::no_cublas_because();
  if (reason.empty()) reason = cuda::no_cublas_lt_because();
  return reason;
}

std::unique_ptr<Backend> make_cuda_backend(const BackendOptions& options) {
  if (const std::string reason = no_cuda_because(options.index); !reason.empty())
    throw UserError("--device cuda:{}: {}; use --device cpu or another GPU", options.index, reason);
  return std::make_unique<cuda::CudaBackend>(options.index);
}

}  // namespace sluice

namespace sluice::cuda {

CudaBackend::CudaBackend(int index) : index_(index), props_(open_device(index)), memory_(index) {
  main_.open_blas();  // what would fail later fails now
  side_.open_blas();
}

// What is still queued must not outlive the memory it works on.
CudaBackend::~CudaBackend() {
  cudaDeviceSynchronize();
}

std::string CudaBackend::describe() const {
  return fmt::format("cuda:{}, {}, compute capability {}.{}, {} multiprocessors, {:.1f} GB, CUDA {}", index_,
                     props_.name, props_.major, props_.minor, props_.multiprocessors,
                     static_cast<double>(props_.memory) / 1e9, runtime_version());
}

size_t CudaBackend::available_memory() const {
  return memory_.available();
}

void CudaBackend::synchronize() {
  main_.synchronize();
  persistent_.check();
}

void CudaBackend::do_begin(const char* verb) {
  push_range(verb);
}

void CudaBackend::do_end() {
  pop_range();
}

void* CudaBackend::do_allocate(size_t bytes, const char* what) {
  void* data = memory_.allocate(bytes, what, main_.stream());
  main_.zero(data, bytes);
  return data;
}

void CudaBackend::do_release(void* data, size_t) noexcept {
  memory_.release(data, main_.stream());
}

void* CudaBackend::do_allocate_host(size_t bytes, const char* what) {
  return allocate_pinned(bytes, what);
}

// What is still queued may write to it.
void CudaBackend::do_release_host(void* data, size_t) noexcept {
  cudaStreamSynchronize(main_.stream());
  release_pinned(data);
}

// From pageable memory the call returns once the host's bytes are taken.
void CudaBackend::do_copy_to_device(void* device, const void* host, size_t bytes) {
  check_cuda("cudaMemcpyAsync to the GPU",
             cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, main_.stream()));
}

void CudaBackend::do_copy_to_host(void* host, const void* device, size_t bytes) {
  check_cuda("cudaMemcpyAsync from the GPU",
             cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, main_.stream()));
  synchronize();
}

void CudaBackend::do_upload(void* device, const void* host, size_t bytes) {
  transfers_.upload(main_, device, host, bytes);
}

// What is queued by now may still read what `device` held.
void CudaBackend::do_prefetch(void* device, const void* host, size_t bytes) {
  copies_.wait_for(main_);
  transfers_.upload(copies_, device, host, bytes);
}

void CudaBackend::do_await_prefetched() {
  main_.wait_for(copies_);
}

void CudaBackend::do_read_later(void* host, const void* device, size_t bytes) {
  transfers_.read_later(main_, host, device, bytes);
}

uint64_t CudaBackend::mark() {
  return transfers_.mark(main_);
}

void CudaBackend::wait(uint64_t mark) {
  transfers_.wait(mark);
  persistent_.check();
}

void CudaBackend::replay(const ReplayKey& key, const std::function<void()>& verbs) {
  graphs_.run(main_, key, verbs);
}

void CudaBackend::do_copy(const void* from, void* to, size_t bytes) {
  main_.copy(to, from, bytes);
}

void CudaBackend::do_zero(void* data, size_t bytes) {
  main_.zero(data, bytes);
}

RnnPath CudaBackend::do_choose_path(RnnPath wanted, const RnnShape& shape, std::string* why) {
  if (wanted == RnnPath::cpu || wanted == RnnPath::onednn)
    throw UserError("rnn.path = {}: runs on the CPU only; use rnn.path = auto or --device cpu",
                    name_of(wanted));
  const auto note = [&](RnnPath path, const std::string& refusal) {
    if (why && !refusal.empty()) *why += fmt::format("{}: {}\n", name_of(path), refusal);
    return refusal;
  };
  const auto refused = [&](const std::string& refusal) {
    if (note(wanted, refusal).empty()) return;
    throw UserError("rnn.path = {}: {}; use rnn.path = step", name_of(wanted), refusal);
  };
  if (wanted == RnnPath::cudnn || wanted == RnnPath::persistent) {
    refused(wanted == RnnPath::cudnn ? cudnn_.refusal(shape) : persistent_.refusal(shape));
    return wanted;
  }
  // The faster one, wherever it was measured.
  if (wanted == RnnPath::automatic && note(RnnPath::persistent, persistent_.refusal(shape)).empty())
    return RnnPath::persistent;
  return RnnPath::step;
}

RnnBytes CudaBackend::do_rnn_bytes(const RnnShape& shape, RnnPath path, const MaxShape& max) {
  return path == RnnPath::cudnn ? cudnn_.bytes(shape, max) : rnn_step_bytes(shape, max);
}

void CudaBackend::do_rnn_forward(const RnnForward& p) {
  if (p.path == RnnPath::cudnn)
    cudnn_.forward(p);
  else
    rnn_step_forward(main_, side_, persistent_, p);
}

void CudaBackend::do_rnn_backward(const RnnBackward& p) {
  if (p.forward.path == RnnPath::cudnn)
    cudnn_.backward(p);
  else
    rnn_step_backward(main_, side_, chain_, persistent_, p);
}

}  // namespace sluice::cuda
