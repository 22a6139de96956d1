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

struct Grid {
  unsigned x = 1, y = 1, z = 1;
};

struct Plan {
  Grid grid;
  unsigned block = 1;  // threads
  size_t shared = 0;   // dynamic shared memory, bytes
  bool cooperative = false;
  unsigned cluster = 1;  // blocks that share their shared memory
};

// Why a kernel does not take a shape.
struct Refusal {
  std::string reason;
};

using PlanResult = std::variant<Plan, Refusal>;

// Blocks of `per_block` items that cover `items`; at least one.
inline Grid grid_for(int64_t items, int64_t per_block) {
  return {.x = items <= 0 ? 1u : static_cast<unsigned>((items + per_block - 1) / per_block)};
}

}  // namespace sluice
