// A typed, row-major, non-owning window on memory: what kernels take and nothing more.
#pragma once

#include <cstdint>

#include "kernels/core/macros.h"

namespace sluice {

template <class T, int Rank>
struct View {
  T* data = nullptr;
  int64_t dims[Rank] = {};

  SLUICE_HD explicit operator bool() const { return data != nullptr; }

  SLUICE_HD T& operator()(int64_t i) const requires(Rank == 1) { return data[i]; }
  SLUICE_HD T& operator()(int64_t i, int64_t j) const requires(Rank == 2) { return data[i * dims[1] + j]; }
  SLUICE_HD T& operator()(int64_t i, int64_t j, int64_t k) const requires(Rank == 3) {
    return data[(i * dims[1] + j) * dims[2] + k];
  }
  SLUICE_HD T* row(int64_t i) const requires(Rank == 2) { return data + i * dims[1]; }
};

}  // namespace sluice
