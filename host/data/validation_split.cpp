#include "host/data/validation_split.h"

#include <cmath>

#include "host/data/draw.h"

namespace sluice {

// The first document of a block. Products of doubles may round either way: the loops make begin and block
// agree.
int64_t ValidationSplit::block_begin(int64_t block) const {
  const auto block_of = [&](int64_t i) {
    return static_cast<int64_t>(std::floor(static_cast<double>(i) * share_));
  };
  auto begin = static_cast<int64_t>(std::ceil(static_cast<double>(block) / share_));
  while (begin > 0 && block_of(begin - 1) >= block) --begin;
  while (block_of(begin) < block) ++begin;
  return begin;
}

bool ValidationSplit::holds(int64_t index) const {
  if (share_ <= 0) return false;
  const auto block = static_cast<int64_t>(std::floor(static_cast<double>(index) * share_));
  const int64_t begin = block_begin(block), end = block_begin(block + 1);
  const auto chosen = draw_below(static_cast<uint64_t>(end - begin), seed_, Draw::validation_split,
                                 static_cast<uint64_t>(block));
  return index - begin == static_cast<int64_t>(chosen);
}

}  // namespace sluice
