// The batches of one part of a prepared corpus, made ahead on a thread of their own.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/train/batch_source.h"
#include "host/data/batch_plan.h"
#include "host/data/corpus.h"
#include "host/data/prefetch.h"

namespace sluice {

// A document's classes in a batch are those that training has; a document without any such class has label -1
// and no target (Corpus::classes() tells a label unseen in training from no label).
class CorpusBatches : public BatchSource {
 public:
  // The corpus must outlive the source. Throws UserError for options out of range.
  CorpusBatches(const Corpus& corpus, Part part, const BatchOptions& options, Layout layout);

  MaxShape max_shape() const override { return max_shape_; }
  int64_t documents() const override { return range_.size(); }
  // Skipping costs nothing: the plan comes from the lengths, and the batches left out are never made.
  void start(int epoch, int64_t skip = 0) override;
  int64_t batches() const override { return static_cast<int64_t>(plan_.batches.size()); }
  // Rethrows what making the batch threw. False before the first start().
  bool next(HostBatch& batch) override;
  PassFigures figures() const override { return figures_; }

 private:
  MaxShape find_max_shape() const;
  bool make_next(HostBatch& batch);  // on the prefetch thread
  void keep_resident_set_small(const HostBatch& batch);

  const Corpus& corpus_;
  DocumentRange range_;
  BatchOptions options_;
  Layout layout_;
  MaxShape max_shape_;
  BatchPlan plan_;
  PassFigures figures_;

  // The prefetch thread's.
  size_t next_slice_ = 0;
  std::vector<BatchItem> items_;
  int64_t resident_bytes_ = 0;

  std::unique_ptr<Prefetch<HostBatch>> prefetch_;  // last: its thread ends before what it uses goes
};

}  // namespace sluice
