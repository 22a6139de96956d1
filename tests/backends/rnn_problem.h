// One recurrent layer's forward and backward pass as data: run by a backend, and by the oracle.
#pragma once

#include <optional>

#include "tests/backends/rig.h"

namespace sluice {

constexpr size_t unsigned_of(int value) {
  return static_cast<size_t>(value);
}

// Gains and bias of layer normalisation, or their gradients; empty without it.
struct NormValues {
  Values input, recurrent;  // [D,G*H]
  Values cell, cell_bias;   // [D,H], where the cell has a c
};

struct RnnProblem {
  RnnShape shape;
  HostBatch host;
  StepInfo step;
  bool distinct_inputs = false;  // x is [U,E], read through the batch's row_distinct
  bool with_states = true;       // h0, c0, hT, cT and the gradients of all four
  bool with_dx = true;
  MaxShape spare;        // how much larger than the batch the buffers are
  Values x;              // [N,E] or [U,E]
  Values W, R, b;        // [D,G*H,E] [D,G*H,H] [D,S*H]
  Values h0, c0;         // [D,B,H]; c0 and dcT only where the cell has a c
  Values dy;             // [N,D*H]
  Values dhT, dcT;       // [D,B,H]
  Values dW0, dR0, db0;  // what the gradients hold before
  NormValues norms, dnorms0;

  // Draws everything. Weights are of the size that keeps gates between linear and saturated.
  RnnProblem(const RnnShape& layer, const std::vector<int>& lengths, Layout layout, uint64_t seed = 1);
  // Draws x [U,E] instead.
  void use_distinct_inputs();
};

struct RnnResult {
  Values y, hT, cT, dx, dW, dR, db, dh0, dc0;
  Values dnorm_input, dnorm_recurrent, dnorm_cell, dnorm_cell_bias;  // as NormValues
  std::vector<uint8_t> saved;  // what backward leaves there: of the path persistent, gradients of slots first
};

// Whether `path` must take the shape: the libraries know neither layer normalisation, recurrent dropout nor
// zoneout, oneDNN only the LSTM in f32, cuDNN f64 by its algorithm `standard` alone. `persistent` knows
// neither f64 nor layer normalisation.
bool path_takes(RnnPath path, const RnnShape& shape);

// Both verbs with their tensors, in a backend's memory.
class RnnVerbs {
 public:
  RnnForward forward;
  RnnBackward backward;

  RnnVerbs(Backend& backend, RnnPath path, const RnnProblem& problem);
  // What rnn_forward() left; then what rnn_backward() did.
  void read_forward(RnnResult& result);
  void read_backward(RnnResult& result);
  void poison(Tensor tensor) { rig_.poison(tensor); }

 private:
  Rig rig_;
  Batch batch_;
};

RnnResult run(Backend& backend, RnnPath path, const RnnProblem& problem);

// `reverse_shift`: the mutant whose reverse direction starts one token early.
struct RnnMutant {
  bool reverse_shift = false;
};
RnnResult run_oracle(const RnnProblem& problem, RnnMutant mutant = {});
// In double, rounded to the problem's type wherever a layer stores in it.
RnnResult run_rounded_oracle(const RnnProblem& problem);

// How near two results must be. In f32 and f64: bounds of the shape. In types of 16 bits: three times what
// rounding alone does to this very problem.
class RnnComparison {
 public:
  static constexpr size_t kForward = 3;  // members y, hT, cT; the others are backward's
  struct Member {
    const char* name;
    Values RnnResult::*member;
    Bound bound;
    std::optional<TensorBound> error;
  };
  explicit RnnComparison(const RnnProblem& problem);

  const std::vector<Member>& members() const { return members_; }
  testing::AssertionResult near(const Member& member, const RnnResult& got, const RnnResult& want) const;
  bool all_near(size_t begin, size_t end, const RnnResult& got, const RnnResult& want) const;

 private:
  std::vector<Member> members_;
};

// Every member near.
void expect_near(const RnnResult& got, const RnnResult& want, const RnnProblem& problem);
void expect_same_bits(const RnnResult& got, const RnnResult& want);
// The same comparison as a question, for mutants.
bool forward_is_near(const RnnResult& got, const RnnResult& want, const RnnProblem& problem);
bool backward_is_near(const RnnResult& got, const RnnResult& want, const RnnProblem& problem);

}  // namespace sluice
