#include "engine/backends/cpu/cpu_backend.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "engine/backends/cpu/isa.h"
#include "engine/backends/cpu/machine.h"
#include "engine/backends/cpu/rnn.h"
#include "engine/backends/cpu/rnn_onednn.h"

namespace sluice::cpu {

CpuBackend::CpuBackend(int threads)
    : pool_(threads > 0 ? threads : usable_cores()), onednn_(std::make_unique<RnnOnednn>(pool_.threads())) {}

CpuBackend::~CpuBackend() = default;

std::string CpuBackend::describe() const {
  const int threads = pool_.threads();
  return fmt::format("cpu, {} thread{}, {}, oneDNN {}", threads, threads == 1 ? "" : "s", isa_table().name,
                     onednn_version());
}

size_t CpuBackend::available_memory() const {
  return cpu::available_memory();
}

// Linux lends addresses that no memory stands behind and kills who uses them: large blocks are compared with
// what is left.
void* CpuBackend::do_allocate(size_t bytes, const char* what) {
  constexpr size_t kAlignment = 256, kLarge = size_t{1} << 24;
  const size_t rounded = std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  void* data =
      bytes > kLarge && bytes > available_memory() ? nullptr : std::aligned_alloc(kAlignment, rounded);
  if (!data)
    throw Failure("no memory for {}: {:.1f} MB wanted, {:.1f} MB left", what,
                  static_cast<double>(bytes) / 1e6, static_cast<double>(available_memory()) / 1e6);
  std::memset(data, 0, bytes);
  return data;
}

void CpuBackend::do_release(void* data, size_t) noexcept {
  std::free(data);
}

void CpuBackend::do_copy_to_device(void* device, const void* host, size_t bytes) {
  if (bytes) std::memcpy(device, host, bytes);
}

void CpuBackend::do_copy_to_host(void* host, const void* device, size_t bytes) {
  if (bytes) std::memcpy(host, device, bytes);
}

void CpuBackend::do_copy(const void* from, void* to, size_t bytes) {
  if (bytes) std::memmove(to, from, bytes);
}

void CpuBackend::do_zero(void* data, size_t bytes) {
  if (bytes) std::memset(data, 0, bytes);
}

RnnPath CpuBackend::do_choose_path(RnnPath wanted, const RnnShape& shape, std::string* why) {
  if (wanted == RnnPath::step || wanted == RnnPath::cudnn || wanted == RnnPath::persistent)
    throw UserError("rnn.path = {}: runs on a GPU only; use rnn.path = cpu", name_of(wanted));
  if (wanted != RnnPath::onednn) return RnnPath::cpu;
  if (const std::string refusal = RnnOnednn::refusal(shape); !refusal.empty()) {
    if (why) *why += fmt::format("onednn: {}\n", refusal);
    throw UserError("rnn.path = onednn: {}; use rnn.path = cpu", refusal);
  }
  return RnnPath::onednn;
}

RnnBytes CpuBackend::do_rnn_bytes(const RnnShape& shape, RnnPath path, const MaxShape& max) {
  return path == RnnPath::onednn ? onednn_->bytes(shape, max) : cpu::rnn_bytes(shape, max);
}

void CpuBackend::do_rnn_forward(const RnnForward& p) {
  if (p.path == RnnPath::onednn)
    onednn_->forward(pool_, p);
  else
    cpu::rnn_forward(pool_, p);
}

void CpuBackend::do_rnn_backward(const RnnBackward& p) {
  if (p.forward.path == RnnPath::onednn)
    onednn_->backward(pool_, p);
  else
    cpu::rnn_backward(pool_, p);
}

}  // namespace sluice::cpu
