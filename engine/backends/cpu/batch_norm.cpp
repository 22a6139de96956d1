// Batch normalisation over valid rows, and dropout.
#include <cmath>
#include <vector>

#include "engine/backends/cpu/chunks.h"
#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/cpu/isa.h"

namespace sluice::cpu {
namespace {

// sums[k * C + j] = sum over the valid rows of what `add(row, partial)` adds up: in f64, chunk after chunk.
template <class F>
std::vector<double> sum_rows(Pool& pool, const RowChunks& chunks, int64_t width, const F& add) {
  std::vector<double> partial(static_cast<size_t>(chunks.count() * width)), sums(static_cast<size_t>(width));
  chunks.for_each(pool, [&](const RowRun& run, int64_t chunk) {
    for (int64_t r = run.row; r < run.row + run.valid; ++r) add(r, partial.data() + chunk * width);
  });
  for (size_t i = 0; i < partial.size(); ++i) sums[i % static_cast<size_t>(width)] += partial[i];
  return sums;
}

// Two passes: the mean, then the squares around it.
template <class T>
void batch_statistics(Pool& pool, const BatchNormForward& p, const RowChunks& chunks) {
  const auto x = p.x.view<T, 2>();
  const int64_t C = x.dims[1];
  const auto count = static_cast<double>(chunks.valid_rows());
  T *mean = p.mean.as<T>(), *inverse_std = p.inverse_std.as<T>();
  std::vector<double> means = sum_rows(pool, chunks, C, [&](int64_t r, double* sum) {
    for (int64_t j = 0; j < C; ++j) sum[j] += static_cast<double>(x(r, j));
  });
  for (double& value : means) value /= count;
  const std::vector<double> squares = sum_rows(pool, chunks, C, [&](int64_t r, double* sum) {
    for (int64_t j = 0; j < C; ++j) {
      const double from_mean = static_cast<double>(x(r, j)) - means[static_cast<size_t>(j)];
      sum[j] += from_mean * from_mean;
    }
  });
  T *running_mean = p.running_mean.as<T>(), *running_var = p.running_var.as<T>();
  for (int64_t j = 0; j < C; ++j) {
    const double m = means[static_cast<size_t>(j)], biased = squares[static_cast<size_t>(j)] / count;
    const double unbiased = count > 1 ? squares[static_cast<size_t>(j)] / (count - 1) : biased;
    mean[j] = static_cast<T>(m);
    inverse_std[j] = static_cast<T>(1 / std::sqrt(biased + p.epsilon));
    running_mean[j] =
        static_cast<T>((1 - p.momentum) * static_cast<double>(running_mean[j]) + p.momentum * m);
    running_var[j] =
        static_cast<T>((1 - p.momentum) * static_cast<double>(running_var[j]) + p.momentum * unbiased);
  }
}

template <class T>
void running_statistics(const BatchNormForward& p) {
  for (int64_t j = 0; j < p.x.dims[1]; ++j) {
    p.mean.as<T>()[j] = p.running_mean.as<T>()[j];
    p.inverse_std.as<T>()[j] =
        static_cast<T>(1 / std::sqrt(static_cast<double>(p.running_var.as<T>()[j]) + p.epsilon));
  }
}

template <class T>
void zero_rows(const View<T, 2>& y, int64_t begin, int64_t end) {
  std::fill(y.row(begin), y.row(begin) + (end - begin) * y.dims[1], T(0));
}

}  // namespace

void CpuBackend::do_batch_norm_forward(const BatchNormForward& p) {
  dispatch_real(p.x.dtype, [&]<class T>() {
    const auto x = p.x.view<T, 2>(), y = p.y.view<T, 2>();
    const int64_t C = x.dims[1];
    const RowChunks chunks(p.batch, x.dims[0], C);
    if (p.training && chunks.valid_rows() > 0)
      batch_statistics<T>(pool_, p, chunks);
    else
      running_statistics<T>(p);
    const T *mean = p.mean.as<T>(), *inverse_std = p.inverse_std.as<T>();
    const T *gamma = p.gamma.as<T>(), *beta = p.beta.as<T>();
    chunks.for_each(pool_, [&](const RowRun& run, int64_t) {
      for (int64_t r = run.row; r < run.row + run.valid; ++r)
        for (int64_t j = 0; j < C; ++j) y(r, j) = (x(r, j) - mean[j]) * inverse_std[j] * gamma[j] + beta[j];
      zero_rows(y, run.row + run.valid, run.row + run.count);
    });
  });
}

void CpuBackend::do_batch_norm_backward(const BatchNormBackward& p) {
  const BatchNormForward& f = p.forward;
  dispatch_real(f.x.dtype, [&]<class T>() {
    const auto x = f.x.view<T, 2>(), dy = p.dy.view<T, 2>(), dx = p.dx.view<T, 2>();
    const int64_t C = x.dims[1];
    const RowChunks chunks(f.batch, x.dims[0], C);
    const T *mean = f.mean.as<T>(), *inverse_std = f.inverse_std.as<T>(), *gamma = f.gamma.as<T>();
    // [sum of dy | sum of dy * normalised x]
    const std::vector<double> sums = sum_rows(pool_, chunks, 2 * C, [&](int64_t r, double* sum) {
      for (int64_t j = 0; j < C; ++j) {
        sum[j] += static_cast<double>(dy(r, j));
        sum[C + j] += static_cast<double>(dy(r, j) * (x(r, j) - mean[j]) * inverse_std[j]);
      }
    });
    // dx = gamma inverse_std (dy - mean(dy) - xhat mean(dy xhat)); the means vanish with running statistics.
    const bool by_batch = f.training && chunks.valid_rows() > 0;
    const double share = by_batch ? 1.0 / static_cast<double>(chunks.valid_rows()) : 0.0;
    std::vector<T> mean_dy(static_cast<size_t>(C)), mean_dy_xhat(static_cast<size_t>(C));
    for (int64_t j = 0; j < C; ++j) {
      const double sum = sums[static_cast<size_t>(j)], sum_xhat = sums[static_cast<size_t>(C + j)];
      p.dbeta.as<T>()[j] += static_cast<T>(sum);
      p.dgamma.as<T>()[j] += static_cast<T>(sum_xhat);
      mean_dy[static_cast<size_t>(j)] = static_cast<T>(sum * share);
      mean_dy_xhat[static_cast<size_t>(j)] = static_cast<T>(sum_xhat * share);
    }
    const T *a = mean_dy.data(), *b = mean_dy_xhat.data();
    chunks.for_each(pool_, [&](const RowRun& run, int64_t) {
      for (int64_t r = run.row; r < run.row + run.valid; ++r)
        for (int64_t j = 0; j < C; ++j) {
          const T xhat = (x(r, j) - mean[j]) * inverse_std[j];
          dx(r, j) = gamma[j] * inverse_std[j] * (dy(r, j) - a[j] - xhat * b[j]);
        }
      zero_rows(dx, run.row + run.valid, run.row + run.count);
    });
  });
}

void CpuBackend::do_dropout(const Dropout& p) {
  dispatch_real(p.x.dtype, [&]<class T>() {
    const auto x = p.x.view<T, 2>(), y = p.y.view<T, 2>();
    const int64_t C = x.dims[1], quads = (C + 3) / 4;
    const uint32_t threshold = drop_threshold(p.p);
    const T scale = static_cast<T>(1 / (1 - p.p));
    const IsaTable& isa = isa_table();
    const RowChunks chunks(p.batch, x.dims[0], C);
    chunks.for_each(pool_, [&](const RowRun& run, int64_t) {
      std::vector<uint32_t> words(static_cast<size_t>(4 * quads));
      for (int64_t i = 0; i < run.valid; ++i) {
        isa.mask_words(p.masks, quads, static_cast<uint32_t>(run.b + i), static_cast<uint32_t>(run.t),
                       words.data());
        isa.of<T>().dropout(C, words.data(), threshold, scale, x.row(run.row + i), y.row(run.row + i));
      }
      zero_rows(y, run.row + run.valid, run.row + run.count);
    });
  });
}

}  // namespace sluice::cpu
