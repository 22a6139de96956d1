// One run of a verb on a stated shape, and what its kernels must move at least.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/device_batch.h"

namespace sluice::bench {

// A kernel that a case launches, once or for every step.
struct KernelLine {
  std::string kernel;  // its name in the .cu file
  double least = 0;    // bytes of all its launches: every input read once, every output written once
  std::string why;     // what it asks for beyond 1.15 times that; empty where it does not
};

struct KernelCase {
  std::string name;  // "gather f32"
  std::vector<KernelLine> kernels;
  std::function<void()> run;
  bool timed = true;  // false: mostly products, which lstm_layer times
};

// Reasons that many kernels share.
constexpr const char* kParameters =
    "each thread's readings of the launch's parameters count; a GPU holds them in constant memory";
constexpr const char* kPlace =
    "each thread looks up its rows' places and lengths, and parameters: from caches and constant memory";
constexpr const char* kShared =
    "the slices of a column meet in shared memory, whose bytes count, and each thread reads parameters";

struct KernelSizes {
  int sequences;        // B
  const char* lengths;  // their distribution, for draw_lengths
  int width;            // E = H = C
  int vocabulary;       // V
  int classes;          // K
  int64_t flat;         // n, of what is updated element by element
};
// Larger than the caches of any GPU; and what a virtual one gets through soon.
constexpr KernelSizes kFullSizes = {256, "uniform:20:300", 512, 100000, 50, 32 << 20};
constexpr KernelSizes kRehearsalSizes = {16, "uniform:1:31", 128, 512, 20, 40000};

// The cases of one type with the memory they share.
class KernelRig {
 public:
  KernelRig(Backend& backend, const KernelSizes& sizes, DType type);

  void add_rows();
  void add_recurrence();
  void add_training();
  const std::vector<KernelCase>& cases() const { return cases_; }

 private:
  // New memory: values that vary and are finite, of REAL or ACC (Note [Types] in engine/verbs.h); zeros.
  Tensor real(std::initializer_list<int64_t> shape) { return values(type_, shape); }
  Tensor acc(std::initializer_list<int64_t> shape) { return values(acc_, shape); }
  Tensor values(DType type, std::initializer_list<int64_t> shape);
  Tensor zeros(DType type, std::initializer_list<int64_t> shape);
  void add(const char* name, std::vector<KernelLine> kernels, std::function<void()> run, bool timed = true);
  const Batch& batch(Layout layout);

  void add_tables();
  void add_linear();
  void add_normalisation();
  void add_pooling();
  void add_rnn(const std::string& name, const RnnShape& shape, Layout layout, bool distinct_inputs);
  void add_losses();
  void add_clipping();
  void add_optimisers();

  Backend& backend_;
  KernelSizes sizes_;
  DType type_, acc_;
  double s_, a_;  // bytes of their elements
  HostBatch packed_, padded_;
  std::vector<std::unique_ptr<DeviceBatch>> device_batches_;
  const Batch* batches_[2] = {};  // by layout
  std::vector<Buffer> memory_;
  std::vector<KernelCase> cases_;
};

}  // namespace sluice::bench
