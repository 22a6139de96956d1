// How sums down the columns of an [M,C] tensor are cut: by M alone, so that their bits depend on nothing
// else.
#pragma once

#include <cstdint>

#include "kernels/core/macros.h"

namespace sluice::cuda {

// Rows that one block of the first stage takes; 128 blocks at most stand above each other.
SLUICE_HD constexpr int64_t column_chunk_rows(int64_t rows) {
  return rows <= 64 * 128 ? 64 : (rows + 1023) / 1024 * 8;
}
constexpr int64_t column_chunks(int64_t rows) {
  return (rows + column_chunk_rows(rows) - 1) / column_chunk_rows(rows);
}

}  // namespace sluice::cuda
