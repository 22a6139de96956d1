// Which documents make which batch, decided from their lengths alone.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "host/data/corpus.h"

namespace sluice {

enum class BatchOrder : uint8_t {
  shuffled,   // training: documents shuffled, bucketed by length within windows; batches shuffled
  by_length,  // evaluation: documents in order, bucketed by length within windows
  in_order    // documents in the order of the corpus
};

struct BatchOptions {
  // At most so many rows a batch, counted as a padded layout computes them (sequences * longest), whatever
  // the layout: so both layouts give the same batches. A longer document is a batch of its own.
  int64_t tokens = 8192;
  int sequences = 64;  // at most so many documents a batch
  BatchOrder order = BatchOrder::shuffled;
  // Documents of a window. Larger: less padding, but batches of more uniform length.
  int64_t window_documents = 4096;
  uint64_t seed = 1;
  int bigram_buckets = 0;  // 0: the batches have no bigrams
};

// Throws UserError naming the option (batch.tokens, batch.sequences) that is out of range.
void check(const BatchOptions& options);

struct BatchSlice {
  int32_t first = 0, count = 0;  // of BatchPlan::documents
};

struct BatchPlan {
  std::vector<int32_t> documents;   // numbers in the corpus, each of the range exactly once
  std::vector<BatchSlice> batches;  // in the order of the pass
};

// The plan of pass `epoch`: a pure function of its arguments. Note [Length buckets]: see batch_plan.cpp.
BatchPlan plan_batches(const std::function<int32_t(int64_t)>& length, DocumentRange range,
                       const BatchOptions& options, int epoch);

}  // namespace sluice
