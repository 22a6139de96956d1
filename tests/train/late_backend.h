// A CPU backend on which everything that may come late does: what it reads arrives when it is waited for,
// what it prefetches when that is awaited, and until then there is NaN.
#pragma once

#include <cstring>
#include <vector>

#include "engine/backends/cpu/cpu_backend.h"

namespace sluice::test {

class LateBackend : public cpu::CpuBackend {
 public:
  LateBackend() : CpuBackend(1) {}

  bool asynchronous() const override { return true; }
  uint64_t mark() override { return ++marks_; }
  void wait(uint64_t mark) override {
    for (Copy& copy : readings_)
      if (copy.mark <= mark && copy.to)
        std::memcpy(copy.to, copy.bytes.data(), copy.bytes.size()), copy.to = nullptr;
  }

 protected:
  void do_read_later(void* host, const void* device, size_t bytes) override {
    readings_.push_back(take(host, device, bytes));
    std::memset(host, 0xff, bytes);
  }
  void do_prefetch(void* device, const void* host, size_t bytes) override {
    prefetches_.push_back(take(device, host, bytes));
    std::memset(device, 0xff, bytes);
  }
  void do_await_prefetched() override {
    for (Copy& copy : prefetches_) std::memcpy(copy.to, copy.bytes.data(), copy.bytes.size());
    prefetches_.clear();
  }

 private:
  struct Copy {
    void* to;
    std::vector<char> bytes;
    uint64_t mark;  // the first that stands behind it
  };
  Copy take(void* to, const void* from, size_t bytes) const {
    const char* first = static_cast<const char*>(from);
    return {to, {first, first + bytes}, marks_ + 1};
  }

  std::vector<Copy> readings_, prefetches_;
  uint64_t marks_ = 0;
};

}  // namespace sluice::test
