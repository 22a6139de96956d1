// A copy of parameters in the backend's memory.
#pragma once

#include <vector>

#include "engine/backend.h"
#include "engine/params.h"

namespace sluice {

class Snapshot {
 public:
  // Memory for copies of `originals`, which keep their addresses; not yet filled. `what` names it in errors.
  Snapshot(Backend& backend, std::vector<NamedTensor> originals, const char* what);
  // The size of that memory.
  static size_t bytes(const std::vector<NamedTensor>& originals);

  void take();
  void restore();
  void blend(double share);  // copies += share * (originals - copies)
  const std::vector<NamedTensor>& tensors() const { return copies_; }  // named as the originals

 private:
  Backend& backend_;
  std::vector<NamedTensor> originals_, copies_;
  Buffer memory_;
};

}  // namespace sluice
