#include "bench/random_batch.h"

#include "kernels/core/philox.h"

namespace sluice::bench {

HostBatch random_batch(const std::vector<int>& lengths, int vocabulary, int classes, uint64_t seed,
                       Layout layout) {
  std::vector<std::vector<int32_t>> documents;
  std::vector<int32_t> labels;
  for (size_t d = 0; d < lengths.size(); ++d) {
    std::vector<int32_t>& tokens = documents.emplace_back();
    for (int t = 0; t < lengths[d]; ++t) {
      const uint64_t word = philox(seed, static_cast<uint32_t>(t), static_cast<uint32_t>(d), 1, 0).word[0];
      tokens.push_back(static_cast<int32_t>(word * static_cast<uint64_t>(vocabulary) >> 32));
    }
    labels.push_back(static_cast<int32_t>(d) % classes);
  }
  std::vector<BatchItem> items;
  for (size_t d = 0; d < documents.size(); ++d)
    items.push_back({documents[d], std::span(&labels[d], 1), static_cast<int32_t>(d)});
  return pack(items, layout);
}

}  // namespace sluice::bench
