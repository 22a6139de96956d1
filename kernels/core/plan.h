// How a kernel is launched, decided on the host from shapes and the device's limits alone: plain C++, so that
// it can be asked about any shape and any GPU without one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

namespace sluice {

// What plans must know of a GPU.
struct DeviceProps {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  size_t shared_per_block = 0;  // bytes, with the opt-in
  size_t memory = 0;            // bytes
};

// The oldest compute capability that the kernels are written for, its major number.
constexpr int kLeastMajor = 8;

// Blocks that may share their shared memory: CUDA C++ Programming Guide, "Thread Block Clusters". More are
// not portable.
constexpr unsigned most_in_cluster(const DeviceProps& device) {
  return device.major >= 9 ? 8 : 1;
}

// Signed and wide, so that a plan beyond what a device can launch is seen as such.
struct Grid {
  int64_t x = 1, y = 1, z = 1;
};

struct Plan {
  Grid grid;
  Grid block;         // threads
  size_t shared = 0;  // dynamic shared memory, bytes
  int width = 1;      // elements that a thread loads and stores at once
  bool cooperative = false;
  unsigned cluster = 1;  // blocks that share their shared memory
};

// Why a kernel does not take a shape, or a device no kernel at all.
struct Refusal {
  std::string reason;
};

template <class P>
using Planned = std::variant<P, Refusal>;
using PlanResult = Planned<Plan>;

// Nothing to launch is no plan's business: launchers return where a shape is empty.
constexpr int64_t blocks_for(int64_t items, int64_t per_block) {
  return items <= 0 ? 1 : (items + per_block - 1) / per_block;
}

// Whether every pointer is aligned to 128 bits (a null one is).
template <class... T>
bool aligned_to_vec(const T*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

// The elements of `element` bytes that rows of `columns` are taken by at once: 128 bits of them where every
// row begins at a multiple of that (`aligned`: the first does), else one.
constexpr int vector_width(size_t element, int64_t columns, bool aligned) {
  const int wide = 16 / static_cast<int>(element);
  return aligned && columns % wide == 0 ? wide : 1;
}

// The plan, or why this device cannot launch it. Sources: CUDA C++ Programming Guide, "Technical
// Specifications per Compute Capability".
PlanResult fitted(const Plan&, const DeviceProps&);

}  // namespace sluice
