#include "engine/train/snapshot.h"

namespace sluice {
size_t Snapshot::bytes(const std::vector<NamedTensor>& originals) {
  size_t sum = 0;
  for (const auto& [name, tensor] : originals) sum += aligned(tensor.bytes());
  return sum;
}

Snapshot::Snapshot(Backend& backend, std::vector<NamedTensor> originals, const char* what)
    : backend_(backend), originals_(std::move(originals)), copies_(originals_) {
  memory_ = Buffer(backend, bytes(originals_), what);
  char* next = static_cast<char*>(memory_.data());
  for (auto& [name, tensor] : copies_) {
    tensor.data = next;
    next += aligned(tensor.bytes());
  }
}

void Snapshot::take() {
  for (size_t i = 0; i < copies_.size(); ++i) backend_.copy(originals_[i].tensor, copies_[i].tensor);
}

void Snapshot::restore() {
  for (size_t i = 0; i < copies_.size(); ++i) backend_.copy(copies_[i].tensor, originals_[i].tensor);
}

void Snapshot::blend(double share) {
  for (size_t i = 0; i < copies_.size(); ++i)
    backend_.average({.x = originals_[i].tensor, .average = copies_[i].tensor, .share = share});
}

}  // namespace sluice
