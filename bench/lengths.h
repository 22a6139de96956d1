// Length distributions of synthetic batches: `fixed:200`, `uniform:20:300`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/batch.h"

namespace sluice::bench {

// Lengths of `count` sequences; a pure function of the specification and the seed. Throws UserError on
// another specification.
std::vector<int> draw_lengths(const std::string& specification, int count, uint64_t seed);

// A batch of random tokens in [0, vocabulary) with those lengths, labels in [0, classes).
HostBatch random_batch(const std::vector<int>& lengths, int vocabulary, int classes, uint64_t seed,
                       Layout layout = Layout::packed);

}  // namespace sluice::bench
