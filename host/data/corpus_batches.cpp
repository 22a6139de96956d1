#include "host/data/corpus_batches.h"

#include <algorithm>
#include <utility>

#include "engine/error.h"

namespace sluice {
namespace {

// Note [Resident pages]
// A shuffled pass touches the map at random, and the system maps 64 KiB around each touch. After documents
// that may have made this much of it resident the pages are given back; they come again from the page cache.
// So a corpus of any size keeps few megabytes in the resident set.
constexpr int64_t kResidentBytes = 16 << 20;
constexpr int64_t kBytesPerDocument = 2 * (64 << 10);  // tokens and offsets; the other arrays are small

// How many batches wait ready-made: enough to hide a slow one.
constexpr size_t kBatchesAhead = 4;

}  // namespace

CorpusBatches::CorpusBatches(const Corpus& corpus, Part part, const BatchOptions& options, Layout layout)
    : corpus_(corpus), range_(corpus.part(part)), options_(options), layout_(layout) {
  check(options_);
  max_shape_ = find_max_shape();
}

MaxShape CorpusBatches::find_max_shape() const {
  int64_t longest = 0, tokens = 0;
  for (int64_t d = range_.begin; d < range_.end; ++d) {
    longest = std::max<int64_t>(longest, corpus_.length(d));
    tokens += corpus_.length(d);
  }
  corpus_.release_pages();
  MaxShape shape;
  shape.sequences = static_cast<int>(std::min<int64_t>(options_.sequences, range_.size()));
  shape.steps = static_cast<int>(longest);
  // A batch of several documents has at most options.tokens padded rows, a single document `longest`.
  int64_t rows = std::min(std::max(options_.tokens, longest), shape.sequences * longest);
  if (layout_ == Layout::packed) rows = std::min(rows, tokens);
  shape.rows = static_cast<int>(rows);
  shape.distinct = static_cast<int>(std::min<int64_t>({rows, tokens, corpus_.meta().vocabulary}));
  // At least 1: 0 would say that there are none, but batches without a token have them, too.
  if (options_.bigram_buckets > 0)
    shape.bigrams =
        static_cast<int>(std::clamp<int64_t>(std::min<int64_t>(rows, tokens), 1, options_.bigram_buckets));
  return layout_ == Layout::bucketed ? bucketed(shape) : shape;
}

void CorpusBatches::start(int epoch, int64_t skip) {
  SLUICE_CHECK(epoch >= 0 && skip >= 0, "pass {} from batch {}", epoch, skip);
  prefetch_.reset();  // the pass before, if it was left
  plan_ = {};         // its memory first
  plan_ = plan_batches([&](int64_t d) { return corpus_.length(d); }, range_, options_, epoch);
  corpus_.release_pages();
  figures_ = {};
  next_slice_ = static_cast<size_t>(skip);
  prefetch_ = std::make_unique<Prefetch<HostBatch>>(kBatchesAhead,
                                                    [this](HostBatch& batch) { return make_next(batch); });
}

bool CorpusBatches::make_next(HostBatch& batch) {
  if (next_slice_ >= plan_.batches.size()) {
    corpus_.release_pages();
    return false;
  }
  const BatchSlice slice = plan_.batches[next_slice_++];
  items_.clear();
  for (int32_t i = 0; i < slice.count; ++i) {
    const int32_t document = plan_.documents[static_cast<size_t>(slice.first + i)];
    items_.push_back({corpus_.tokens(document), corpus_.known_classes(document), document});
  }
  batch =
      pack(items_, layout_, corpus_.meta().multi_label ? corpus_.meta().classes : 0, options_.bigram_buckets);
  keep_resident_set_small(batch);
  return true;
}

void CorpusBatches::keep_resident_set_small(const HostBatch& batch) {
  resident_bytes_ += batch.sequences * kBytesPerDocument + batch.tokens * int64_t{sizeof(int32_t)};
  if (resident_bytes_ < kResidentBytes) return;
  corpus_.release_pages();
  resident_bytes_ = 0;
}

bool CorpusBatches::next(HostBatch& batch) {
  if (!prefetch_ || !prefetch_->next(batch)) return false;
  figures_.documents += batch.sequences;
  figures_.tokens += batch.tokens;
  figures_.padded_rows += padded_rows(batch);
  for (const int32_t document : batch.documents) figures_.dropped_tokens += corpus_.dropped_tokens(document);
  return true;
}

}  // namespace sluice
