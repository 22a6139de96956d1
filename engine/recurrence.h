// The arguments of a backend's recurrent verbs. Letters, marks and REAL and ACC: engine/verbs.h.
#pragma once

#include <string>

#include "engine/batch.h"
#include "engine/tensor.h"
#include "kernels/cells/cell.h"
#include "kernels/core/philox.h"
#include "kernels/recurrence_persistent/exchange.h"

namespace sluice {

// What a forward or backward pass must know of the training step it belongs to.
struct StepInfo {
  bool training = false;
  uint64_t seed = 0;
  uint32_t step = 0;                   // counts micro-batches; the key of random masks
  const uint32_t* step_now = nullptr;  // in the backend's memory: taken in place of `step` where not null

  MaskStream masks(uint32_t site) const { return {seed, step, site, step_now}; }
};

enum class RnnPath : uint8_t { automatic, cpu, onednn, step, cudnn, persistent };
const char* name_of(RnnPath path);

// What the path cudnn runs, by cuDNN's names (CUDNN_RNN_ALGO_*). All but `standard` know no ragged batches:
// those run in segments of steps with the same number of active sequences.
enum class CudnnAlgorithm : uint8_t { standard, persist_static, persist_dynamic, persist_static_small_h };
const char* name_of(CudnnAlgorithm algorithm);

// One recurrent layer with its input product, in one or both directions. The reverse direction runs each
// sequence from its own last token to its first; y holds [forward | reverse] in the last dimension.
struct RnnShape {
  CellKind cell = CellKind::lstm;
  DType dtype = DType::f32;
  int input_size = 0;   // E
  int hidden_size = 0;  // H
  int directions = 1;   // D, 1 or 2
  // Variational dropout of h_prev (Gal and Ghahramani 2016): one mask for each sequence, direction and unit,
  // the same at every step (t of the mask stream is 0), scaled by 1/(1-p); y and zoneout see the unmasked h.
  double recurrent_dropout = 0;
  // Zoneout (Krueger et al. 2017): each unit of h (of c) keeps its previous value with this probability while
  // training, and is the expectation of both otherwise. h is computed from the new c before c is zoned out.
  double zoneout_hidden = 0, zoneout_cell = 0;
  CudnnAlgorithm cudnn_algorithm = CudnnAlgorithm::standard;  // of the path cudnn; others ignore it
  PersistentExchange persistent_exchange = PersistentExchange::automatic;  // of the path persistent
  // Layer normalisation in the cell (Ba, Kiros and Hinton 2016, equations 20 to 22): W x and R h, each as one
  // vector of G*H numbers, become gain * (v - mean) / sqrt(variance + 1e-5) before the cell sums them with b,
  // and so does c, with a bias, on its way into h (h = o tanh(norm(c))); the state c itself stays as it is.
  bool layer_norm = false;
  // Mask sites: the layer owns site + 3 * direction + {0 recurrent dropout, 1 zoneout of h, 2 zoneout of c}.
  uint32_t site = 0;
};

// Why cuDNN, or the kernels that take all steps in one launch, cannot run the layer on any device; empty
// where they may.
std::string cudnn_refusal(const RnnShape&);
std::string persistent_refusal(const RnnShape&);

struct RnnBytes {
  size_t saved = 0;    // from forward to backward
  size_t scratch = 0;  // within one call of either
};

// Gains and bias of layer normalisation, or their gradients; all null without it.
struct RnnNorms {
  Tensor input, recurrent;  // [D,G*H]
  Tensor cell, cell_bias;   // [D,H]; null for cells of one state
};

struct RnnForward {
  RnnShape shape;
  RnnPath path = RnnPath::cpu;  // never automatic
  StepInfo step;
  const Batch* batch = nullptr;
  Tensor x;        // [N,E] REAL, finite in padding, or [U,E] when x_index is given
  Tensor x_index;  // [N] i32 or null: row r of the input is x[x_index[r]]
  Tensor W;        // [D,G*H,E] REAL  the order of gates: Note [Slots] in kernels/cells/cell.h
  Tensor R;        // [D,G*H,H] REAL
  Tensor b;        // [D,S*H] ACC
  RnnNorms norms;
  Tensor h0, c0;  // [D,B,H] ACC or null (zero); cells of one state have no c0, cT, dcT, dc0
  Tensor y;       // [N,D*H] REAL =
  // [D,B,H] ACC = or null; the state at each sequence's own end (h0, c0 for a sequence of length 0)
  Tensor hT, cT;
  Tensor saved;    // rnn_bytes().saved bytes of u8 =
  Tensor scratch;  // rnn_bytes().scratch bytes of u8
};

// After forward() with the same shape, path, step, batch, x, x_index, W, R, b, h0, c0, y and saved.
struct RnnBackward {
  RnnForward forward;  // its outputs are inputs here; scratch is free again; saved may be overwritten
  Tensor dy;           // [N,D*H] REAL
  Tensor dhT, dcT;     // [D,B,H] ACC or null (zero)
  Tensor dx;           // [N,E] or [U,E] REAL = (sum over the rows of each distinct input), or null
  Tensor dW, dR, db;   // as W, R, b but ACC +=
  RnnNorms dnorms;     // as norms +=
  Tensor dh0, dc0;     // [D,B,H] ACC = or null
};

}  // namespace sluice
