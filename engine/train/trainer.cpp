#include "engine/train/trainer.h"

#include <algorithm>

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
  at_least("loss_scale", config.loss_scale, 0.0);
  at_least("min_delta", config.min_delta, 0.0);
  at_least("checkpoint_every", config.checkpoint_every, 0);
  at_least("average_every", config.average_every, 1);
  if (!(config.average_from >= 0 && config.average_from <= 1))
    throw UserError("train.average_from = {}: it must lie in [0, 1]", config.average_from);
  check_metric_name(config.metric, multi_label);
  Schedule(config.schedule, config.learning_rate, 1);
  return config;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

bool keeps_best(const TrainConfig& config, bool validates) {
  return validates && config.keep_best;
}

bool averages(const TrainConfig& config) {
  return config.average_from < 1;
}

int target_classes(const Classifier& classifier) {
  return classifier.config().multi_label ? classifier.config().classes : 0;
}

MaxShape largest(const BatchSource& train, const BatchSource* valid) {
  return valid ? larger(train.max_shape(), valid->max_shape()) : train.max_shape();
}

// How many updates may be under way when the next one is queued: Note [Updates under way].
size_t updates_ahead(const Backend& backend) {
  return backend.asynchronous() ? 1 : 0;
}

int32_t next_number() {
  static std::atomic<int32_t> number{0};
  return number++;
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
      records_(config.record && config.layout == Layout::bucketed && classifier.replayable()),
      number_(next_number()),
      device_batch_(classifier.params().backend(), largest(train, valid), config.layout,
                    target_classes(classifier)),
      loss_scale_(config.loss_scale, classifier.config().dtype),
      stopping_({higher_is_better(config.metric), config.patience, config.min_delta}) {
  Backend& backend = classifier.params().backend();
  const std::vector<NamedTensor> parameters = classifier.params().named();
  if (keeps_best(config_, valid_)) best_.emplace(backend, parameters, "best parameters");
  if (averages(config_)) average_.emplace(backend, parameters, "averaged parameters");
  if (average_ && valid_) current_.emplace(backend, parameters, "parameters during validation");
  state_.seed = config_.seed;
  for (Group* group : {&group_, &next_group_}) group->batches.resize(static_cast<size_t>(config.accumulate));
  const int64_t losses = int64_t{train.max_shape().sequences} * config.accumulate;
  for (size_t k = 0; k <= updates_ahead(backend); ++k)
    ring_.emplace_back(backend, classifier.params().dtype(), losses);
}

size_t Trainer::bytes(const TrainConfig& config, const Params& params, bool validates) {
  const int copies =
      int{keeps_best(config, validates)} + int{averages(config)} + int{averages(config) && validates};
  return static_cast<size_t>(copies) * Snapshot::bytes(params.named());
}

CheckpointTensors Trainer::checkpoint_tensors() const {
  return {classifier_.params().named(), optimizer_.state(),
          best_ ? best_->tensors() : std::vector<NamedTensor>{},
          average_ ? average_->tensors() : std::vector<NamedTensor>{}};
}

void Trainer::resume() {
  state_ = load_checkpoint(config_.checkpoint_directory, classifier_.params().backend(), config_.seed,
                           checkpoint_tensors(), config_.fingerprint);
  classifier_.params().refresh();
  stopping_.set_state(state_.stopping);
  loss_scale_.set_state(state_.loss_scale);
  resumed_ = true;
}

void Trainer::save() {
  look_at_updates(0);
  if (config_.checkpoint_directory.empty()) return;
  state_.loss_scale = loss_scale_.state();
  save_checkpoint(config_.checkpoint_directory, classifier_.params().backend(), state_, checkpoint_tensors(),
                  config_.fingerprint);
  observer_.on_checkpoint(state_.update);
  step_started_ = Clock::now();
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
  if (average_ && !resumed_) average_->take();
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
    put_back(*best_);
    result.best_restored = true;
  } else if (state_.averaged > 0 && reason != StopReason::requested) {
    put_back(*average_);
  }
  return result;
}

int64_t Trainer::total_updates() const {
  const int64_t updates_per_pass = (state_.batches_per_pass + config_.accumulate - 1) / config_.accumulate;
  const int64_t updates = config_.epochs * updates_per_pass;
  return config_.max_updates > 0 ? std::min(updates, config_.max_updates) : updates;
}

// The share of the time limit that is gone, 0 within its grace.
double Trainer::time_gone() const {
  constexpr double kGrace = 0.1;
  if (config_.time_limit == 0) return 0;
  const double share = std::min(seconds_since(started_) / config_.time_limit, 1.0);
  return std::max(0.0, (share - kGrace) / (1 - kGrace));
}

// Trains on what is left of the pass under way. Returns early when there is a reason to stop.
void Trainer::train_pass() {
  train_.start(static_cast<int>(state_.epoch), state_.batches);
  if (state_.batches_per_pass == 0) state_.batches_per_pass = train_.batches();
  if (!schedule_) schedule_.emplace(config_.schedule, config_.learning_rate, total_updates());
  step_started_ = Clock::now();
  for (read_group(next_group_); next_group_.size > 0;) {
    std::swap(group_, next_group_);
    read_group(next_group_);
    train_group();
    after_update();
    if (reason_to_stop()) return;
  }
  end_pass();
}

void Trainer::read_group(Group& group) {
  group.size = 0;
  while (group.size < config_.accumulate && train_.next(group.batches[static_cast<size_t>(group.size)]))
    ++group.size;
}

