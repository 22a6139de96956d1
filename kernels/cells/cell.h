// What a recurrent cell is, apart from the recurrence that runs it.
//
// A cell is a struct of host-and-device maths on one unit of one row. It has kGates gates G, kSaved slots S
// >= G and kStates states. State 0 is h, the output; further states (the LSTM's c) stay inside the
// recurrence.
//
// Note [Slots]
// A slot is a sum before activation. Slots [0,G) take W x, slots [S-G,S) take R h_prev, every slot its bias:
// an LSTM's four slots take both, a GRU's recurrent part of n has a slot of its own. So
//   W [G*H,E]  row q*H + j is for slot q of unit j         b [S*H]  entry q*H + j likewise
//   R [G*H,H]  row q*H + j is for slot S - G + q
// forward() overwrites the slots with what backward() needs, and backward() overwrites that with gradients:
// of W x in slots [0,G), of R h_prev in slots [S-G,S), of the biases in all. Every product with W, R or their
// gradients is one GEMM on G neighbouring slots of a row [S*H], whatever the cell.
//
//   kKind, kName (as in configurations and names of parameters), kGates, kSaved, kStates, and
//   kCarriesH      whether h_prev enters the cell itself, not only through R h_prev
//   kForgetGate    the slot that an initial forget bias is for, or -1
//   forward(x[G], h[G], b[S], prev[kStates], slots[S] =, next[kStates] =)
//                  x = W x, h = R h_prev, b the biases
//   backward(slots[S] in and =, prev[kStates], d[kStates] in and =)
//                  d: gradients of the new states in, of `prev` out, but for what comes through R h_prev
//
// With layer normalisation the recurrence normalises W x, R h_prev and, in a cell of two states, c on its way
// into h; such a cell says how c becomes h:
//   kOutputGate                          the slot that h alone depends on
//   state(slots, c_prev)                 the new c, again
//   output(slots, seen)                  h of what is seen of c
//   output_backward(slots, seen, dh, d_seen =)   returns the gradient of the output gate's sum
// With d[0] = 0, backward() then does the rest.
#pragma once

#include <cstdint>

#include "kernels/core/macros.h"

namespace sluice {

enum class CellKind : uint8_t { lstm, gru };

}  // namespace sluice
