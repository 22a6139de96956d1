// What `sluice explain-kernel` knows of one layer on one GPU, path by path.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/recurrence.h"
#include "host/program/command_line.h"
#include "kernels/model/recurrence_model.h"

namespace sluice {

struct ExplainedPath {
  std::string name;
  std::string refusal;  // empty: the path takes the layer
  std::optional<cuda::ModelledPass> forward, backward;
  std::optional<cuda::StepCounts> forward_step,
      backward_step;  // of the largest group's blocks, all rows active
  std::string plan;   // how it is laid out; empty where there is nothing to say
};

struct ExplainedLayer {
  DeviceProps gpu;
  RnnShape shape;
  std::vector<int> lengths;  // descending
  std::vector<ExplainedPath> paths;

  int steps() const { return lengths.empty() ? 0 : lengths.front(); }
  int64_t tokens() const;
};

// Throws UserError where the GPU is not in the tables or the lengths are not to be read.
ExplainedLayer explain(const KernelQuestion&);

// Writes the table of `question.gpu` for many H and B as CSV and, beside it, a plot as SVG.
void write_kernel_grid(const KernelQuestion& question);

}  // namespace sluice
