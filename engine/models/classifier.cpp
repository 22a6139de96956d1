#include "engine/models/classifier.h"

#include <algorithm>

#include "kernels/cells/cells.h"

namespace sluice {
namespace {

// Note [Mask sites]
// Where a model draws random masks (see Note [Random masks]): each place has a number of its own, the same
// for every backend.
constexpr uint32_t kEmbeddingSite = 0, kPooledSite = 1, kBigramSite = 2, kBetweenSite = 8,
                   kRecurrentSite = 64, kSitesPerLayer = 6;
static_assert(kRecurrentSite + kSitesPerLayer * kMaxLayers <= 256);

// A bag of words pools its embeddings anyway.
bool pools_embeddings(const ModelConfig& config) {
  return config.pool_embeddings && config.num_layers > 0;
}

// Whether what follows the embedding, recurrent layer or pooling, reads [N,E] and not the distinct tokens.
bool reads_every_row(const ModelConfig& config) {
  return config.batch_norm_input || config.num_layers == 0;
}

RecurrentConfig layer_config(const ModelConfig& config, int layer, int inputs) {
  return {.name = fmt::format("{}.{}", name_of(config.cell), layer),
          .shape = {.cell = config.cell,
                    .dtype = config.dtype,
                    .input_size = inputs,
                    .hidden_size = hidden_size(config, layer),
                    .directions = config.bidirectional ? 2 : 1,
                    .recurrent_dropout = config.recurrent_dropout,
                    .zoneout_hidden = config.zoneout_hidden,
                    .zoneout_cell = config.zoneout_cell,
                    .cudnn_algorithm = config.cudnn_algorithm,
                    .layer_norm = config.layer_norm,
                    .site = kRecurrentSite + kSitesPerLayer * static_cast<uint32_t>(layer)},
          .path = config.path,
          .forget_bias = config.forget_bias,
          .orthogonal = config.orthogonal};
}

// What differs between steps, as it lies on the device.
struct StepNumbers {
  double scale;
  uint32_t step;
};

}  // namespace

Classifier::Classifier(const ModelConfig& config, const LossConfig& loss, Backend& backend)
    : config_(checked(config, backend)),
      loss_(loss),
      backend_(backend),
      params_(backend, config.dtype),
      embedding_({.vocabulary = config.vocabulary,
                  .size = config.embedding_size,
                  .frozen = config.embedding_frozen,
                  .deviation = config.embedding_deviation,
                  .expanded = reads_every_row(config) || pools_embeddings(config),
                  .dropout = config.embedding_dropout,
                  .site = kEmbeddingSite}) {
  if (config.batch_norm_input) input_norm_.emplace("norm.input", config.embedding_size);
  for (int l = 0; l < config.num_layers; ++l) {
    recurrent_.emplace_back(layer_config(config, l, static_cast<int>(width(l - 1))), backend);
    if (config.batch_norm_between_layers && l + 1 < config.num_layers)
      between_norms_.emplace_back(fmt::format("norm.{}", l), recurrent_.back().outputs());
  }
  const int directions = recurrent_.empty() ? 1 : recurrent_.back().directions();
  pooling_.emplace(config.pooling, static_cast<int>(width(config.num_layers - 1)), directions, 0);
  if (pools_embeddings(config))
    embedding_pooling_.emplace(config.pooling, config.embedding_size, 1, pooling_->outputs());
  if (config.bigram_buckets > 0)
    bigrams_.emplace(config.bigram_buckets, config.bigram_size, config.pooling, config.embedding_dropout,
                     kBigramSite, pooled_width());
  if (config.batch_norm_pooled) pooled_norm_.emplace("norm.pooled", pooled_width());
  head_.emplace("head", pooled_width(), config.classes);
  declare();
}

int64_t Classifier::width(int layer) const {
  return layer < 0 ? config_.embedding_size : recurrent_[static_cast<size_t>(layer)].outputs();
}

int Classifier::pooled_width() const {
  return pooling_->outputs() + (embedding_pooling_ ? embedding_pooling_->outputs() : 0) +
         (bigrams_ ? bigrams_->outputs() : 0);
}

void Classifier::declare() {
  embedding_.declare(params_);
  if (input_norm_) input_norm_->declare(params_);
  for (RecurrentLayer& layer : recurrent_) layer.declare(params_);
  for (BatchNorm& norm : between_norms_) norm.declare(params_);
  if (bigrams_) bigrams_->declare(params_);
  if (pooled_norm_) pooled_norm_->declare(params_);
  head_->declare(params_);
}

void Classifier::bind(const MaxShape& max) {
  const DType type = config_.dtype, acc = accumulator_of(type);
  const int64_t N = max.rows, B = max.sequences, K = config_.classes, P = pooled_width();
  embedding_.bind(arena_, max, type);
  if (input_norm_) {
    input_norm_->bind(arena_, type);
    input_normed_ = arena_.saved("norm.input", type, {N, width(-1)});
  }
  recurrent_out_.clear();
  between_.clear();
  int64_t widest = reads_every_row(config_) ? width(-1) : 1;
  for (size_t l = 0; l < recurrent_.size(); ++l) {
    const int64_t columns = recurrent_[l].outputs();
    recurrent_[l].bind(arena_, max, backend_);
    recurrent_out_.push_back(arena_.saved(fmt::format("lstm.{} output", l), type, {N, columns}));
    if (l < between_norms_.size()) between_norms_[l].bind(arena_, type);
    if (l + 1 < recurrent_.size() && (!between_norms_.empty() || config_.dropout > 0))
      between_.push_back(
          arena_.saved(fmt::format("lstm.{} output, normed and dropped", l), type, {N, columns}));
    widest = std::max(widest, columns);
  }
  // One of the two holds the gradient of the distinct embeddings, which are fewer than N but may be wider.
  const int64_t elements = std::max(N * widest, int64_t{max.distinct} * width(-1));
  for (Tensor& g : gradients_) g = arena_.saved("gradient of activations", type, {elements});
  pooling_->bind(arena_, max);
  if (embedding_pooling_) {
    embedding_pooling_->bind(arena_, max);
    if (!reads_every_row(config_))
      d_rows_ = arena_.saved("gradient of pooled embeddings", type, {N, width(-1)});
  }
  if (bigrams_) bigrams_->bind(arena_, max, type);
  pooled_ = arena_.saved("pooled", type, {B, P});
  if (pooled_norm_) {
    pooled_norm_->bind(arena_, type);
    pooled_normed_ = arena_.saved("norm.pooled", type, {B, P});
  }
  d_pooled_ = arena_.saved("gradient of pooled", type, {B, P});
  logits_ = arena_.saved("logits", acc, {B, K});
  dlogits_ = arena_.saved("gradient of logits", type, {B, K});
  probabilities_ = arena_.saved("probabilities", acc, {B, K});
  losses_ = arena_.saved("losses", acc, {B});
  hits_ = arena_.saved("hits", DType::i32, {B});
}

void Classifier::allocate(const MaxShape& max, uint64_t seed, bool dense_tables, int accumulate,
                          size_t training_state) {
  bind(max);
  const int row_capacity = std::max(std::min(config_.vocabulary, max.distinct * accumulate),
                                    std::min(config_.bigram_buckets, max.bigrams * accumulate));
  const size_t parameters = params_.bytes(dense_tables, row_capacity);
  const size_t needed = parameters + training_state + arena_.bytes(), available = backend_.available_memory();
  constexpr double kMegabyte = 1 << 20;
  if (needed > available)
    throw UserError(
        "the model needs {:.0f} MB (parameters and their gradients {:.0f}, moments and the best parameters "
        "{:.0f}, activations {:.0f}) and {:.0f} MB are available; make model.hidden_size, "
        "model.embedding_size, text.max_vocabulary or batch.tokens smaller",
        static_cast<double>(needed) / kMegabyte, static_cast<double>(parameters) / kMegabyte,
        static_cast<double>(training_state) / kMegabyte, static_cast<double>(arena_.bytes()) / kMegabyte,
        static_cast<double>(available) / kMegabyte);
  params_.allocate(seed, dense_tables, row_capacity);
  arena_.allocate(backend_);
  bind(max);
  number_memory_ = Buffer(backend_, sizeof(StepNumbers), "numbers of the step");
  if (loss_.class_weights.empty()) return;
  const int64_t K = config_.classes;
  const DType acc = accumulator_of(config_.dtype);
  class_weight_memory_ = Buffer(backend_, static_cast<size_t>(K) * size_of(acc), "class weights");
  class_weights_ = Tensor(class_weight_memory_.data(), acc, {K});
  dispatch_real(acc, [&]<class T>() {
    const std::vector<T> weights(loss_.class_weights.begin(), loss_.class_weights.end());
    backend_.copy_to_device(class_weights_, weights.data());
  });
}

void Classifier::prepare(const Batch& batch, const StepInfo& step, double scale) {
  embedding_.prepare(params_, batch);
  if (bigrams_) bigrams_->prepare(params_, batch);
  const StepNumbers numbers = {scale, step.step};
  backend_.upload(Tensor(number_memory_.data(), DType::u8, {sizeof(numbers)}), &numbers);
}

// Random masks of a bucketed batch take the step's number from the device.
StepInfo Classifier::recorded(const Batch& batch, const StepInfo& step) const {
  StepInfo result = step;
  if (step.training && batch.layout == Layout::bucketed)
    result.step_now = &static_cast<const StepNumbers*>(number_memory_.data())->step;
  return result;
}

Backend::ReplayKey Classifier::shape_key(const HostBatch& batch) {
  Backend::ReplayKey key = {batch.sequences, batch.steps, static_cast<int32_t>(batch.distinct.size())};
  if (batch.bigrams) key.push_back(static_cast<int32_t>(batch.bigrams->distinct.size()));
  key.insert(key.end(), batch.offsets.begin(), batch.offsets.end());
  return key;
}

void Classifier::forward(const Batch& batch, const StepInfo& given) {
  const StepInfo step = recorded(batch, given);
  in_ = {embedding_.forward(backend_, params_, batch, step), batch.row_distinct};
  const Tensor rows =
      reads_every_row(config_) || embedding_pooling_ ? embedding_.expand(backend_, batch) : Tensor();
  if (reads_every_row(config_)) in_ = {rows, {}};
  if (input_norm_) {
    const Tensor normed = input_normed_.narrow(batch.rows);
    input_norm_->forward(backend_, params_, &batch, step, in_.x, normed);
    in_ = {normed, {}};
  }
  Rows x = in_;
  for (size_t l = 0; l < recurrent_.size(); ++l) {
    const Tensor y = recurrent_out_[l].narrow(batch.rows);
    recurrent_[l].forward(backend_, params_, batch, step, x, y);
    x = {y, {}};
    if (l >= between_.size()) continue;
    const Tensor z = between_[l].narrow(batch.rows);
    if (l < between_norms_.size()) {
      between_norms_[l].forward(backend_, params_, &batch, step, x.x, z);
      x = {z, {}};
    }
    if (config_.dropout > 0 && step.training) {
      const MaskStream masks = step.masks(kBetweenSite + static_cast<uint32_t>(l));
      backend_.dropout({.batch = &batch, .p = config_.dropout, .masks = masks, .x = x.x, .y = z});
      x = {z, {}};
    }
  }
  top_ = x.x;
  Tensor pooled = pooled_.narrow(batch.sequences);
  pooling_->forward(backend_, batch, top_, pooled);
  if (embedding_pooling_) {
    pooled_rows_ = in_.index ? rows : in_.x;
    embedding_pooling_->forward(backend_, batch, pooled_rows_, pooled);
  }
  if (bigrams_) bigrams_->forward(backend_, params_, batch, step, pooled);
  if (pooled_norm_) {
    const Tensor normed = pooled_normed_.narrow(batch.sequences);
    pooled_norm_->forward(backend_, params_, nullptr, step, pooled, normed);
    pooled = normed;
  }
  if (config_.pooled_dropout > 0 && step.training)
    backend_.dropout(
        {.p = config_.pooled_dropout, .masks = step.masks(kPooledSite), .x = pooled, .y = pooled});
  head_->forward(backend_, params_, pooled, logits_.narrow(batch.sequences));
  loss(batch, step);
}

// With its gradient where one is wanted.
void Classifier::loss(const Batch& batch, const StepInfo& step) {
  const int64_t B = batch.sequences;
  const Tensor dlogits = step.training ? dlogits_.narrow(B) : Tensor();
  const Tensor scale(number_memory_.data(), DType::f64, {1});  // of StepNumbers, the first
  if (config_.multi_label) {
    backend_.sigmoid_xent({.logits = logits_.narrow(B),
                           .targets = batch.targets,
                           .class_weights = class_weights_,
                           .smoothing = loss_.label_smoothing,
                           .scale_now = scale,
                           .probabilities = probabilities_.narrow(B),
                           .losses = losses_.narrow(B),
                           .hits = hits_.narrow(B),
                           .dlogits = dlogits});
  } else {
    backend_.softmax_xent({.logits = logits_.narrow(B),
                           .labels = batch.labels,
                           .class_weights = class_weights_,
                           .smoothing = loss_.label_smoothing,
                           .scale_now = scale,
                           .probabilities = probabilities_.narrow(B),
                           .losses = losses_.narrow(B),
                           .hits = hits_.narrow(B),
                           .dlogits = dlogits});
  }
}

void Classifier::backward(const Batch& batch, const StepInfo& given) {
  const StepInfo step = recorded(batch, given);
  const int64_t B = batch.sequences;
  const Tensor pooled = pooled_.narrow(B), d_pooled = d_pooled_.narrow(B);
  head_->backward(backend_, params_, pooled_norm_ ? pooled_normed_.narrow(B) : pooled, dlogits_.narrow(B),
                  d_pooled);
  if (config_.pooled_dropout > 0)
    backend_.dropout(
        {.p = config_.pooled_dropout, .masks = step.masks(kPooledSite), .x = d_pooled, .y = d_pooled});
  if (pooled_norm_) pooled_norm_->backward(backend_, params_, d_pooled, d_pooled);
  const Tensor d_top = gradient(0, batch, width(config_.num_layers - 1));
  backend_.zero(d_top);
  pooling_->backward(backend_, batch, top_, pooled, d_pooled, d_top);
  if (bigrams_) bigrams_->backward(backend_, params_, batch, step, pooled, d_pooled);
  backward_recurrent(batch, step);
}

void Classifier::backward_recurrent(const Batch& batch, const StepInfo& step) {
  int current = 0;
  for (int l = config_.num_layers - 1; l >= 0; --l, current = 1 - current) {
    const Tensor d_out = gradient(current, batch, width(l));
    // The first layer's input may be distinct rows: fewer than N, and then there is no room for N of their
    // width.
    const Tensor d_in = l > 0 ? gradient(1 - current, batch, width(l - 1))
                              : gradients_[1 - current].reshape({in_.x.dims[0], in_.x.dims[1]});
    const bool wanted = l > 0 || input_norm_ || embedding_.trained();
    recurrent_[static_cast<size_t>(l)].backward(backend_, params_, d_out, wanted ? d_in : Tensor());
    if (l == 0) continue;
    const auto below = static_cast<size_t>(l) - 1;
    if (config_.dropout > 0) {
      const MaskStream masks = step.masks(kBetweenSite + static_cast<uint32_t>(below));
      backend_.dropout({.batch = &batch, .p = config_.dropout, .masks = masks, .x = d_in, .y = d_in});
    }
    if (!between_norms_.empty()) between_norms_[below].backward(backend_, params_, d_in, d_in);
  }
  backward_embedding(batch, step, gradients_[current].reshape({in_.x.dims[0], in_.x.dims[1]}));
}

// d: gradient of what the first recurrent layer (or pooling) read.
void Classifier::backward_embedding(const Batch& batch, const StepInfo& step, Tensor d) {
  const auto add_pooled = [&](Tensor to) {
    const int64_t B = batch.sequences;
    embedding_pooling_->backward(backend_, batch, pooled_rows_, pooled_.narrow(B), d_pooled_.narrow(B), to);
  };
  if (in_.index) {
    embedding_.backward(backend_, params_, batch, step, d);
    if (!embedding_pooling_ || !embedding_.trained()) return;
    const Tensor d_rows = d_rows_.narrow(batch.rows);
    backend_.zero(d_rows);
    add_pooled(d_rows);
    embedding_.backward_expanded(backend_, params_, batch, step, d_rows);
    return;
  }
  if (embedding_pooling_) add_pooled(d);
  if (input_norm_) input_norm_->backward(backend_, params_, d, d);
  embedding_.backward_expanded(backend_, params_, batch, step, d);
}

Tensor Classifier::gradient(int which, const Batch& batch, int64_t columns) const {
  return gradients_[which].reshape({batch.rows, columns});
}

std::vector<double> Classifier::to_host(Tensor x) const {
  return dispatch_real(x.dtype, [&]<class T>() {
    std::vector<T> raw(static_cast<size_t>(x.size()));
    backend_.copy_to_host(raw.data(), x);
    return std::vector<double>(raw.begin(), raw.end());
  });
}

std::vector<double> Classifier::probabilities(const Batch& batch) {
  return to_host(probabilities_.narrow(batch.sequences));
}

std::vector<double> Classifier::losses(const Batch& batch) {
  return to_host(device_losses(batch));
}

double Classifier::loss_weight(const HostBatch& batch) const {
  if (config_.multi_label) return batch.sequences;
  double sum = 0;
  for (int32_t label : batch.labels)
    if (label >= 0)
      sum += loss_.class_weights.empty() ? 1.0 : loss_.class_weights[static_cast<size_t>(label)];
  return sum;
}

void Classifier::set_embeddings(std::span<const int32_t> rows, std::span<const float> values) {
  const Tensor table = params_.value(embedding_.table());
  const size_t size = rows.empty() ? 0 : values.size() / rows.size();
  for (size_t k = 0; k < rows.size(); ++k)
    dispatch_real(table.dtype, [&]<class T>() {
      const std::vector<T> row(values.begin() + static_cast<std::ptrdiff_t>(k * size),
                               values.begin() + static_cast<std::ptrdiff_t>((k + 1) * size));
      backend_.copy_to_device(table.at(rows[k]).narrow(static_cast<int64_t>(size)), row.data());
    });
}

bool Classifier::replayable() const {
  return std::all_of(recurrent_.begin(), recurrent_.end(),
                     [](const RecurrentLayer& layer) { return layer.path() == RnnPath::step; });
}

std::vector<std::string> Classifier::path_lines() const {
  std::vector<std::string> lines;
  for (const RecurrentLayer& layer : recurrent_) lines.push_back(layer.path_line());
  return lines;
}

}  // namespace sluice
