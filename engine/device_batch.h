// A host batch in device memory: one block, one copy, bound once for the largest.
//
// Two blocks: prefetch() fills one while the device reads the other. load() takes over from the first into
// the second, so that the batch in use always lies at the same addresses.
#pragma once

#include <memory>
#include <vector>

#include "engine/backend.h"
#include "engine/batch.h"

namespace sluice {

class DeviceBatch {
 public:
  // classes: K of multi-label targets, else 0.
  DeviceBatch(Backend& backend, const MaxShape& max, Layout layout, int classes);

  // Begins to copy the batch that load() will be asked for next, beside what is queued from now on. Both
  // throw Failure when the batch is larger than `max`.
  void prefetch(const HostBatch& next);
  // `host` must stay alive while the batch is in use: until the next load().
  const Batch& load(const HostBatch& host);

 private:
  Backend& backend_;
  MaxShape max_;
  Buffer memory_;
  Tensor arriving_, arrived_;  // the blocks, bytes
  Tensor mask_;                // [B*T] u8
  std::vector<char> block_;    // as it is sent
  const HostBatch* prefetched_ = nullptr;
  Batch batch_;                           // the one in use
  std::unique_ptr<DeviceBatch> bigrams_;  // where batches have them
};

}  // namespace sluice
