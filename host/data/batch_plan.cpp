#include "host/data/batch_plan.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <utility>

#include "engine/error.h"
#include "host/data/draw.h"

namespace sluice {
namespace {

// Note [Length buckets]
// Padding (and, packed, thin late steps) comes from documents of unlike length in one batch. Documents are
// shuffled, the shuffled sequence is cut into windows, each window is sorted by bucket, and the sorted window
// is cut into batches, which are shuffled over the whole pass. Buckets are an eighth of an octave wide
// (lengths within 1/8 of each other), so padding stays below that where a bucket fills its batches. Within a
// bucket the shuffled order remains: batches differ from pass to pass even where one window holds the whole
// corpus.
int bucket_of(int32_t length) {
  if (length < 16) return length;
  const auto bits = static_cast<int>(std::bit_width(static_cast<uint32_t>(length))) - 4;
  return bits * 8 + (length >> bits);  // the leading bit and three more: 8 .. 15
}

template <class T>
void shuffle(std::vector<T>& values, uint64_t seed, Draw purpose, int epoch) {
  for (size_t n = values.size(); n > 1; --n)
    std::swap(values[n - 1], values[draw_below(n, seed, purpose, n, static_cast<uint32_t>(epoch))]);
}

}  // namespace

void check(const BatchOptions& options) {
  if (options.tokens < 1 || options.tokens > std::numeric_limits<int32_t>::max())
    throw UserError("batch.tokens is {}: it must be between 1 and 2147483647", options.tokens);
  if (options.sequences < 1)
    throw UserError("batch.sequences is {}: it must be at least 1", options.sequences);
  SLUICE_CHECK(options.window_documents > 0, "a window of {} documents", options.window_documents);
}

BatchPlan plan_batches(const std::function<int32_t(int64_t)>& length, DocumentRange range,
                       const BatchOptions& options, int epoch) {
  BatchPlan plan;
  plan.documents.resize(static_cast<size_t>(range.size()));
  std::iota(plan.documents.begin(), plan.documents.end(), static_cast<int32_t>(range.begin));
  if (options.order == BatchOrder::shuffled)
    shuffle(plan.documents, options.seed, Draw::document_order, epoch);

  const bool in_order = options.order == BatchOrder::in_order;
  const auto window = static_cast<size_t>(options.window_documents);
  struct Entry {
    int32_t document, length;
  };
  std::vector<Entry> entries;
  int64_t longest = 0;  // of the batch being filled
  for (size_t begin = 0; begin < plan.documents.size(); begin += window) {
    const size_t end = std::min(begin + window, plan.documents.size());
    entries.clear();
    for (size_t i = begin; i < end; ++i) entries.push_back({plan.documents[i], length(plan.documents[i])});
    if (!in_order)
      std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        return bucket_of(a.length) < bucket_of(b.length);
      });
    for (size_t i = begin; i < end; ++i) {
      const Entry& entry = entries[i - begin];
      plan.documents[i] = entry.document;
      const int64_t grown = std::max<int64_t>(longest, entry.length);
      const bool open = i > begin || (in_order && i > 0);  // a batch lies within one window
      const bool fits = open && plan.batches.back().count < options.sequences &&
                        grown * (plan.batches.back().count + 1) <= options.tokens;
      if (!fits) plan.batches.push_back({static_cast<int32_t>(i), 0});
      longest = fits ? grown : entry.length;
      ++plan.batches.back().count;
    }
  }
  if (options.order == BatchOrder::shuffled) shuffle(plan.batches, options.seed, Draw::batch_order, epoch);
  return plan;
}

}  // namespace sluice
