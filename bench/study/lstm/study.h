// The staircase of the LSTM recurrence: what each version computes, how it is run, checked and modelled.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/core/stream.h"

namespace sluice::study {

// One direction of an LSTM layer in f32, on the device; the product with W is done and b added:
//   gates = act(x_pre[t,b] + R h[t-1,b]),   c and h from the cell (kernels/cells/lstm.h),   y[t,b] = h[t,b]
// H is a multiple of 4 and at most kMostHidden; B and T are at least 1. All arrays are dense, in rows of
// multiples of 16 bytes.
struct Problem {
  int H, B, T;
  const float* x_pre;  // [T,B,4H], slabs i f g o
  const float* R;      // [4H,H]
  const float* h0;     // [B,H]
  const float* c0;     // [B,H]
  const int*
      lengths;  // [B] descending, 0 to T: steps of a row. v7 alone reads them, the others run T of each
  float* y;     // [T,B,H] = of valid (t, b); the rest is left as it is
  float* cT;    // [B,H] = c after the row's last step, c0 of a row without one
};
constexpr int kMostHidden = 512;

// A forward pass. It may be run again and again; runs follow each other on one stream.
using Pass = std::function<void(cudaStream_t)>;

// What is done once, before the first pass: memory and graphs. Throw CudaError, also where the GPU has too
// few multiprocessors for all blocks of a persistent version.
Pass v1_naive(const Problem&);
Pass v2_fused(const Problem&);
Pass v3_graph(const Problem&);
Pass v4_persistent(const Problem&);
Pass v5_registers(const Problem&);
Pass v6_groups(const Problem&);
Pass v7_ragged(const Problem&);

struct Version {
  const char* name;
  Pass (*prepare)(const Problem&);
  bool ragged = false;  // knows rows of different lengths
};
const std::vector<Version>& versions();
// Throws std::invalid_argument for a name that is none.
const Version& version_named(const std::string&);

// The same on the host. x_pre of steps that a row does not have is NaN.
struct HostProblem {
  int H = 0, B = 0, T = 0;
  std::vector<float> x_pre, R, h0, c0;
  std::vector<int> lengths;
};
// Values that vary, of the size that a trained layer's have. Throws std::invalid_argument for a shape that is
// none of Problem's.
HostProblem make_problem(int H, int T, const std::vector<int>& lengths);

template <class T>
struct Result {
  std::vector<T> y, cT;
};
// What y holds where no row has a step.
constexpr float kUntouched = 12345.0f;

// In double, in the plainest way.
Result<double> reference(const HostProblem&);
// On the current device. Throws CudaError.
Result<float> run(const Version&, const HostProblem&, int passes);
// Seconds of a step of the longest row, the mean of `passes` after one that is not timed. Means nothing on a
// virtual GPU. Throws CudaError.
double time_of_step(const Version&, const HostProblem&, int passes);
// The largest distance of two results; NaN where either holds one.
double distance(const Result<float>&, const Result<double>&);

// MODEL of one step: its work, by formulas that stand with each version in model.cpp.
struct StepModel {
  double launches = 0;       // 0: one for all steps
  double overhead = 0;       // seconds: of launches, or of the grid's barrier
  double multiply_adds = 0;  // of the busiest multiprocessor, as the next three
  double accesses = 0;       // of 128 bytes of shared memory, or of a cache line
  double from_l2 = 0;        // bytes that arrive before it multiplies
  double latency = 0;        // cycles: of flags, of gates and states
  double memory = 0;         // bytes of device memory
  // Bytes that all lanes together read and write: what a virtual GPU counts.
  double global = 0, shared = 0;

  double seconds() const;  // on an H100 SXM
};
// `active` of the B rows run: the others are computed all the same, but by v7. Throws std::invalid_argument
// for a name that is none.
StepModel model_step(const std::string& version, int H, int B, int active, int multiprocessors);

}  // namespace sluice::study
