// The cells there are: what kernels, paths, tests, benchmarks and the command line iterate.
#pragma once

#include "kernels/cells/gru.h"
#include "kernels/cells/lstm.h"

namespace sluice {

inline constexpr CellKind kCells[] = {CellKind::lstm, CellKind::gru};
inline constexpr int kCellCount = sizeof kCells / sizeof kCells[0];

// Calls f.template operator()<Cell>() with the cell of this kind.
template <class F>
constexpr decltype(auto) dispatch_cell(CellKind kind, F&& f) {
  switch (kind) {
    case CellKind::gru:
      return f.template operator()<Gru>();
    case CellKind::lstm:
      break;
  }
  return f.template operator()<Lstm>();
}

constexpr const char* name_of(CellKind kind) {
  return dispatch_cell(kind, [&]<class Cell>() { return Cell::kName; });
}

// A cell's constants, for those who do not run it.
struct CellTraits {
  int gates, saved, states;
  bool carries_h;
  int forget_gate;
};
constexpr CellTraits traits_of(CellKind kind) {
  return dispatch_cell(kind, [&]<class Cell>() {
    return CellTraits{Cell::kGates, Cell::kSaved, Cell::kStates, Cell::kCarriesH, Cell::kForgetGate};
  });
}

}  // namespace sluice