// One update. Batches count by their loss weight, so that a group is one large batch.
void Trainer::train_group() {
  double weight = 0;
  for (const HostBatch& batch : group_.used()) weight += classifier_.loss_weight(batch);
  const double loss_scale = loss_scale_.begin(state_.update + 1);
  const double scale = weight > 0 ? loss_scale / weight : 0;  // 0: no label is known, nothing is learnt

  newest_ = (newest_ + 1) % ring_.size();
  ring_[newest_].begin({.epoch = state_.epoch + 1,
                        .update = state_.update + 1,
                        .total_updates = total_updates(),
                        .learning_rate = schedule_->rate(state_.update + 1, time_gone())},
                       weight, loss_scale);
  for (int k = 0; k < group_.size; ++k) {
    const bool last = k + 1 == group_.size;
    const HostBatch* next = !last                  ? &group_.batches[static_cast<size_t>(k) + 1]
                            : next_group_.size > 0 ? &next_group_.batches[0]
                                                   : nullptr;
    train_batch(group_.batches[static_cast<size_t>(k)], next, scale);
  }
  optimizer_.prepare(ring_[newest_].report().learning_rate, state_.update + 1, loss_scale);
  run(optimizer_.shape_key(), [&] { optimizer_.apply(); });
  optimizer_.finish();
  ring_[newest_].finish(optimizer_.squared_norm());
  ++under_way_;
  ++state_.update;
  state_.batches += group_.size;
  look_at_updates(ring_.size() - 1);
}

void Trainer::run(Backend::ReplayKey key, const std::function<void()>& verbs) {
  if (!records_) return verbs();
  key.push_back(number_);
  classifier_.params().backend().replay(key, verbs);
}

// Forward and backward; `next` is on its way meanwhile.
void Trainer::train_batch(const HostBatch& batch, const HostBatch* next, double scale) {
  const StepInfo step{
      .training = true, .seed = config_.seed, .step = static_cast<uint32_t>(state_.micro_step)};
  const Batch& loaded = device_batch_.load(batch);
  if (next) device_batch_.prefetch(*next);
  classifier_.prepare(loaded, step, scale);
  run(Classifier::shape_key(batch), [&] {
    classifier_.forward(loaded, step);
    classifier_.backward(loaded, step);
  });
  ring_[newest_].add_batch(batch, classifier_.device_losses(loaded), classifier_.device_hits(loaded));
  ++state_.micro_step;
}

void Trainer::look_at_updates(size_t left) {
  while (under_way_ > left) {
    UpdateUnderWay& oldest = ring_[(newest_ + ring_.size() + 1 - under_way_) % ring_.size()];
    --under_way_;
    try {
      oldest.read(loss_scale_);
    } catch (...) {
      state_.update = oldest.report().update - 1;
      throw;
    }
    state_.loss_sum += oldest.loss_sum();
    state_.weight_sum += oldest.weight();
    state_.documents += oldest.report().documents;
    state_.hits += oldest.report().hits;
    StepReport report = oldest.report();
    report.seconds = seconds_since(step_started_);
    step_started_ = Clock::now();
    observer_.on_step(report);
  }
}

// With the copy of the parameters that matrix products read.
void Trainer::put_back(Snapshot& parameters) {
  parameters.restore();
  classifier_.params().refresh();
}

void Trainer::average_parameters() {
  if (!average_ || state_.update % config_.average_every != 0) return;
  const double updates = static_cast<double>(state_.update) / static_cast<double>(total_updates());
  if (std::max(updates, time_gone()) <= config_.average_from) return;
  if (++state_.averaged == 1)
    average_->take();
  else
    average_->blend(1 / static_cast<double>(state_.averaged));
}

void Trainer::after_update() {
  average_parameters();
  if (valid_ && config_.evaluate_every > 0 && state_.update % config_.evaluate_every == 0) validate();
  const bool due = config_.checkpoint_every > 0 && state_.update % config_.checkpoint_every == 0;
  const bool asked = requests_ && requests_->checkpoint.exchange(false);
  if (due || asked) save();
}

void Trainer::end_pass() {
  look_at_updates(0);
  ++state_.epoch;
  state_.batches = 0;
  observer_.on_pass({state_.epoch, state_.update, mean_loss(), accuracy(), train_.figures()});
  if (valid_ && config_.evaluate_every == 0) validate();
  state_.loss_sum = state_.weight_sum = 0;
  state_.documents = state_.hits = 0;
  if (config_.checkpoint_every == 0 && !reason_to_stop()) save();  // finish() saves the last one
}

double Trainer::mean_loss() const {
  return state_.weight_sum > 0 ? state_.loss_sum / state_.weight_sum : 0;
}

double Trainer::accuracy() const {
  return state_.documents > 0 ? static_cast<double>(state_.hits) / static_cast<double>(state_.documents) : 0;
}

// Evaluates the average, once there is one, in the parameters' place.
void Trainer::validate() {
  look_at_updates(0);
  const bool averaged = state_.averaged > 0;
  if (averaged) {
    current_->take();
    put_back(*average_);
  }
  const Clock::time_point started = Clock::now();
  const Metrics metrics = evaluate(classifier_, *valid_, device_batch_, evaluate_options_);
  EvaluationReport report;
  report.epoch = state_.epoch + (state_.batches > 0 ? 1 : 0);
  report.update = state_.update;
  report.train_loss = mean_loss();
  report.train_accuracy = accuracy();
  report.valid = &metrics;
  report.best = stopping_.observe(metrics.value(config_.metric), metrics.log_loss);
  if (report.best) {
    if (best_) best_->take();
    state_.best_update = report.update;
    state_.best_epoch = report.epoch;
  }
  if (averaged) put_back(*current_);
  state_.stopping = stopping_.state();
  state_.evaluated_update = state_.update;
  report.seconds = seconds_since(started);
  observer_.on_evaluation(report);
  step_started_ = Clock::now();
}

}  // namespace sluice
