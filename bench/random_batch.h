// Synthetic batches of given lengths.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/batch.h"

namespace sluice::bench {

// A batch of random tokens in [0, vocabulary) with those lengths, labels in [0, classes).
HostBatch random_batch(const std::vector<int>& lengths, int vocabulary, int classes, uint64_t seed,
                       Layout layout = Layout::packed);

}  // namespace sluice::bench
