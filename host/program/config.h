// Everything that can be configured, one member a section. What a field means stands in the struct it comes
// from; the table in options.cpp gives it its key.
#pragma once

#include <cstdint>
#include <string>

#include "engine/models/model_config.h"
#include "engine/optim/optimizer.h"
#include "engine/train/train_config.h"
#include "host/data/batch_plan.h"
#include "host/program/command_line.h"
#include "host/readers/documents.h"
#include "host/text/options.h"

namespace sluice {

// The form of the run folder. Goes up when an older program could not read, or would misread, what is
// written.
inline constexpr int kRunFormat = 1;

struct RunSection {
  int format = kRunFormat;
};

struct DataSection : ReaderOptions {
  double valid_share = 0.1;
  std::int64_t split_seed = 1;
};

struct TextSection : TextOptions {
  TextSection() { numbers = "fold"; }
  std::int64_t min_count = 2;
  std::int64_t max_vocabulary = 0;
};

// Note [Defaults]: the engine's own defaults are plain; those that make a first training a good one are set
// here, in the constructors. They were chosen on validation data of corpora of some thousand to some ten
// thousand documents.

struct BatchSection : BatchOptions {
  BatchSection() {
    tokens = 8192;
    sequences = 64;
  }
  Layout layout = Layout::packed;
};

enum class Loss : uint8_t { automatic, softmax, sigmoid };
enum class ClassWeights : uint8_t { none, balanced };
enum class CudaGraph : uint8_t { automatic, on, off };

struct ModelSection : ModelConfig {
  ModelSection() {
    embedding_size = 0;  // until the vectors, if any, are known
    pooling = {Pooling::max, Pooling::mean};
    pool_embeddings = true;
    embedding_dropout = 0.5;
    pooled_dropout = 0.5;
  }
  std::string pretrained;
  Loss loss = Loss::automatic;
};

// auto, cpu, cuda (the first GPU) or cuda:N.
struct DeviceChoice {
  Device kind = Device::automatic;
  int index = 0;
};

struct TrainSection : TrainConfig {
  TrainSection() {
    epochs = 8;
    learning_rate = 5e-3;
  }
  DeviceChoice device;
  int threads = 0;
  double label_smoothing = 0.1;
  ClassWeights class_weights = ClassWeights::none;
  CudaGraph cuda_graph = CudaGraph::automatic;
};

struct Config {
  RunSection run;
  DataSection data;
  TextSection text;
  BatchSection batch;
  ModelSection model;
  TrainSection train;
  OptimizerConfig optim;
  ScheduleConfig schedule = {.kind = ScheduleKind::cosine, .warmup = 0.05};
};

// The defaults, then the run folder's configuration where the command has one, then --config, then --set and
// its short flags. Throws UserError.
Config make_config(const Arguments& args);

}  // namespace sluice
