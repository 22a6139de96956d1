// A minibatch of ragged sequences, time-major.
//
// B sequences sorted by length, longest first, T steps. Row row(t, b) = offsets[t] + b holds token t of
// sequence b, and this is the only addressing. The sequences still active at step t are the prefix [0,
// active[t]).
//   packed: offsets[t+1] - offsets[t] = active[t]; N = sum of lengths rows, none of them padding (PyTorch's
//   PackedSequence,
//           cuDNN's SEQ_MAJOR_PACKED).
//   padded: offsets[t] = t * B; N = B * T rows; rows past a sequence's end are padding and `mask` marks the
//   others.
//   bucketed: between the two, so that many batches have one shape: Note [Bucket shapes] in batch.cpp. Steps
//   and distinct ids are rounded up, and so are the rows of a step; what is added is padding.
// Sequences of length 0 are legal: they sort last and own no valid row.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/tensor.h"

namespace sluice {

enum class Layout : uint8_t { packed, padded, bucketed };

// What one document gives to a batch. `tokens` stays the caller's.
struct BatchItem {
  std::span<const int32_t> tokens;   // ids in [0, V)
  std::span<const int32_t> classes;  // classes of the document; empty: unknown
  int32_t document = 0;              // its number in the corpus, for reports
};

// A batch in host memory, as BatchSource makes it.
struct HostBatch {
  Layout layout = Layout::packed;
  int sequences = 0;  // B
  int steps = 0;      // T
  int rows = 0;       // N
  int tokens = 0;     // sum of lengths; == rows when packed
  int classes = 0;    // K, for `targets`

  std::vector<int32_t> ids;        // [N]; 0 in padding
  std::vector<int32_t> lengths;    // [B] descending
  std::vector<int32_t> offsets;    // [T+1]
  std::vector<int32_t> active;     // [T]
  std::vector<int32_t> labels;     // [B] first class of each document, -1 where unknown
  std::vector<float> targets;      // [B,K] 0/1; only for multi-label batches, else empty
  std::vector<int32_t> documents;  // [B] numbers in the corpus

  // The distinct ids and where they stand: what the embedding's gradient, lazy rows and the product over
  // distinct tokens use.
  std::vector<int32_t> distinct;      // [U] ascending; bucketed: then -1, which stands for no id
  std::vector<int32_t> segments;      // [U+1] into segment_rows
  std::vector<int32_t> segment_rows;  // [tokens] rows that hold distinct[u], ascending within each segment
  std::vector<int32_t> row_distinct;  // [N] u of each row; 0 in padding

  // Where asked for: the same rows, their ids those of bigrams (bigram_id()); without labels.
  std::shared_ptr<const HostBatch> bigrams;

  int row(int t, int b) const { return offsets[static_cast<size_t>(t)] + b; }
  // Rows [first, end) of step t are padding.
  struct Padding {
    int first, end;
  };
  Padding padding(int t) const {
    return {row(t, active[static_cast<size_t>(t)]), offsets[static_cast<size_t>(t) + 1]};
  }
};

// Packs documents, in any order, into one batch (a stable sort by length, longest first).
// classes: K for multi-label targets [B,K]; 0 makes `labels` only. bigram_buckets: of the bigrams' ids; 0
// makes none. Throws Failure when a class is out of range.
HostBatch pack(std::span<const BatchItem> items, Layout layout, int classes = 0, int bigram_buckets = 0);

// The hash, in [0, buckets), of a token and the one before it (-1: none). Several bigrams may share one (the
// hashing trick: Weinberger et al. 2009; so fastText, Joulin et al. 2017).
int32_t bigram_id(int32_t before, int32_t token, int buckets);

// As many distinct ids as a bucketed batch has that needs so many.
int bucketed_distinct(int distinct);

// The largest batch that will ever come: what buffers are bound for.
struct MaxShape {
  int sequences = 0;
  int steps = 0;
  int rows = 0;      // N, in the layout in use
  int distinct = 0;  // <= min(rows, V), rounded up in bucketed batches
  int bigrams = 0;   // distinct ones, likewise; 0: no batch has bigrams
};

// What bucketed batches need where padded ones need `padded`.
MaxShape bucketed(const MaxShape& padded);

// The same batch as a backend sees it: its arrays in device memory.
struct Batch {
  const HostBatch* host = nullptr;  // lives as long as the batch is in use
  int sequences = 0, steps = 0, rows = 0, tokens = 0, distinct = 0;
  Layout layout = Layout::packed;

  Tensor ids;           // [N] i32
  Tensor lengths;       // [B] i32
  Tensor offsets;       // [T+1] i32
  Tensor active;        // [T] i32
  Tensor labels;        // [B] i32
  Tensor targets;       // [B,K] f32 or null
  Tensor mask;          // [B,T] u8: 1 where t < lengths[b]; null when packed
  Tensor distinct_ids;  // [U] i32; bucketed: -1 in the last ones
  Tensor segments;      // [U+1] i32
  Tensor segment_rows;  // [N] i32, the first `tokens` in use
  Tensor row_distinct;  // [N] i32

  const Batch* bigrams = nullptr;  // as HostBatch::bigrams
};

}  // namespace sluice
