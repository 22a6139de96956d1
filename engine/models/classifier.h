// The text classifier: embedding -> [batch norm] -> recurrent layers with batch norm and dropout between ->
// pooling of the states, and of the embeddings and bigrams where asked for -> [batch norm] -> dropout ->
// linear head -> softmax (or a sigmoid for each class).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/arena.h"
#include "engine/layers/batch_norm.h"
#include "engine/layers/bigrams.h"
#include "engine/layers/embedding.h"
#include "engine/layers/linear.h"
#include "engine/layers/pooling.h"
#include "engine/layers/recurrent.h"
#include "engine/models/model_config.h"
#include "engine/params.h"

namespace sluice {

// How the loss of a batch is formed.
struct LossConfig {
  double label_smoothing = 0;
  std::vector<double> class_weights;  // [K] or empty (ones)
};

class Classifier {
 public:
  // Declares the parameters. Throws UserError for a configuration that no path can run, naming the key.
  Classifier(const ModelConfig& config, const LossConfig& loss, Backend& backend);

  // Allocates parameters, gradients and activations, and initialises the parameters from `seed`. Throws
  // UserError, before allocating, when the memory is not there. dense_tables: see Params; accumulate: batches
  // between two updates; training_state: bytes that training will allocate besides (Optimizer, Trainer).
  void allocate(const MaxShape& max, uint64_t seed, bool dense_tables, int accumulate,
                size_t training_state = 0);

  // One batch. Afterwards probabilities() and losses() hold its rows, in the batch's order.
  void forward(const Batch& batch, const StepInfo& step);
  // Before forward() of a batch with step.training, so that backward() can follow: sends what differs between
  // batches of one shape. scale: of the loss. All else of a step may be replayed (Note [Replay] in
  // engine/backend.h) where the batch is bucketed, with shape_key() as key.
  void prepare(const Batch& batch, const StepInfo& step, double scale);
  // After forward(): adds d(scale * sum of losses)/d(parameters) to the gradients.
  void backward(const Batch& batch, const StepInfo& step);
  static Backend::ReplayKey shape_key(const HostBatch& batch);

  // Host copies for the last forward(): [B,K] row-major; [B] (weighted by class; 0 where the label is
  // unknown).
  std::vector<double> probabilities(const Batch& batch);
  std::vector<double> losses(const Batch& batch);
  Tensor device_losses(const Batch& batch) const { return losses_.narrow(batch.sequences); }
  // [B] i32: 1 where the labels are right; in training under dropout.
  Tensor device_hits(const Batch& batch) const { return hits_.narrow(batch.sequences); }
  // What the sum of a batch's losses is divided by: the sum of the class weights of its known labels
  // (multi-label: documents).
  double loss_weight(const HostBatch& batch) const;

  // Replaces the first C numbers of rows of the embedding, as pretrained vectors do. values [rows.size(), C]
  // row-major, C <= E.
  void set_embeddings(std::span<const int32_t> rows, std::span<const float> values);

  Params& params() { return params_; }
  const ModelConfig& config() const { return config_; }
  // One line a recurrent layer: the path taken and why others were refused ("kernel honesty").
  std::vector<std::string> path_lines() const;
  // Whether the layers' paths let steps be recorded: Note [Replay] in engine/backend.h.
  bool replayable() const;
  std::string memory_report() const { return arena_.report(); }

 private:
  void declare();
  void bind(const MaxShape& max);
  void loss(const Batch& batch, const StepInfo& step);
  StepInfo recorded(const Batch& batch, const StepInfo& step) const;
  void backward_recurrent(const Batch& batch, const StepInfo& step);
  void backward_embedding(const Batch& batch, const StepInfo& step, Tensor d);
  int pooled_width() const;
  // Features of a row after layer l (l = -1: the embedding).
  int64_t width(int layer) const;
  Tensor gradient(int which, const Batch& batch, int64_t columns) const;
  std::vector<double> to_host(Tensor x) const;

  ModelConfig config_;
  LossConfig loss_;
  Backend& backend_;
  Params params_;
  Arena arena_;

  Embedding embedding_;
  std::optional<BatchNorm> input_norm_, pooled_norm_;
  std::vector<RecurrentLayer> recurrent_;
  std::vector<BatchNorm> between_norms_;  // empty, or one for each layer but the last
  std::optional<PoolingLayer> pooling_, embedding_pooling_;
  std::optional<BigramLayer> bigrams_;
  std::optional<Linear> head_;

  // Bound activations, named by where they stand; `between_[l]` is what layer l + 1 reads where something
  // stands between.
  Tensor input_normed_, pooled_, pooled_normed_, logits_, probabilities_, losses_, hits_;
  std::vector<Tensor> recurrent_out_, between_;
  Tensor gradients_[2], d_pooled_, d_rows_, dlogits_, class_weights_;
  Buffer class_weight_memory_, number_memory_;
  Rows in_;             // what the first recurrent layer (or pooling) read in the last forward()
  Tensor top_;          // what pooling read
  Tensor pooled_rows_;  // what the pooling of embeddings read
};

}  // namespace sluice
