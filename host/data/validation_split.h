// Which training documents are set aside for validation.
#pragma once

#include <cstdint>

namespace sluice {

// Note [Validation split]
// Decided document by document while the files stream by: for a share f, document i belongs to block floor(i
// * f), and one document of each block (about 1/f long), drawn from the seed, is set aside. So the share is
// met to within one document, a file sorted by class gives each class its share, and no count need be known
// in advance.
class ValidationSplit {
 public:
  // 0 <= share < 1; checked by the caller.
  ValidationSplit(double share, uint64_t seed) : share_(share), seed_(seed) {}

  // Whether document `index` of the training files, from 0, is set aside.
  bool holds(int64_t index) const;

 private:
  int64_t block_begin(int64_t block) const;

  double share_;
  uint64_t seed_;
};

}  // namespace sluice
