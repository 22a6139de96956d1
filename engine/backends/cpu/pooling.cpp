#include <cmath>

#include "engine/backends/cpu/chunks.h"
#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/cpu/isa.h"

namespace sluice::cpu {
namespace {

// Row whose columns [begin, end) `last` takes: the forward half from the last row, the reverse half from the
// first.
int last_row(const HostBatch& batch, int64_t b, int direction) {
  const int length = batch.lengths[static_cast<size_t>(b)];
  return batch.row(direction == 0 ? length - 1 : 0, static_cast<int>(b));
}

// What the sum over a sequence's rows is divided by.
template <class T>
T divisor(Pooling kind, int length) {
  return static_cast<T>(kind == Pooling::sqrtn ? std::sqrt(static_cast<double>(length)) : length);
}

template <class T>
struct Pooled {
  const HostBatch& batch;
  int64_t columns, directions;
  View<T, 2> x;
  View<int32_t, 2> argmax;

  void sum(Pooling kind, int64_t b, T* y) const {
    const int length = batch.lengths[static_cast<size_t>(b)];
    std::fill_n(y, columns, T(0));
    for (int t = 0; t < length; ++t)
      isa_table().of<T>().add(columns, x.row(batch.row(t, static_cast<int>(b))), y);
    for (int64_t j = 0; j < columns && length; ++j) y[j] /= divisor<T>(kind, length);
  }

  void max(int64_t b, T* y) const {
    const int length = batch.lengths[static_cast<size_t>(b)];
    int32_t* best = argmax.row(b);
    std::fill_n(y, columns, T(0));
    std::fill_n(best, columns, length ? batch.row(0, static_cast<int>(b)) : -1);
    if (length) std::copy_n(x.row(batch.row(0, static_cast<int>(b))), columns, y);
    for (int t = 1; t < length; ++t) {
      const int row = batch.row(t, static_cast<int>(b));
      isa_table().of<T>().take_max(columns, x.row(row), row, y, best);
    }
  }

  void last(int64_t b, T* y) const {
    std::fill_n(y, columns, T(0));
    if (!batch.lengths[static_cast<size_t>(b)]) return;
    const int64_t half = columns / directions;
    for (int d = 0; d < directions; ++d)
      std::copy_n(x.row(last_row(batch, b, d)) + d * half, half, y + d * half);
  }
};

template <class T>
void pool_backward_sequence(const PoolForward& p, const View<T, 2>& dx, int64_t b, const T* dy) {
  const HostBatch& batch = *p.batch->host;
  const int64_t columns = dx.dims[1], half = columns / p.directions;
  const int length = batch.lengths[static_cast<size_t>(b)];
  if (length == 0) return;
  switch (p.kind) {
    case Pooling::mean:
    case Pooling::sqrtn:
      for (int t = 0; t < length; ++t) {
        T* row = dx.row(batch.row(t, static_cast<int>(b)));
        for (int64_t j = 0; j < columns; ++j) row[j] += dy[j] / divisor<T>(p.kind, length);
      }
      break;
    case Pooling::max: {
      const int32_t* best = p.argmax.as<int32_t>() + b * columns;
      for (int64_t j = 0; j < columns; ++j) dx(best[j], j) += dy[j];
      break;
    }
    case Pooling::last:
      for (int d = 0; d < p.directions; ++d) {
        T* row = dx.row(last_row(batch, b, d));
        for (int64_t j = d * half; j < (d + 1) * half; ++j) row[j] += dy[j];
      }
      break;
  }
}

}  // namespace

void CpuBackend::do_pool_forward(const PoolForward& p) {
  dispatch_real(p.x.dtype, [&]<class T>() {
    const Pooled<T> pooled{*p.batch->host, p.x.dims[1], p.directions, p.x.view<T, 2>(),
                           p.argmax.view<int32_t, 2>()};
    const auto y = p.y.view<T, 2>();
    pool_.parallel_for(p.batch->sequences, [&](int64_t b) {
      T* out = y.row(b) + p.column;
      if (p.kind == Pooling::max)
        pooled.max(b, out);
      else if (p.kind == Pooling::last)
        pooled.last(b, out);
      else
        pooled.sum(p.kind, b, out);
    });
  });
}

void CpuBackend::do_pool_backward(const PoolBackward& p) {
  dispatch_real(p.dx.dtype, [&]<class T>() {
    const auto dx = p.dx.view<T, 2>(), dy = p.dy.view<T, 2>();
    pool_.parallel_for(p.forward.batch->sequences, [&](int64_t b) {
      pool_backward_sequence<T>(p.forward, dx, b, dy.row(b) + p.forward.column);
    });
  });
}

}  // namespace sluice::cpu
