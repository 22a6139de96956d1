// Length distributions of synthetic batches: `fixed:200`, `uniform:20:300`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

// Lengths of `count` sequences; a pure function of the specification and the seed. Throws UserError on
// another specification.
std::vector<int> draw_lengths(const std::string& specification, int count, uint64_t seed);

}  // namespace sluice
