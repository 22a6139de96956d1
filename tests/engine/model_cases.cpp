#include "tests/engine/model_cases.h"

namespace sluice {
namespace {

void everything(ModelConfig& m, LossConfig& l) {
  m.num_layers = 2;
  m.pooling = {Pooling::last, Pooling::mean, Pooling::max};
  m.pool_embeddings = true;
  m.batch_norm_input = m.batch_norm_between_layers = m.batch_norm_pooled = true;
  m.embedding_dropout = m.dropout = m.pooled_dropout = m.recurrent_dropout = 0.2;
  m.zoneout_hidden = m.zoneout_cell = 0.2;
  m.layer_norm = true;
  l.label_smoothing = 0.1;
}

const ModelCase kCases[] = {
    {"Plain", [](ModelConfig&, LossConfig&) {}},
    {"Padded", [](ModelConfig&, LossConfig&) {}, Layout::padded},
    {"OneDirection", [](ModelConfig& m, LossConfig&) { m.bidirectional = false; }},
    {"BagOfWords",
     [](ModelConfig& m, LossConfig&) {
       m.num_layers = 0;
       m.pooling = {Pooling::mean};
     }},
    {"AllPoolings",
     [](ModelConfig& m, LossConfig&) {
       m.pooling = {Pooling::last, Pooling::mean, Pooling::max, Pooling::sqrtn};
     }},
    {"TwoLayersOfTheirOwnSizes",
     [](ModelConfig& m, LossConfig&) {
       m.num_layers = 2;
       m.hidden_size = {3, 5};
     }},
    {"PooledEmbeddings",
     [](ModelConfig& m, LossConfig&) {
       m.pool_embeddings = true;
       m.pooling = {Pooling::mean, Pooling::max};
       m.embedding_dropout = m.pooled_dropout = 0.3;
     }},
    {"PooledEmbeddingsPadded", [](ModelConfig& m, LossConfig&) { m.pool_embeddings = true; }, Layout::padded},
    {"PooledEmbeddingsNormed",
     [](ModelConfig& m, LossConfig&) {
       m.pool_embeddings = m.batch_norm_input = m.batch_norm_pooled = true;
     }},
    {"Bigrams",
     [](ModelConfig& m, LossConfig&) {
       m.bigram_buckets = 16;
       m.bigram_size = 3;
     }},
    {"BigramsPadded",
     [](ModelConfig& m, LossConfig&) {
       m.bigram_buckets = 16;
       m.pool_embeddings = true;
       m.embedding_dropout = m.pooled_dropout = 0.3;
     },
     Layout::padded},
    {"BagOfBigrams",
     [](ModelConfig& m, LossConfig&) {
       m.num_layers = 0;
       m.pooling = {Pooling::sqrtn};
       m.bigram_buckets = 16;
     }},
    {"BigramsBucketed", [](ModelConfig& m, LossConfig&) { m.bigram_buckets = 16; }, Layout::bucketed},
    {"BatchNormInput", [](ModelConfig& m, LossConfig&) { m.batch_norm_input = true; }},
    {"BatchNormBetween",
     [](ModelConfig& m, LossConfig&) {
       m.num_layers = 2;
       m.batch_norm_between_layers = true;
     }},
    {"BatchNormPooled", [](ModelConfig& m, LossConfig&) { m.batch_norm_pooled = true; }},
    {"Dropouts",
     [](ModelConfig& m, LossConfig&) {
       m.num_layers = 2;
       m.embedding_dropout = m.dropout = m.pooled_dropout = 0.3;
     }},
    {"RecurrentDropout", [](ModelConfig& m, LossConfig&) { m.recurrent_dropout = 0.4; }},
    {"Zoneout", [](ModelConfig& m, LossConfig&) { m.zoneout_hidden = m.zoneout_cell = 0.3; }},
    {"Gru", [](ModelConfig& m, LossConfig&) { m.cell = CellKind::gru; }},
    {"GruRegularised",
     [](ModelConfig& m, LossConfig&) {
       m.cell = CellKind::gru;
       m.num_layers = 2;
       m.recurrent_dropout = m.zoneout_hidden = 0.3;
     }},
    {"GruPadded",
     [](ModelConfig& m, LossConfig&) {
       m.cell = CellKind::gru;
       m.batch_norm_input = true;
     },
     Layout::padded},
    {"LayerNorm", [](ModelConfig& m, LossConfig&) { m.layer_norm = true; }},
    {"LayerNormNormedInputPadded",
     [](ModelConfig& m, LossConfig&) { m.layer_norm = m.batch_norm_input = true; }, Layout::padded},
    {"LayerNormGru",
     [](ModelConfig& m, LossConfig&) {
       m.cell = CellKind::gru;
       m.layer_norm = true;
       m.num_layers = 2;
     }},
    {"WeightsAndSmoothing",
     [](ModelConfig&, LossConfig& l) {
       l.class_weights = {0.5, 2.0, 1.25};
       l.label_smoothing = 0.1;
     }},
    {"MultiLabel",
     [](ModelConfig& m, LossConfig& l) {
       m.multi_label = true;
       l.class_weights = {0.5, 2.0, 1.25};
       l.label_smoothing = 0.1;
     }},
    {"Everything", everything},
    {"EverythingPadded", everything, Layout::padded},
    {"Bucketed", [](ModelConfig&, LossConfig&) {}, Layout::bucketed},
    {"EverythingBucketed", everything, Layout::bucketed},
};

}  // namespace

std::span<const ModelCase> model_cases() {
  return kCases;
}

}  // namespace sluice
