#include "engine/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/error.h"

namespace sluice {
namespace {

const TrainConfig& checked(const TrainConfig& config, bool multi_label) {
  const auto at_least = [](const char* key, auto value, auto least) {
    if (!(value >= least)) throw UserError("train.{} = {}: it must be at least {}", key, value, least);
  };
  at_least("epochs", config.epochs, 0);
  at_least("max_updates", config.max_updates, 0);
  at_least("time_limit", config.time_limit, 0.0);
  at_least("accumulate", config.accumulate, 1);
  at_least("evaluate_every", config.evaluate_every, 0);
  at_least("patience", config.patience, 0);
  at_least("min_delta", config.min_delta, 0.0);
  at_least("checkpoint_every", config.checkpoint_every, 0);
  check_metric_name(config.metric, multi_label);
  Schedule(config.schedule, config.learning_rate, 1);
  return config;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int target_classes(const Classifier& classifier) {
  return classifier.config().multi_label ? classifier.config().classes : 0;
}

MaxShape largest(const BatchSource& train, const BatchSource* valid) {
  return valid ? larger(train.max_shape(), valid->max_shape()) : train.max_shape();
}

}  // namespace

const char* name_of(StopReason reason) {
  switch (reason) {
    case StopReason::epochs:
      return "all epochs done";
    case StopReason::max_updates:
      return "train.max_updates reached";
    case StopReason::time_limit:
      return "train.time_limit reached";
    case StopReason::early_stopping:
      return "no gain within train.patience";
    case StopReason::requested:
      return "stopped on request";
  }
  return "?";
}

Trainer::Trainer(const TrainConfig& config, Classifier& classifier, Optimizer& optimizer, BatchSource& train,
                 BatchSource* valid, TrainObserver* observer, TrainRequests* requests,
                 EvaluateOptions evaluate_options)
    : config_(checked(config, classifier.config().multi_label)),
      classifier_(classifier),
      optimizer_(optimizer),
      train_(train),
      valid_(valid),
      observer_(observer ? *observer : silent_),
      requests_(requests),
      evaluate_options_(std::move(evaluate_options)),
      device_batch_(classifier.params().backend(), largest(train, valid), config.layout,
                    target_classes(classifier)),
      group_(static_cast<size_t>(config.accumulate)),
      stopping_({higher_is_better(config.metric), config.patience, config.min_delta}) {
  if (valid_ && config_.keep_best) best_.emplace(classifier.params().backend(), classifier.params().named());
  state_.seed = config_.seed;
}

CheckpointTensors Trainer::checkpoint_tensors() const {
  return {classifier_.params().named(), optimizer_.state(),
          best_ ? best_->tensors() : std::vector<NamedTensor>{}};
}

void Trainer::resume() {
  state_ = load_checkpoint(config_.checkpoint_directory, classifier_.params().backend(), config_.seed,
                           checkpoint_tensors(), config_.fingerprint);
  stopping_.set_state(state_.stopping);
  resumed_ = true;
}

void Trainer::save() {
  if (config_.checkpoint_directory.empty()) return;
  save_checkpoint(config_.checkpoint_directory, classifier_.params().backend(), state_, checkpoint_tensors(),
                  config_.fingerprint);
  observer_.on_checkpoint(state_.update);
}

std::optional<StopReason> Trainer::reason_to_stop() const {
  if (requests_ && requests_->stop) return StopReason::requested;
  if (stopping_.exhausted()) return StopReason::early_stopping;
  if (state_.epoch >= config_.epochs) return StopReason::epochs;
  if (config_.max_updates > 0 && state_.update >= config_.max_updates) return StopReason::max_updates;
  if (config_.time_limit > 0 && seconds_since(started_) >= config_.time_limit) return StopReason::time_limit;
  return std::nullopt;
}

TrainResult Trainer::run() {
  started_ = Clock::now();
  if (best_ && !resumed_) best_->take();  // checkpoints hold it before the first evaluation, too
  std::optional<StopReason> reason = reason_to_stop();
  while (!reason) {
    train_pass();
    reason = reason_to_stop();
  }
  return finish(*reason);
}

TrainResult Trainer::finish(StopReason reason) {
  if (reason != StopReason::requested && valid_ && state_.evaluated_update != state_.update) validate();
  save();
  TrainResult result{.reason = reason, .best_update = state_.best_update, .best_epoch = state_.best_epoch};
  result.best_value = state_.stopping.best.value_or(0);
  if (best_ && state_.stopping.best && reason != StopReason::requested) {
    best_->restore();
    result.best_restored = true;
  }
  return result;
}

int64_t Trainer::total_updates() const {
  const int64_t updates_per_pass = (state_.batches_per_pass + config_.accumulate - 1) / config_.accumulate;
  const int64_t updates = config_.epochs * updates_per_pass;
  return config_.max_updates > 0 ? std::min(updates, config_.max_updates) : updates;
}

// Trains on what is left of the pass under way. Returns early when there is a reason to stop.
void Trainer::train_pass() {
  train_.start(static_cast<int>(state_.epoch), state_.batches);
  if (state_.batches_per_pass == 0) state_.batches_per_pass = train_.batches();
  if (!schedule_) schedule_.emplace(config_.schedule, config_.learning_rate, total_updates());
  Clock::time_point started = Clock::now();
  while (read_group()) {
    train_group(started);
    after_update();
    if (reason_to_stop()) return;
    started = Clock::now();
  }
  end_pass();
}

bool Trainer::read_group() {
  group_size_ = 0;
  while (group_size_ < config_.accumulate && train_.next(group_[static_cast<size_t>(group_size_)]))
    ++group_size_;
  return group_size_ > 0;
}

// One update. Batches count by their loss weight, so that a group is one large batch.
void Trainer::train_group(Clock::time_point started) {
  const std::span<const HostBatch> group(group_.data(), static_cast<size_t>(group_size_));
  double weight = 0;
  for (const HostBatch& batch : group) weight += classifier_.loss_weight(batch);
  const double scale = weight > 0 ? 1 / weight : 0;  // 0: no label is known, nothing is learnt

  StepReport report;
  double loss = 0;
  for (const HostBatch& batch : group) {
    loss += train_batch(batch, scale);
    report.documents += batch.sequences;
    report.tokens += batch.tokens;
    report.padded_rows += int64_t{batch.sequences} * batch.steps - batch.tokens;
  }
  report.learning_rate = schedule_->rate(state_.update + 1);
  report.gradient_norm = optimizer_.update(report.learning_rate, state_.update + 1);
  if (!std::isfinite(report.gradient_norm)) {
    std::vector<int32_t> documents;
    for (const HostBatch& batch : group)
      documents.insert(documents.end(), batch.documents.begin(), batch.documents.end());
    throw Failure(
        "training diverged at update {}: the gradient's norm is {}; batch of {}; lower optim.learning_rate, "
        "or set "
        "optim.clip_value",
        state_.update + 1, report.gradient_norm, list_documents(documents));
  }
  ++state_.update;
  state_.batches += group_size_;
  state_.loss_sum += loss;
  state_.weight_sum += weight;

  report.epoch = state_.epoch + 1;
  report.update = state_.update;
  report.total_updates = total_updates();
  report.loss = loss * scale;
  report.seconds = seconds_since(started);
  observer_.on_step(report);
}

// Forward and backward; returns the sum of the batch's losses.
double Trainer::train_batch(const HostBatch& batch, double scale) {
  const StepInfo step{
      .training = true, .seed = config_.seed, .step = static_cast<uint32_t>(state_.micro_step)};
  const Batch& loaded = device_batch_.load(batch);
  classifier_.forward(loaded, step);
  const std::vector<double> losses = classifier_.losses(loaded);
  std::vector<int32_t> broken;
  for (size_t b = 0; b < losses.size(); ++b)
    if (!std::isfinite(losses[b])) broken.push_back(batch.documents[b]);
  if (!broken.empty())
    throw Failure(
        "training diverged at update {}: the loss is not a finite number for {}; lower optim.learning_rate "
        "or "
        "optim.clip_norm, and look at these documents",
        state_.update + 1, list_documents(broken));
  classifier_.backward(loaded, step, scale);
  ++state_.micro_step;
  return std::accumulate(losses.begin(), losses.end(), 0.0);
}

void Trainer::after_update() {
  if (valid_ && config_.evaluate_every > 0 && state_.update % config_.evaluate_every == 0) validate();
  const bool due = config_.checkpoint_every > 0 && state_.update % config_.checkpoint_every == 0;
  const bool asked = requests_ && requests_->checkpoint.exchange(false);
  if (due || asked) save();
}

void Trainer::end_pass() {
  ++state_.epoch;
  state_.batches = 0;
  observer_.on_pass({state_.epoch, state_.update, mean_loss(), train_.figures()});
  if (valid_ && config_.evaluate_every == 0) validate();
  state_.loss_sum = state_.weight_sum = 0;
  if (config_.checkpoint_every == 0 && !reason_to_stop()) save();  // finish() saves the last one
}

double Trainer::mean_loss() const {
  return state_.weight_sum > 0 ? state_.loss_sum / state_.weight_sum : 0;
}

void Trainer::validate() {
  const Clock::time_point started = Clock::now();
  const Metrics metrics = evaluate(classifier_, *valid_, device_batch_, evaluate_options_);
  EvaluationReport report;
  report.epoch = state_.epoch + (state_.batches > 0 ? 1 : 0);
  report.update = state_.update;
  report.train_loss = mean_loss();
  report.valid = &metrics;
  report.best = stopping_.observe(metrics.value(config_.metric), metrics.log_loss);
  if (report.best) {
    if (best_) best_->take();
    state_.best_update = report.update;
    state_.best_epoch = report.epoch;
  }
  state_.stopping = stopping_.state();
  state_.evaluated_update = state_.update;
  report.seconds = seconds_since(started);
  observer_.on_evaluation(report);
}

}  // namespace sluice
