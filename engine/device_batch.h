// Device memory of one batch, bound once for the largest; load() copies a host batch into it.
#pragma once

#include "engine/backend.h"
#include "engine/batch.h"

namespace sluice {

class DeviceBatch {
 public:
  // classes: K of multi-label targets, else 0.
  DeviceBatch(Backend& backend, const MaxShape& max, Layout layout, int classes);

  // `host` must stay alive while the batch is in use. Throws Failure when it is larger than `max`.
  const Batch& load(const HostBatch& host);

 private:
  Tensor upload(Tensor slot, const void* data, int64_t count);

  Backend& backend_;
  MaxShape max_;
  Buffer memory_;
  Batch batch_;  // the one in use
  Batch bound_;  // full-size tensors
};

}  // namespace sluice
