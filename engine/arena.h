// Memory of a model's activations, handed out once for the largest batch.
//
// The same bind() code runs twice: first on a measuring arena, which only counts, then, after allocate(), on
// the same arena, which hands out addresses. Afterwards a batch only narrows views, so addresses stay (CUDA
// graphs rely on it). `saved` lives from forward to backward. `scratch` lives within one call of a layer: all
// scratch shares one region, as large as the largest Scratch scope.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/tensor.h"

namespace sluice {

class Arena {
 public:
  Tensor saved(const std::string& name, DType type, std::initializer_list<int64_t> shape);

  // Opens a scope: scratch() calls up to the next open_scratch() lie beside each other, those of other scopes
  // may overlap.
  void open_scratch(const std::string& owner);
  Tensor scratch(DType type, std::initializer_list<int64_t> shape);

  size_t bytes() const { return saved_bytes_ + scratch_bytes_; }
  // Allocates what was measured and rewinds, so that the same bind() code now gets addresses. The memory is
  // named by its largest owners, and so is a Failure to get it.
  void allocate(Backend& backend);
  // One line an owner, largest first: name, MB.
  std::string report() const;

 private:
  struct Owner {
    std::string name;
    size_t bytes;
  };
  std::vector<Owner> largest_first() const;
  Tensor take(const std::string& owner, DType type, std::initializer_list<int64_t> shape, size_t& used);

  std::vector<Owner> owners_;
  std::string scratch_owner_;
  size_t saved_bytes_ = 0, scratch_bytes_ = 0;  // measured
  size_t saved_used_ = 0, scratch_used_ = 0;    // handed out so far
  Buffer memory_;
};

}  // namespace sluice
