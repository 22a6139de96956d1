// Where the trainer gets its batches from. host/data implements it on a prepared corpus.
#pragma once

#include <cstdint>

#include "engine/batch.h"

namespace sluice {

// What one pass did to the documents.
struct PassFigures {
  int64_t documents = 0, tokens = 0;
  int64_t padded_rows = 0;     // rows a padded layout would compute for nothing, whatever the layout in use
  int64_t dropped_tokens = 0;  // cut off by truncation
};

// The rows of padding that the padded layout has, whatever the batch's.
inline int64_t padded_rows(const HostBatch& batch) {
  return batch.lengths.empty() ? 0 : int64_t{batch.sequences} * batch.lengths.front() - batch.tokens;
}

class BatchSource {
 public:
  virtual ~BatchSource() = default;

  virtual MaxShape max_shape() const = 0;  // no batch is ever larger
  virtual int64_t documents() const = 0;
  // Begins pass `epoch` after its first `skip` batches. Its order is a pure function of the seed and `epoch`.
  virtual void start(int epoch, int64_t skip = 0) = 0;
  virtual int64_t batches() const = 0;  // of the pass begun
  // False at the end of the pass.
  virtual bool next(HostBatch& batch) = 0;
  virtual PassFigures figures() const = 0;  // of the batches handed out since start()
};

}  // namespace sluice
