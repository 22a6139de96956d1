// The oracle's only container. Everything in this folder is double, naive and written from the papers and
// from the comments of engine/verbs.h and engine/recurrence.h; it shares no code with engine/ or kernels/.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace oracle {

using Vector = std::vector<double>;

struct Matrix {
  size_t rows = 0, cols = 0;
  Vector values;

  Matrix() = default;
  Matrix(size_t row_count, size_t col_count, double fill = 0)
      : rows(row_count), cols(col_count), values(row_count * col_count, fill) {}
  Matrix(size_t row_count, size_t col_count, Vector from)
      : rows(row_count), cols(col_count), values(std::move(from)) {}

  double& operator()(size_t i, size_t j) { return values.at(i * cols + j); }
  double operator()(size_t i, size_t j) const { return values.at(i * cols + j); }
};

}  // namespace oracle
