// One pass over a source without training: the same for validation, `evaluate` and `predict`.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/device_batch.h"
#include "engine/models/classifier.h"
#include "engine/train/batch_source.h"
#include "engine/train/metrics.h"

namespace sluice {

struct EvaluateOptions {
  // Gold labels of a document that the model does not know (Note [Absent and unseen labels]). Null: none.
  std::function<std::vector<std::string>(int32_t document)> unseen_labels;
  // Every document's probabilities [K], in the order of the batches.
  std::function<void(int32_t document, std::span<const double> probabilities)> on_document;
};

// The classifier must be allocated for the source's max_shape() and `device_batch` for both. Throws Failure
// that names the documents where a probability is not a number.
Metrics evaluate(Classifier& classifier, BatchSource& source, DeviceBatch& device_batch,
                 const EvaluateOptions& options = {});

// Wide enough for the batches of both.
MaxShape larger(const MaxShape& a, const MaxShape& b);

// "documents 3, 17 and 9 more", for messages.
std::string list_documents(const std::vector<int32_t>& documents);

}  // namespace sluice
