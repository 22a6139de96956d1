#include "engine/optim/optimizer.h"

namespace sluice {

namespace {

size_t moment_bytes(const Params& params) {
  return static_cast<size_t>(params.trained_parameters()) * size_of(params.dtype());
}

size_t touched_bytes(const Params& params) {
  int64_t rows = 0;
  for (const RowGradient& r : params.rows()) rows += params.value(r.table).dims[0];
  return static_cast<size_t>(rows) * sizeof(int32_t);
}

}  // namespace

size_t Optimizer::bytes(const OptimizerConfig& config, const Params& params) {
  return (config.kind == OptimizerKind::sgd ? 1 : 2) * moment_bytes(params) + touched_bytes(params);
}

Optimizer::Optimizer(const OptimizerConfig& config, Params& params) : params_(params), config_(config) {
  Backend& backend = params.backend();
  first_ = Buffer(backend, moment_bytes(params), "first moments");
  if (config.kind != OptimizerKind::sgd) second_ = Buffer(backend, moment_bytes(params), "second moments");
  constexpr int64_t kNumbers = 4;
  scalar_memory_ = Buffer(backend, (3 + kNumbers) * sizeof(double), "numbers of the update");
  auto* scalars = static_cast<double*>(scalar_memory_.data());
  sum_squares_ = Tensor(scalars, DType::f64, {1});
  scale_ = Tensor(scalars + 1, DType::f64, {1});
  loss_scale_ = Tensor(scalars + 2, DType::f64, {1});
  now_ = Tensor(scalars + 3, DType::f64, {kNumbers});

  touched_memory_ = Buffer(backend, touched_bytes(params), "updates of embedding rows");
  auto* next = static_cast<int32_t*>(touched_memory_.data());
  for (const RowGradient& r : params.rows()) {
    touched_.emplace_back(next, DType::i32, std::initializer_list<int64_t>{params.value(r.table).dims[0]});
    next += touched_.back().size();
  }
}

void Optimizer::update(double learning_rate, int64_t step, double loss_scale) {
  prepare(learning_rate, step, loss_scale);
  apply();
  finish();
}

void Optimizer::prepare(double learning_rate, int64_t step, double loss_scale) {
  learning_rate_ = learning_rate;
  step_ = step;
  if (loss_scale != uploaded_loss_scale_) params_.backend().upload(loss_scale_, &loss_scale);
  uploaded_loss_scale_ = loss_scale;
  params_.backend().upload(now_, update_numbers(adam(false)).data());
}

void Optimizer::apply() {
  gather_norm();
  for (const Params::Dense& piece : params_.dense()) update_dense(piece);
  for (size_t table = 0; table < params_.rows().size(); ++table) update_rows(table);
  params_.refresh();
  params_.zero_gradients();
}

void Optimizer::finish() {
  params_.forget_rows();
}

Backend::ReplayKey Optimizer::shape_key() const {
  Backend::ReplayKey key = {-1};  // no batch has so many sequences
  for (const RowGradient& r : params_.rows()) key.push_back(r.in_use);
  return key;
}

void Optimizer::gather_norm() {
  Backend& backend = params_.backend();
  std::vector<Tensor> gradients;
  for (const Params::Dense& piece : params_.dense()) gradients.push_back(piece.gradients);
  for (const RowGradient& r : params_.rows())
    if (r.in_use) gradients.push_back(r.values.narrow(r.in_use));
  backend.zero(sum_squares_);
  for (const Tensor& g : gradients) {
    if (config_.clip_value > 0)
      backend.clip_value({.x = g, .limit = config_.clip_value, .loss_scale = loss_scale_});
    backend.sum_squares({.x = g, .out = sum_squares_});
  }
  backend.clip_scale({.sum_squares = sum_squares_,
                      .max_norm = config_.clip_norm,
                      .scale = scale_,
                      .loss_scale = loss_scale_});
}

void Optimizer::update_dense(const Params::Dense& piece) {
  const bool decay =
      piece.kind == Params::Kind::decayed || (piece.kind == Params::Kind::table && config_.decay_embeddings);
  const Tensor m = moment(first_, piece.offset, piece.values.size());
  if (config_.kind == OptimizerKind::sgd)
    params_.backend().sgd({.config = sgd(decay),
                           .w = piece.values,
                           .g = piece.gradients,
                           .m = m,
                           .scale = scale_,
                           .now = now_});
  else
    params_.backend().adam({.config = adam(decay),
                            .w = piece.values,
                            .g = piece.gradients,
                            .m = m,
                            .v = moment(second_, piece.offset, piece.values.size()),
                            .scale = scale_,
                            .now = now_});
}

void Optimizer::update_rows(size_t table) {
  const RowGradient& r = params_.rows()[table];
  if (r.in_use == 0) return;
  const Tensor w = params_.value(r.table), ids = r.device_ids.narrow(r.in_use), g = r.values.narrow(r.in_use);
  const int64_t offset = params_.offset(r.table);
  const auto as_table = [&](const Buffer& moments) {
    return moment(moments, offset, w.size()).reshape({w.dims[0], w.dims[1]});
  };
  if (config_.kind == OptimizerKind::sgd)
    params_.backend().sgd_rows({.config = sgd(config_.decay_embeddings),
                                .ids = ids,
                                .g = g,
                                .w = w,
                                .m = as_table(first_),
                                .touched = touched_[table],
                                .scale = scale_,
                                .now = now_});
  else
    params_.backend().adam_rows({.config = adam(config_.decay_embeddings),
                                 .ids = ids,
                                 .g = g,
                                 .w = w,
                                 .m = as_table(first_),
                                 .v = as_table(second_),
                                 .touched = touched_[table],
                                 .scale = scale_,
                                 .now = now_});
}

AdamConfig Optimizer::adam(bool decay) const {
  return {.learning_rate = learning_rate_,
          .beta1 = config_.beta1,
          .beta2 = config_.beta2,
          .epsilon = config_.epsilon,
          .weight_decay = decay ? config_.weight_decay : 0,
          .decoupled = config_.kind == OptimizerKind::adamw,
          .step = step_,
          .keep_idle = config_.keep_idle_moments};
}

SgdConfig Optimizer::sgd(bool decay) const {
  return {.learning_rate = learning_rate_,
          .momentum = config_.momentum,
          .weight_decay = decay ? config_.weight_decay : 0,
          .nesterov = config_.nesterov,
          .step = step_,
          .keep_idle = config_.keep_idle_moments};
}

Tensor Optimizer::moment(const Buffer& buffer, int64_t offset, int64_t count) const {
  const DType type = params_.dtype();
  return Tensor(static_cast<char*>(buffer.data()) + static_cast<size_t>(offset) * size_of(type), type,
                {count});
}

std::vector<NamedTensor> Optimizer::state() const {
  const int64_t trained = params_.trained_parameters();
  std::vector<NamedTensor> result{{"first_moments", moment(first_, 0, trained)}};
  if (second_.data()) result.push_back({"second_moments", moment(second_, 0, trained)});
  for (size_t table = 0; table < touched_.size(); ++table)
    result.push_back({fmt::format("touched.{}", table), touched_[table]});
  return result;
}

}  // namespace sluice
