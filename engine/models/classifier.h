// The text classifier: embedding, LSTM layers, pooling, linear head.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/arena.h"
#include "engine/layers/batch_norm.h"
#include "engine/layers/dropout.h"
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
  // Declares the parameters. Throws UserError for a configuration no path can run, naming the key.
  Classifier(const ModelConfig& config, const LossConfig& loss, Backend& backend);

  // Allocates parameters, gradients and activations. Throws UserError, before allocating, when the memory is
  // not there. dense_tables, accumulate: see Params; accumulate = batches between two updates.
  void allocate(const MaxShape& max, Layout layout, uint64_t seed, bool dense_tables, int accumulate);

  // One batch. Afterwards probabilities() and losses() hold its rows, in the batch's order.
  void forward(const Batch& batch, const StepInfo& step);
  // After forward() of the same batch with step.training: adds d(scale * sum of losses)/d(parameters) to the
  // gradients.
  void backward(const Batch& batch, const StepInfo& step, double scale);

  // Host copies for the last forward(): [B,K] row-major; [B] (weighted by class; 0 where the label is
  // unknown).
  std::vector<double> probabilities(const Batch& batch);
  std::vector<double> losses(const Batch& batch);
  // Sum of the class weights of a batch's known labels: what the sum of its losses is divided by.
  double loss_weight(const HostBatch& batch) const;

  // The embedding's rows given to `token` are replaced; pretrained vectors. rows [n], values [n,E] row-major.
  void set_embeddings(std::span<const int32_t> rows, std::span<const float> values);

  Params& params() { return params_; }
  const ModelConfig& config() const { return config_; }
  // One line a layer: the recurrent path taken and why faster ones were refused ("kernel honesty").
  std::vector<std::string> path_lines() const;
  std::string memory_report() const { return arena_.report(); }

 private:
  void bind(const MaxShape& max);
  Tensor logits_of(const Batch& batch) const { return logits_.narrow(batch.sequences); }

  ModelConfig config_;
  LossConfig loss_;
  Backend& backend_;
  Params params_;
  Arena arena_;

  Embedding embedding_;
  std::unique_ptr<BatchNorm> input_norm_, pooled_norm_;
  std::vector<RecurrentLayer> recurrent_;
  std::vector<BatchNorm> between_norms_;
  std::vector<DropoutLayer> between_dropouts_;
  PoolingLayer pooling_;
  DropoutLayer pooled_dropout_;
  Linear head_;

  // Activations [rows, features] after each stage, and their gradients.
  Tensor logits_, dlogits_, probabilities_, losses_, class_weights_;
};

}  // namespace sluice
