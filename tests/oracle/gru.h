// One direction of a GRU layer over one sequence at a time, forward and backward, in the plainest way: the
// form of PyTorch's and cuDNN's documentation, whose reset gate acts after the product with the recurrent
// weights. Source: Cho et al. 2014.
#pragma once

#include <vector>

#include "tests/oracle/recurrent.h"

namespace oracle {

struct GruLayer : Recurrent {
  Matrix W;      // [3H,E]: rows of gate r, then z, n
  Matrix R;      // [3H,H]: likewise
  Vector b;      // [3H]
  Vector b_new;  // [H], of R_n h
};

// Everything a step computes, kept for the way back, as stored. Vectors are [H].
struct GruStep {
  size_t token = 0;
  Vector h_prev, h_scale;
  Vector r, z, n;  // after activation
  Vector m;        // R_n h + b_new
  Normed h_norm;
  Vector keep_h;  // the share of the previous value in the next one (zoneout)
};

struct GruRun {
  Matrix y;   // [len,H], row t belongs to token t whatever the direction
  Vector hT;  // [H]
  std::vector<GruStep> steps;
};

// x [len,E]; h0 [H]; row: the sequence's place in its batch, which its masks depend on.
GruRun gru_forward(const GruLayer& layer, const Matrix& x, const Vector& h0, size_t row);

struct GruGradients {
  Matrix dW, dR;  // dW: by input_backward
  Vector db, db_new;
  Norms norms = {};  // as the layer's
};

struct GruInputGradients {
  Matrix d_input;  // [len,3H], for input_backward
  Vector dh0;      // [H]
};

// Adds to `sums` and returns the rest. dy [len,H]; dhT [H].
GruInputGradients gru_backward(const GruLayer& layer, const GruRun& run, const Matrix& dy, const Vector& dhT,
                               GruGradients& sums);

}  // namespace oracle
