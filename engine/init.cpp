#include "engine/init.h"

#include <cmath>
#include <numbers>

#include "kernels/core/philox.h"

namespace sluice {
namespace {

// Uniform in (0, 1], 32 bits: number `index` of the stream `seed`.
double uniform01(uint64_t seed, uint64_t index) {
  const PhiloxBlock block =
      philox(seed, static_cast<uint32_t>(index / 4), static_cast<uint32_t>(index / 4 >> 32), 0, 0);
  return (static_cast<double>(block.word[index % 4]) + 1.0) / 4294967296.0;
}

// Box and Muller 1958.
double normal01(uint64_t seed, uint64_t index) {
  const double radius = std::sqrt(-2.0 * std::log(uniform01(seed, 2 * index)));
  return radius * std::cos(2.0 * std::numbers::pi * uniform01(seed, 2 * index + 1));
}

// Rows of the n x n matrix become orthonormal, one after the other (modified Gram-Schmidt; a random matrix is
// conditioned well enough for one pass in f64).
void orthonormalise(double* matrix, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    double* row = matrix + i * n;
    for (size_t j = 0; j < i; ++j) {
      const double* other = matrix + j * n;
      double dot = 0;
      for (size_t k = 0; k < n; ++k) dot += row[k] * other[k];
      for (size_t k = 0; k < n; ++k) row[k] -= dot * other[k];
    }
    double norm = 0;
    for (size_t k = 0; k < n; ++k) norm += row[k] * row[k];
    norm = std::sqrt(norm);
    for (size_t k = 0; k < n; ++k) row[k] /= norm;
  }
}

}  // namespace

Init constant(double value) {
  return [value](std::vector<double>& values, const std::vector<int64_t>&, uint64_t) {
    for (double& x : values) x = value;
  };
}

Init uniform(double bound) {
  return [bound](std::vector<double>& values, const std::vector<int64_t>&, uint64_t seed) {
    for (size_t i = 0; i < values.size(); ++i) values[i] = bound * (1.0 - 2.0 * uniform01(seed, i));
  };
}

Init normal(double deviation) {
  return [deviation](std::vector<double>& values, const std::vector<int64_t>&, uint64_t seed) {
    for (size_t i = 0; i < values.size(); ++i) values[i] = deviation * normal01(seed, i);
  };
}

Init glorot(int64_t fan_in, int64_t fan_out) {
  return uniform(std::sqrt(6.0 / static_cast<double>(fan_in + fan_out)));
}

Init orthogonal_blocks() {
  return [](std::vector<double>& values, const std::vector<int64_t>& shape, uint64_t seed) {
    normal(1.0)(values, shape, seed);
    const auto n = static_cast<size_t>(shape.back());
    for (size_t begin = 0; begin + n * n <= values.size(); begin += n * n)
      orthonormalise(values.data() + begin, n);
  };
}

Init gate_bias(int gate, int gates, double value) {
  return [=](std::vector<double>& values, const std::vector<int64_t>& shape, uint64_t) {
    const int64_t width = shape.back(), hidden = width / gates;
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<int64_t>(i) % width / hidden == gate ? value : 0.0;
  };
}

}  // namespace sluice
