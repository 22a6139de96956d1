// The benchmark families: each reports its cases' timings for the settings of the command line.
#pragma once

#include <string>
#include <vector>

#include "bench/frame.h"
#include "engine/recurrence.h"
#include "kernels/cells/cells.h"

namespace sluice::bench {

constexpr CudnnAlgorithm kCudnnAlgorithms[] = {CudnnAlgorithm::standard, CudnnAlgorithm::persist_static,
                                               CudnnAlgorithm::persist_dynamic,
                                               CudnnAlgorithm::persist_static_small_h};

struct Settings {
  FrameOptions frame;
  CellKind cell = CellKind::lstm;  // of recurrent_layer
  Device device = Device::cpu;
  DType type = DType::f32;
  int threads = 0;         // of the CPU
  bool rehearsal = false;  // small shapes, so that all of it is walked through soon; its timings mean nothing
  std::string only;        // kernels: the case of that name alone
  bool list = false;       // kernels: names the cases and runs none
  std::vector<std::string> shapes;         // family-specific; empty: the family's own list
  std::vector<RnnPath> paths;              // of layers and end_to_end; empty: all of the device
  std::vector<CudnnAlgorithm> algorithms;  // of a layer's path cudnn; empty: all
  std::string lengths = "fixed:200";
  std::string python;             // interpreter with PyTorch; empty: no rival
  std::string rivals;             // folder of the rival programs
  std::vector<std::string> data;  // files of labelled text
};

inline const char* device_name(Device device) {
  return device == Device::cuda ? "cuda" : "cpu";
}

// Forward and backward of one layer of settings.cell with its input product, by the paths asked for, or all
// of the device; shapes H:B:D.
void recurrent_layer(const Settings& settings, Report& report);
// Every verb's kernels on one shape (bench/kernels).
void kernels(const Settings& settings, Report& report);
// Whole training steps of the classifier on real text, beside the same model in PyTorch on the same batches.
void end_to_end(const Settings& settings, Report& report);
// Adding and copying problems: what the LSTM remembers over T steps. Prints curves; reports no timing.
void long_memory(const Settings& settings, Report& report);

}  // namespace sluice::bench
