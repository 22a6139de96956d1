#include "engine/arena.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr double kMegabyte = 1024.0 * 1024.0;

}  // namespace

Tensor Arena::take(const std::string& owner, DType type, std::initializer_list<int64_t> shape, size_t& used) {
  Tensor tensor(nullptr, type, shape);
  const size_t bytes = aligned(tensor.bytes());
  if (memory_.data()) {
    const size_t base = &used == &scratch_used_ ? saved_bytes_ : 0;
    SLUICE_CHECK(base + used + bytes <= memory_.bytes(), "arena: {} wants more than was measured", owner);
    tensor.data = static_cast<char*>(memory_.data()) + base + used;
  } else {
    owners_.push_back({owner, bytes});
  }
  used += bytes;
  return tensor;
}

Tensor Arena::saved(const std::string& name, DType type, std::initializer_list<int64_t> shape) {
  const Tensor tensor = take(name, type, shape, saved_used_);
  saved_bytes_ = std::max(saved_bytes_, saved_used_);
  return tensor;
}

void Arena::open_scratch(const std::string& owner) {
  scratch_owner_ = owner;
  scratch_used_ = 0;
}

Tensor Arena::scratch(DType type, std::initializer_list<int64_t> shape) {
  const Tensor tensor = take(scratch_owner_ + " (scratch, shared)", type, shape, scratch_used_);
  scratch_bytes_ = std::max(scratch_bytes_, scratch_used_);
  return tensor;
}

std::vector<Arena::Owner> Arena::largest_first() const {
  std::vector<Owner> sorted = owners_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Owner& a, const Owner& b) { return a.bytes > b.bytes; });
  return sorted;
}

void Arena::allocate(Backend& backend) {
  constexpr size_t kNamed = 3;
  std::string what = "activations";
  const std::vector<Owner> sorted = largest_first();
  for (size_t i = 0; i < std::min(kNamed, sorted.size()); ++i)
    what += fmt::format("{}{} {:.1f} MB", i ? ", " : " (", sorted[i].name,
                        static_cast<double>(sorted[i].bytes) / kMegabyte);
  if (!sorted.empty()) what += ')';
  memory_ = Buffer(backend, bytes(), what.c_str());
  saved_used_ = scratch_used_ = 0;
}

std::string Arena::report() const {
  std::string lines;
  for (const Owner& owner : largest_first())
    lines += fmt::format("{:9.1f} MB  {}\n", static_cast<double>(owner.bytes) / kMegabyte, owner.name);
  return lines;
}

}  // namespace sluice
