// Copies between host and device that nobody waits for: Note [Asynchrony] in engine/backend.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/backends/cuda/queue.h"

namespace sluice::cuda {

// Pinned memory. Throws Failure naming `what`.
void* allocate_pinned(size_t bytes, const char* what);
void release_pinned(void* data) noexcept;

class Transfers {
 public:
  Transfers() = default;
  ~Transfers();
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  // Takes the host's bytes and queues their copy. Waits only where kSlots copies before it are still to come.
  void upload(Queue& queue, void* device, const void* host, size_t bytes);
  void read_later(Queue& queue, void* host, const void* device, size_t bytes);

  // A place in `queue`, always the same one; wait() returns when the queue has come past it.
  uint64_t mark(Queue& queue);
  void wait(uint64_t mark);

 private:
  static constexpr size_t kSlots = 8;
  // Pinned bytes on their way; free again when `left` has been reached.
  struct Slot {
    void* bytes = nullptr;
    size_t capacity = 0;
    Event left;
  };
  std::array<Slot, kSlots> slots_;
  size_t next_slot_ = 0;

  // Event n % kMarks stands for mark n, or for a later one: waiting for that is waiting longer.
  static constexpr uint64_t kMarks = 8;
  std::array<Event, kMarks> marks_;
  uint64_t last_mark_ = 0;
};

}  // namespace sluice::cuda
