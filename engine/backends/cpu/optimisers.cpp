// Clipping and optimisers.
#include <cmath>
#include <limits>
#include <vector>

#include "engine/backends/cpu/chunks.h"
#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/cpu/isa.h"

namespace sluice::cpu {
namespace {

constexpr int64_t kChunk = 16384;

template <class T>
AdamStep<T> adam_step(const AdamConfig& c, double gradient_scale) {
  const auto step = static_cast<double>(c.step);
  return {.gradient_scale = static_cast<T>(gradient_scale),
          .l2 = static_cast<T>(c.decoupled ? 0 : c.weight_decay),
          .keep = static_cast<T>(c.decoupled ? 1 - c.learning_rate * c.weight_decay : 1),
          .beta1 = static_cast<T>(c.beta1),
          .beta2 = static_cast<T>(c.beta2),
          .step_size = static_cast<T>(c.learning_rate / (1 - std::pow(c.beta1, step))),
          .inverse_root = static_cast<T>(1 / std::sqrt(1 - std::pow(c.beta2, step))),
          .epsilon = static_cast<T>(c.epsilon)};
}

// A gradient was not finite.
bool no_update(const Tensor& scale) {
  return std::isnan(scale.as<double>()[0]);
}

// Note [Replay] in engine/backend.h.
template <class Update>
auto config_now(const Update& p) {
  auto config = p.config;
  if (!p.now) return config;
  config.learning_rate = p.now.template as<double>()[0];
  config.step = static_cast<int64_t>(p.now.template as<double>()[1]);
  return config;
}

template <class T>
void multiply(T* x, int64_t n, double factor) {
  for (int64_t j = 0; j < n; ++j) x[j] *= static_cast<T>(factor);
}

// Plain loads and stores, the same operations for dense and lazy rows.
template <class T>
void sgd_row(const SgdConfig& c, double gradient_scale, int64_t n, T* w, const T* g, T* m) {
  const T scale = static_cast<T>(gradient_scale), decay = static_cast<T>(c.weight_decay),
          momentum = static_cast<T>(c.momentum), rate = static_cast<T>(c.learning_rate);
  for (int64_t j = 0; j < n; ++j) {
    const T gradient = scale * g[j] + decay * w[j];
    m[j] = momentum * m[j] + gradient;
    w[j] -= rate * (c.nesterov ? gradient + momentum * m[j] : m[j]);
  }
}

}  // namespace

void CpuBackend::do_convert(const Convert& p) {
  throw Failure("no {} on the CPU", name_of(p.to.dtype));
}

void CpuBackend::do_sum_squares(const SumSquares& p) {
  dispatch_real(p.x.dtype, [&]<class T>() {
    const T* x = static_cast<const T*>(p.x.data);
    const int64_t n = p.x.size();
    std::vector<double> partial(static_cast<size_t>((n + kChunk - 1) / kChunk));
    for_chunks(pool_, n, kChunk, [&](int64_t begin, int64_t end, int64_t chunk) {
      constexpr int kLanes = 8;  // independent sums, so that the loop is not one chain of additions
      double sums[kLanes] = {};
      int64_t i = begin;
      for (; i + kLanes <= end; i += kLanes)
        for (int lane = 0; lane < kLanes; ++lane) {
          const auto value = static_cast<double>(x[i + lane]);
          sums[lane] += value * value;
        }
      for (; i < end; ++i) sums[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
      double sum = 0;
      for (double lane : sums) sum += lane;
      partial[static_cast<size_t>(chunk)] = sum;
    });
    double sum = 0;
    for (double part : partial) sum += part;
    p.out.as<double>()[0] += sum;
  });
}

namespace {

double one_unless(const Tensor& given) {
  return given ? given.as<double>()[0] : 1;
}

}  // namespace

void CpuBackend::do_clip_scale(const ClipScale& p) {
  const double sum = p.sum_squares.as<double>()[0], loss_scale = one_unless(p.loss_scale);
  double scale = std::isfinite(sum) ? 1 : std::numeric_limits<double>::quiet_NaN();
  if (p.max_norm > 0) scale *= std::min(1.0, p.max_norm / (std::sqrt(sum) / loss_scale));
  p.scale.as<double>()[0] = scale / loss_scale;
}

void CpuBackend::do_clip_value(const ClipValue& p) {
  dispatch_real(p.x.dtype, [&]<class T>() {
    T* x = static_cast<T*>(p.x.data);
    const double loss_scale = one_unless(p.loss_scale);
    const T limit = static_cast<T>(p.limit * loss_scale);
    for_chunks(pool_, p.x.size(), kChunk, [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t j = begin; j < end; ++j) {
        if (loss_scale > 1 && std::isinf(x[j])) continue;
        const T low = x[j] < -limit ? -limit : x[j];  // comparisons with NaN are false: NaN stays
        x[j] = low > limit ? limit : low;
      }
    });
  });
}

void CpuBackend::do_average(const Average& p) {
  dispatch_real(p.x.dtype, [&]<class T>() {
    const T* x = static_cast<const T*>(p.x.data);
    T* average = static_cast<T*>(p.average.data);
    const T share = static_cast<T>(p.share);
    for_chunks(pool_, p.x.size(), kChunk, [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t j = begin; j < end; ++j) average[j] += share * (x[j] - average[j]);
    });
  });
}

