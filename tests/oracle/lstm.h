// One direction of an LSTM layer over one sequence at a time, forward and backward, in the plainest way.
// Sources: Hochreiter and Schmidhuber 1997; Gers et al. 2000.
#pragma once

#include <vector>

#include "tests/oracle/recurrent.h"

namespace oracle {

struct LstmLayer : Recurrent {
  Matrix W;  // [4H,E]: rows of gate i, then f, g, o
  Matrix R;  // [4H,H]
  Vector b;  // [4H]
};

// Everything a step computes, kept for the way back, as stored. Vectors are [H].
struct LstmStep {
  size_t token = 0;       // which row of x it read
  Vector h_prev, c_prev;  // state before
  Vector h_scale;         // what the product with R sees is h_prev * h_scale (recurrent dropout)
  Vector i, f, g, o;      // gates after activation
  Vector c_new;           // f c_prev + i g
  Vector tanh_c;          // of c_new, or of what layer normalisation makes of it
  Normed h_norm, c_norm;
  Vector keep_h, keep_c;  // the share of the previous value in the next one (zoneout)
};

struct LstmRun {
  Matrix y;       // [len,H], row t belongs to token t whatever the direction
  Vector hT, cT;  // [H]
  std::vector<LstmStep> steps;
};

// x [len,E]; h0, c0 [H]; row: the sequence's place in its batch, which its masks depend on.
LstmRun lstm_forward(const LstmLayer& layer, const Matrix& x, const Vector& h0, const Vector& c0, size_t row);

struct LstmGradients {
  Matrix dW, dR;  // dW: by input_backward
  Vector db;
  Norms norms = {};  // as the layer's
};

struct LstmInputGradients {
  Matrix d_input;   // [len,4H], for input_backward
  Vector dh0, dc0;  // [H]
};

// Adds to `sums` and returns the rest. dy [len,H]; dhT, dcT [H].
LstmInputGradients lstm_backward(const LstmLayer& layer, const LstmRun& run, const Matrix& dy,
                                 const Vector& dhT, const Vector& dcT, LstmGradients& sums);

}  // namespace oracle
