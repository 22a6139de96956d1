// The benchmark families: each adds its cases' timings for the settings of the command line.
#pragma once

#include <string>
#include <vector>

#include "bench/frame.h"
#include "engine/recurrence.h"
#include "kernels/cells/cells.h"

namespace sluice::bench {

struct Settings {
  FrameOptions frame;
  CellKind cell = CellKind::lstm;  // of recurrent_layer
  Device device = Device::cpu;
  DType type = DType::f32;
  int threads = 0;         // of the CPU
  bool rehearsal = false;  // small shapes, so that all of it is walked through soon; its timings mean nothing
  std::string only;        // kernels: the case of that name alone
  bool list = false;       // kernels: names the cases and runs none
  std::vector<std::string> shapes;  // family-specific; empty: the family's own list
  std::vector<RnnPath> paths;       // of a layer; empty: all of the device
  std::string lengths = "fixed:200";
  std::string python;             // interpreter with PyTorch; empty: no rival
  std::string rivals;             // folder of the rival programs
  std::vector<std::string> data;  // files of labelled text
};

// Forward and backward of one layer of settings.cell with its input product, by the paths asked for, or all
// of the device; shapes H:B:D.
std::vector<Timing> recurrent_layer(const Settings& settings);
// Every verb's kernels on one shape (bench/kernels).
std::vector<Timing> kernels(const Settings& settings);
// Whole training steps of the classifier on real text, beside the same model in PyTorch on the same batches.
std::vector<Timing> end_to_end(const Settings& settings);
// Adding and copying problems: what the LSTM remembers over T steps. Prints curves; returns no timing.
std::vector<Timing> long_memory(const Settings& settings);

}  // namespace sluice::bench