void CpuBackend::do_adam(const Adam& p) {
  if (no_update(p.scale)) return;
  dispatch_real(p.w.dtype, [&]<class T>() {
    const auto step = adam_step<T>(config_now(p), p.scale.as<double>()[0]);
    T *w = static_cast<T*>(p.w.data), *m = static_cast<T*>(p.m.data), *v = static_cast<T*>(p.v.data);
    const T* g = static_cast<const T*>(p.g.data);
    for_chunks(pool_, p.w.size(), kChunk, [&](int64_t begin, int64_t end, int64_t) {
      isa_table().of<T>().adam(end - begin, step, w + begin, g + begin, m + begin, v + begin);
    });
  });
}

void CpuBackend::do_adam_rows(const AdamRows& p) {
  if (no_update(p.scale)) return;
  const AdamConfig c = config_now(p);
  dispatch_real(p.w.dtype, [&]<class T>() {
    const auto step = adam_step<T>(c, p.scale.as<double>()[0]);
    const auto w = p.w.view<T, 2>(), m = p.m.view<T, 2>(), v = p.v.view<T, 2>(), g = p.g.view<T, 2>();
    const int32_t* ids = p.ids.as<int32_t>();
    int32_t* touched = p.touched.as<int32_t>();
    const int64_t E = w.dims[1];
    for_chunks(pool_, p.ids.dims[0], rows_per_task(E), [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t k = begin; k < end; ++k) {
        const int64_t row = ids[k];
        if (row < 0) continue;
        if (const auto missed = static_cast<double>(c.step - 1 - touched[row]); missed > 0) {
          if (!c.keep_idle) {
            multiply(m.row(row), E, std::pow(c.beta1, missed));
            multiply(v.row(row), E, std::pow(c.beta2, missed));
          }
          if (c.decoupled && c.weight_decay != 0)
            multiply(w.row(row), E, std::pow(1 - c.learning_rate * c.weight_decay, missed));
        }
        isa_table().of<T>().adam(E, step, w.row(row), g.row(k), m.row(row), v.row(row));
        touched[row] = static_cast<int32_t>(c.step);
      }
    });
  });
}

void CpuBackend::do_sgd(const Sgd& p) {
  if (no_update(p.scale)) return;
  const SgdConfig c = config_now(p);
  dispatch_real(p.w.dtype, [&]<class T>() {
    const double scale = p.scale.as<double>()[0];
    T *w = static_cast<T*>(p.w.data), *m = static_cast<T*>(p.m.data);
    const T* g = static_cast<const T*>(p.g.data);
    for_chunks(pool_, p.w.size(), kChunk, [&](int64_t begin, int64_t end, int64_t) {
      sgd_row(c, scale, end - begin, w + begin, g + begin, m + begin);
    });
  });
}

void CpuBackend::do_sgd_rows(const SgdRows& p) {
  if (no_update(p.scale)) return;
  const SgdConfig c = config_now(p);
  dispatch_real(p.w.dtype, [&]<class T>() {
    const double scale = p.scale.as<double>()[0];
    const auto w = p.w.view<T, 2>(), m = p.m.view<T, 2>(), g = p.g.view<T, 2>();
    const int32_t* ids = p.ids.as<int32_t>();
    int32_t* touched = p.touched.as<int32_t>();
    const int64_t E = w.dims[1];
    for_chunks(pool_, p.ids.dims[0], rows_per_task(E), [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t k = begin; k < end; ++k) {
        const int64_t row = ids[k];
        if (row < 0) continue;
        if (const auto missed = static_cast<double>(c.step - 1 - touched[row]); missed > 0 && !c.keep_idle)
          multiply(m.row(row), E, std::pow(c.momentum, missed));
        sgd_row(c, scale, E, w.row(row), g.row(k), m.row(row));
        touched[row] = static_cast<int32_t>(c.step);
      }
    });
  });
}

}  // namespace sluice::cpu
