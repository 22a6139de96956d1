// What a recurrent cell is, apart from the recurrence that runs it.
//
// Gate order, written here once: LSTM i, f, g, o (cuDNN's and PyTorch's). Rows of W [G*H,E], R [G*H,H] and b
// [G*H] are gate-major: gate q of unit j is row q*H + j. A step computes, for each unit,
//   pre[q] = (W x)[q] + b[q] + (R h_prev)[q]
// and hands the G sums to the cell. State 0 is h, the output; further states (the LSTM's c) stay inside the
// recurrence.
#pragma once

#include "kernels/core/macros.h"

namespace sluice {

enum class CellKind { lstm };

}  // namespace sluice
