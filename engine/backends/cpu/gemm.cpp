#include "engine/backends/cpu/gemm.h"

#include <algorithm>
#include <vector>

namespace sluice::cpu {
namespace {

struct Tiling {
  int64_t rows, columns;  // of a tile

  template <class T>
  int64_t tiles(std::span<const Gemm<T>> products) const {
    int64_t count = 0;
    for (const Gemm<T>& g : products) count += ((g.m + rows - 1) / rows) * ((g.n + columns - 1) / columns);
    return count;
  }
};

// Large tiles read their operands least often; halved until there are enough of them to share out.
template <class T>
Tiling tiling_of(std::span<const Gemm<T>> products) {
  constexpr int64_t kTiles = 16, kLeast = 64;
  Tiling tile{256, 512};
  while (tile.rows > kLeast && tile.tiles(products) < kTiles) tile.rows /= 2;
  while (tile.columns > kLeast && tile.tiles(products) < kTiles) tile.columns /= 2;
  return tile;
}

template <class T>
Gemm<T> part_of(const Gemm<T>& g, int64_t i0, int64_t m, int64_t j0, int64_t n) {
  Gemm<T> part = g;
  part.m = m;
  part.n = n;
  part.a += g.transpose_a ? i0 : i0 * g.lda;
  part.b += g.transpose_b ? j0 * g.ldb : j0;
  part.c += i0 * g.ldc + j0;
  return part;
}

}  // namespace

void gemm(const Gemm<double>& g) {
  isa_table().f64.gemm(g);
}

template <class T>
void gemms(Pool& pool, std::span<const Gemm<T>> products) {
  const Tiling tile = tiling_of(products);
  std::vector<Gemm<T>> parts;
  for (const Gemm<T>& g : products) {
    for (int64_t i0 = 0; i0 < g.m; i0 += tile.rows)
      for (int64_t j0 = 0; j0 < g.n; j0 += tile.columns)
        parts.push_back(part_of(g, i0, std::min(tile.rows, g.m - i0), j0, std::min(tile.columns, g.n - j0)));
  }
  pool.parallel_for(static_cast<int64_t>(parts.size()),
                    [&](int64_t task) { gemm(parts[static_cast<size_t>(task)]); });
}

template void gemms<float>(Pool&, std::span<const Gemm<float>>);
template void gemms<double>(Pool&, std::span<const Gemm<double>>);

}  // namespace sluice::cpu
