// What a classifier is made of. Keys of the configuration are the names here, under `model.`.
#pragma once

#include <string>
#include <vector>

#include "engine/backend.h"

namespace sluice {

struct ModelConfig {
  // From the data, not from the user.
  int vocabulary = 0;        // V
  int classes = 0;           // K
  bool multi_label = false;  // sigmoid for each class; also for binary when asked for

  int embedding_size = 128;          // E
  bool embedding_frozen = false;     // pretrained vectors are not tuned
  double embedding_deviation = 0.1;  // of first values, drawn from a normal distribution of mean 0
  CellKind cell = CellKind::lstm;
  int num_layers = 1;                    // 0: a bag of words, embeddings go straight to pooling
  std::vector<int> hidden_size = {128};  // H of each layer; one value serves all
  bool bidirectional = true;
  std::vector<Pooling> pooling = {Pooling::max};  // concatenated
  // Token vectors are pooled beside the last layer's states (as in the RCNN of Lai et al. 2015).
  bool pool_embeddings = false;
  // Vectors of hashed bigrams, their mean (sqrtn where `pooling` has it) beside what is pooled (as in
  // fastText, Joulin et al. 2017).
  int bigram_buckets = 0;  // rows of their table; 0: none
  int bigram_size = 32;    // of a vector
  bool batch_norm_input = false, batch_norm_between_layers = false, batch_norm_pooled = false;
  double embedding_dropout = 0;  // of the distinct tokens' vectors: one mask a token and batch
  double dropout = 0;            // between layers
  double pooled_dropout = 0;     // before the head
  double recurrent_dropout = 0;  // variational, of h
  double zoneout_hidden = 0, zoneout_cell = 0;
  bool layer_norm = false;  // in the cell
  double forget_bias = 1;
  bool orthogonal = true;  // R; else Glorot
  // What activations are stored and matrices multiplied in: REAL of Note [Types] in engine/verbs.h.
  DType dtype = DType::f32;
  RnnPath path = RnnPath::automatic;
  CudnnAlgorithm cudnn_algorithm = CudnnAlgorithm::standard;
};

constexpr int kMaxLayers = 32;

// H of a layer.
int hidden_size(const ModelConfig& config, int layer);
// The configuration itself. Throws UserError, naming the key, where its parts do not fit each other or the
// backend.
const ModelConfig& checked(const ModelConfig& config, const Backend& backend);

}  // namespace sluice
