#include "engine/train/update_under_way.h"

#include <cmath>
#include <numeric>

#include "engine/error.h"
#include "engine/train/evaluate.h"

namespace sluice {
namespace {

constexpr size_t kLossesAt = aligned(1);  // bytes from the start

}  // namespace

UpdateUnderWay::UpdateUnderWay(Backend& backend, DType losses, int64_t max_losses)
    : backend_(backend),
      type_(losses),
      hits_at_(aligned(kLossesAt + static_cast<size_t>(max_losses) * size_of(losses))),
      memory_(backend, hits_at_ + static_cast<size_t>(max_losses) * sizeof(int32_t), "losses to be read",
              Buffer::Place::host) {}

void UpdateUnderWay::begin(const StepReport& report, double weight, double loss_scale) {
  report_ = report;
  weight_ = weight;
  loss_scale_ = loss_scale;
  documents_.clear();
  ends_.clear();
}

void UpdateUnderWay::add_batch(const HostBatch& batch, Tensor losses, Tensor hits) {
  const size_t at = kLossesAt + documents_.size() * size_of(type_);
  SLUICE_CHECK(at + losses.bytes() <= hits_at_, "more losses than were foreseen");
  backend_.read_later(static_cast<char*>(memory_.data()) + at, losses);
  backend_.read_later(this->hits() + documents_.size(), hits);
  documents_.insert(documents_.end(), batch.documents.begin(), batch.documents.end());
  ends_.push_back(documents_.size());
  report_.documents += batch.sequences;
  report_.tokens += batch.tokens;
  report_.padded_rows += padded_rows(batch);
}

void UpdateUnderWay::finish(Tensor squared_norm) {
  backend_.read_later(memory_.data(), squared_norm);
  mark_ = backend_.mark();
}

double UpdateUnderWay::loss(size_t k) const {
  const void* losses = static_cast<const char*>(memory_.data()) + kLossesAt;
  return dispatch_real(type_,
                       [&]<class T>() { return static_cast<double>(static_cast<const T*>(losses)[k]); });
}

int32_t* UpdateUnderWay::hits() const {
  return reinterpret_cast<int32_t*>(static_cast<char*>(memory_.data()) + hits_at_);
}

void UpdateUnderWay::read(LossScale& loss_scale) {
  backend_.wait(mark_);
  report_.hits = std::accumulate(hits(), hits() + documents_.size(), int64_t{0});
  std::vector<int32_t> broken;
  loss_sum_ = 0;
  size_t k = 0;
  for (size_t end : ends_) {
    double sum = 0;
    for (; k < end; ++k) {
      const double value = loss(k);
      sum += value;
      if (!std::isfinite(value)) broken.push_back(documents_[k]);
    }
    loss_sum_ += sum;
  }
  if (!broken.empty())
    throw Failure(
        "training diverged at update {}: the loss is not a finite number for {}; lower optim.learning_rate "
        "or "
        "optim.clip_norm, and look at these documents",
        report_.update, list_documents(broken));
  report_.loss = weight_ > 0 ? loss_sum_ * (1 / weight_) : 0;
  report_.gradient_norm = std::sqrt(*static_cast<const double*>(memory_.data())) / loss_scale_;
  const bool finite = std::isfinite(report_.gradient_norm);
  if (!loss_scale.outcome(report_.update, loss_scale_, finite))
    throw Failure(
        "training diverged at update {}: the gradient's norm is {}; batch of {}; lower "
        "{}optim.learning_rate, "
        "or set optim.clip_value",
        report_.update, report_.gradient_norm, list_documents(documents_),
        loss_scale_ > 1 ? "train.loss_scale or " : "");
  if (!finite) report_.gradient_norm = 0;
}

}  // namespace sluice
