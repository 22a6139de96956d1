// How sums down the columns of an [M,C] tensor are cut: by M alone, so that their bits depend on nothing
// else.
#pragma once

#include <cstdint>

#include "kernels/core/macros.h"
#include "kernels/core/plan.h"

namespace sluice::cuda {

// Rows that one block of the first stage takes; 128 blocks at most stand above each other.
SLUICE_HD constexpr int64_t column_chunk_rows(int64_t rows) {
  return rows <= 64 * 128 ? 64 : (rows + 1023) / 1024 * 8;
}
constexpr int64_t column_chunks(int64_t rows) {
  return (rows + column_chunk_rows(rows) - 1) / column_chunk_rows(rows);
}

// A block is kColumns columns by kSlices slices of one chunk.
constexpr int kColumns = 32, kSlices = 8;

constexpr Plan column_plan(int64_t columns, int64_t chunks) {
  Plan plan;
  plan.grid = {blocks_for(columns, kColumns), chunks};
  plan.block = {kColumns, kSlices};
  return plan;
}

}  // namespace sluice::cuda
