#include "engine/batch.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace sluice {
namespace {

std::vector<size_t> longest_first(std::span<const BatchItem> items) {
  std::vector<size_t> order(items.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return items[a].tokens.size() > items[b].tokens.size(); });
  return order;
}

// Note [Bucket shapes]
// What is captured as a CUDA graph can be replayed for every batch of the same shape: same B, T, U, and rows
// of each step. Left alone, no two batches would agree. So the shape is rounded up: T to the end of its
// length bucket, of which there are eight an octave (as host/data makes batches); U likewise; and all steps
// of one length bucket have as many rows as its first needs, rounded up to eights. A batch whose documents
// are of one length bucket thus has B rows at every step: 1/8 of its steps, at most, and less of its rows,
// are padding.
struct Bucket {
  int first, last;
};

// The bucket of a length: numbers that agree in their leading four bits.
Bucket bucket_of(int length) {
  const int bits = std::max(0, static_cast<int>(std::bit_width(static_cast<unsigned>(length))) - 4);
  const int first = length >> bits << bits;
  return {first, first + (1 << bits) - 1};
}

// Rows of step t, whose number of active sequences is `alive` and that of the first step of its bucket
// `first`.
int rows_of_step(const HostBatch& batch, int alive, int first) {
  constexpr int kEights = 8;
  switch (batch.layout) {
    case Layout::packed:
      return alive;
    case Layout::padded:
      return batch.sequences;
    case Layout::bucketed:
      return std::min(batch.sequences, (first + kEights - 1) / kEights * kEights);
  }
  return alive;
}

void lay_out_steps(HostBatch& batch) {
  batch.offsets.assign(static_cast<size_t>(batch.steps) + 1, 0);
  batch.active.assign(static_cast<size_t>(batch.steps), 0);
  int alive = batch.sequences, first = alive;
  for (int t = 0; t < batch.steps; ++t) {
    while (alive > 0 && batch.lengths[static_cast<size_t>(alive) - 1] <= t) --alive;
    // A sequence has step t where its length is t + 1 or more.
    if (bucket_of(t + 1).first == t + 1) first = alive;
    batch.active[static_cast<size_t>(t)] = alive;
    batch.offsets[static_cast<size_t>(t) + 1] =
        batch.offsets[static_cast<size_t>(t)] + rows_of_step(batch, alive, first);
  }
  batch.rows = batch.offsets.back();
}

void label(HostBatch& batch, const BatchItem& item, size_t b) {
  for (int32_t k : item.classes) {
    SLUICE_CHECK(k >= 0 && (batch.classes == 0 || k < batch.classes),
                 "class {} of document {} is not below {}", k, item.document, batch.classes);
    if (batch.classes > 0)
      batch.targets[b * static_cast<size_t>(batch.classes) + static_cast<size_t>(k)] = 1.0f;
  }
  batch.labels[b] = item.classes.empty() ? -1 : item.classes.front();
}

// Rows sorted by (id, row): each run of one id is a segment.
void find_distinct(HostBatch& batch) {
  batch.segment_rows.clear();
  batch.segment_rows.reserve(static_cast<size_t>(batch.tokens));
  for (int t = 0; t < batch.steps; ++t)
    for (int b = 0; b < batch.active[static_cast<size_t>(t)]; ++b)
      batch.segment_rows.push_back(batch.row(t, b));
  const auto& ids = batch.ids;
  std::sort(batch.segment_rows.begin(), batch.segment_rows.end(), [&](int32_t x, int32_t y) {
    const int32_t id_x = ids[static_cast<size_t>(x)], id_y = ids[static_cast<size_t>(y)];
    return id_x != id_y ? id_x < id_y : x < y;
  });
  batch.row_distinct.assign(static_cast<size_t>(batch.rows), 0);
  for (size_t k = 0; k < batch.segment_rows.size(); ++k) {
    const auto row = static_cast<size_t>(batch.segment_rows[k]);
    if (batch.distinct.empty() || batch.distinct.back() != ids[row]) {
      batch.distinct.push_back(ids[row]);
      batch.segments.push_back(static_cast<int32_t>(k));
    }
    batch.row_distinct[row] = static_cast<int32_t>(batch.distinct.size()) - 1;
  }
  batch.segments.push_back(static_cast<int32_t>(batch.segment_rows.size()));
  if (batch.layout != Layout::bucketed) return;
  const auto distinct = static_cast<size_t>(bucketed_distinct(static_cast<int>(batch.distinct.size())));
  batch.distinct.resize(distinct, -1);
  batch.segments.resize(distinct + 1, batch.segments.back());
}

// Equal lengths give equal rows.
std::shared_ptr<const HostBatch> pack_bigrams(std::span<const BatchItem> items, Layout layout, int buckets) {
  std::vector<std::vector<int32_t>> ids(items.size());
  std::vector<BatchItem> bigrams(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    int32_t before = -1;
    for (const int32_t token : items[i].tokens) {
      ids[i].push_back(bigram_id(before, token, buckets));
      before = token;
    }
    bigrams[i] = {.tokens = ids[i], .document = items[i].document};
  }
  return std::make_shared<const HostBatch>(pack(bigrams, layout));
}

}  // namespace

int bucketed_distinct(int distinct) {
  return bucket_of(distinct).last;
}

// A step more or less in a bucket, all of whose steps have the rows of its first: rows grow as steps do.
MaxShape bucketed(const MaxShape& padded) {
  MaxShape shape = padded;
  shape.steps = bucket_of(padded.steps).last;
  shape.rows = std::min(padded.sequences * shape.steps, padded.rows + (padded.rows + 7) / 8);
  shape.distinct = bucketed_distinct(padded.distinct);
  shape.bigrams = bucketed_distinct(padded.bigrams);
  return shape;
}

int32_t bigram_id(int32_t before, int32_t token, int buckets) {
  // MurmurHash3's finaliser: every bit of the pair moves every bit of the result.
  uint64_t hash = static_cast<uint64_t>(static_cast<uint32_t>(before)) << 32 | static_cast<uint32_t>(token);
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdull;
  hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53ull;
  return static_cast<int32_t>((hash ^ hash >> 33) % static_cast<uint64_t>(buckets));
}

HostBatch pack(std::span<const BatchItem> items, Layout layout, int classes, int bigram_buckets) {
  HostBatch batch;
  batch.layout = layout;
  batch.sequences = static_cast<int>(items.size());
  batch.classes = classes;
  const std::vector<size_t> order = longest_first(items);
  for (size_t i : order) {
    batch.lengths.push_back(static_cast<int32_t>(items[i].tokens.size()));
    batch.documents.push_back(items[i].document);
    batch.tokens += batch.lengths.back();
  }
  batch.steps = batch.lengths.empty() ? 0 : batch.lengths.front();
  if (layout == Layout::bucketed) batch.steps = bucket_of(batch.steps).last;
  lay_out_steps(batch);

  batch.ids.assign(static_cast<size_t>(batch.rows), 0);
  batch.labels.assign(items.size(), -1);
  batch.targets.assign(items.size() * static_cast<size_t>(classes), 0.0f);
  for (size_t b = 0; b < order.size(); ++b) {
    const BatchItem& item = items[order[b]];
    for (size_t t = 0; t < item.tokens.size(); ++t)
      batch.ids[static_cast<size_t>(batch.row(static_cast<int>(t), static_cast<int>(b)))] = item.tokens[t];
    label(batch, item, b);
  }
  find_distinct(batch);
  if (bigram_buckets > 0) batch.bigrams = pack_bigrams(items, layout, bigram_buckets);
  return batch;
}

}  // namespace sluice
