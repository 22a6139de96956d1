// Ranges cut by size alone: Note [Same bits for any number of threads] in pool.h.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/backends/cpu/pool.h"
#include "engine/batch.h"

namespace sluice::cpu {

// Calls f(begin, end, chunk) for each chunk [begin, end) of [0, count), `size` long but for the last.
template <class F>
void for_chunks(Pool& pool, int64_t count, int64_t size, const F& f) {
  pool.parallel_for((count + size - 1) / size,
                    [&](int64_t chunk) { f(chunk * size, std::min(count, (chunk + 1) * size), chunk); });
}

// Rows of `width` elements that make a task worth its start.
inline int64_t rows_per_task(int64_t width) {
  constexpr int64_t kElements = 16384;
  return std::max<int64_t>(1, kElements / std::max<int64_t>(1, width));
}

// Consecutive rows [row, row + count) of one step t, of sequences b, b + 1, ...; the first `valid` of them
// are no padding.
struct RowRun {
  int64_t row, count, valid, b, t;
};

// The rows of an [M,C] tensor in chunks of whole steps of `batch`; without a batch, of rows that are all
// valid and each a sequence of its own at t = 0.
class RowChunks {
 public:
  RowChunks(const Batch* batch, int64_t rows, int64_t columns)
      : batch_(batch ? batch->host : nullptr), rows_(rows) {
    const int64_t sequences = batch_ ? std::max(1, batch_->sequences) : 1;
    per_chunk_ = std::max<int64_t>(1, rows_per_task(columns) / sequences);
    units_ = batch_ ? batch_->steps : rows;
  }

  int64_t count() const { return (units_ + per_chunk_ - 1) / per_chunk_; }
  int64_t valid_rows() const { return batch_ ? batch_->tokens : rows_; }

  // Calls f(run, chunk) for the runs of each chunk, in order within it.
  template <class F>
  void for_each(Pool& pool, const F& f) const {
    for_chunks(pool, units_, per_chunk_, [&](int64_t begin, int64_t end, int64_t chunk) {
      if (!batch_) return f(RowRun{begin, end - begin, end - begin, begin, 0}, chunk);
      for (int64_t t = begin; t < end; ++t) {
        const auto i = static_cast<size_t>(t);
        const int64_t first = batch_->offsets[i];
        f(RowRun{first, batch_->offsets[i + 1] - first, batch_->active[i], 0, t}, chunk);
      }
    });
  }

 private:
  const HostBatch* batch_;
  int64_t rows_, per_chunk_ = 1, units_ = 0;
};

}  // namespace sluice::cpu
