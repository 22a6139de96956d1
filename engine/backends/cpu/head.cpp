// The linear layer and the losses.
#include <cmath>
#include <vector>

#include "engine/backends/cpu/chunks.h"
#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/cpu/gemm.h"

namespace sluice::cpu {

void CpuBackend::do_linear_forward(const LinearForward& p) {
  dispatch_real(p.x.dtype, [&]<class T>() {
    const auto y = p.y.view<T, 2>();
    const int64_t M = y.dims[0], K = y.dims[1], C = p.x.dims[1];
    const T* b = p.b.as<T>();
    for_chunks(pool_, M, rows_per_task(K), [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t r = begin; r < end; ++r) std::copy_n(b, K, y.row(r));
    });
    gemms(pool_, Gemm<T>{.transpose_b = true,
                         .m = M,
                         .n = K,
                         .k = C,
                         .a = p.x.as<T>(),
                         .lda = C,
                         .b = p.W.as<T>(),
                         .ldb = C,
                         .c = y.data,
                         .ldc = K,
                         .accumulate = true});
  });
}

void CpuBackend::do_linear_backward(const LinearBackward& p) {
  dispatch_real(p.x.dtype, [&]<class T>() {
    const auto dy = p.dy.view<T, 2>();
    const int64_t M = dy.dims[0], K = dy.dims[1], C = p.x.dims[1];
    std::vector<Gemm<T>> products;
    products.push_back({.transpose_a = true,
                        .m = K,
                        .n = C,
                        .k = M,
                        .a = dy.data,
                        .lda = K,
                        .b = p.x.as<T>(),
                        .ldb = C,
                        .c = p.dW.as<T>(),
                        .ldc = C,
                        .accumulate = true});
    if (p.dx)
      products.push_back({.m = M,
                          .n = C,
                          .k = K,
                          .a = dy.data,
                          .lda = K,
                          .b = p.W.as<T>(),
                          .ldb = C,
                          .c = p.dx.as<T>(),
                          .ldc = C});
    gemms<T>(pool_, products);
    T* db = p.db.as<T>();
    constexpr int64_t kColumns = 256;
    for_chunks(pool_, K, kColumns, [&](int64_t begin, int64_t end, int64_t) {
      std::vector<double> sum(static_cast<size_t>(end - begin));
      for (int64_t r = 0; r < M; ++r)
        for (int64_t k = begin; k < end; ++k)
          sum[static_cast<size_t>(k - begin)] += static_cast<double>(dy(r, k));
      for (int64_t k = begin; k < end; ++k) db[k] += static_cast<T>(sum[static_cast<size_t>(k - begin)]);
    });
  });
}

namespace {

// Note [Replay] in engine/backend.h.
template <class Xent>
double scale_now(const Xent& p) {
  return p.scale_now ? p.scale_now.template as<double>()[0] : p.scale;
}

// Of equal ones the first.
template <class T>
bool is_largest(const T* x, int64_t K, int32_t label) {
  bool largest = true;
  for (int64_t k = 0; k < K; ++k) largest &= k < label ? x[k] < x[label] : x[k] <= x[label];
  return largest;
}

}  // namespace

void CpuBackend::do_softmax_xent(const SoftmaxXent& p) {
  dispatch_real(p.logits.dtype, [&]<class T>() {
    const auto logits = p.logits.view<T, 2>(), probabilities = p.probabilities.view<T, 2>(),
               dlogits = p.dlogits.view<T, 2>();
    const int64_t K = logits.dims[1];
    const int32_t* labels = p.labels.as<int32_t>();
    const T* weights = p.class_weights.as<T>();
    T* losses = p.losses.as<T>();
    int32_t* hits = p.hits.as<int32_t>();
    const T share = static_cast<T>(p.smoothing / static_cast<double>(K));
    const T peak = static_cast<T>(1 - p.smoothing), scale = static_cast<T>(scale_now(p));
    for_chunks(pool_, logits.dims[0], rows_per_task(K), [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t b = begin; b < end; ++b) {
        const T* x = logits.row(b);
        T* y = probabilities.row(b);
        T largest = x[0], sum = 0, sum_x = 0;
        for (int64_t k = 1; k < K; ++k) largest = std::max(largest, x[k]);
        for (int64_t k = 0; k < K; ++k) {
          y[k] = std::exp(x[k] - largest);
          sum += y[k];
          sum_x += x[k] - largest;
        }
        for (int64_t k = 0; k < K; ++k) y[k] /= sum;
        const int32_t label = labels[b];
        const T weight = label < 0 ? T(0) : weights ? weights[label] : T(1);
        // -sum_k target_k log p_k, with log p_k = x_k - largest - log(sum)
        if (losses)
          losses[b] =
              label < 0 ? T(0) : weight * (std::log(sum) - peak * (x[label] - largest) - share * sum_x);
        if (hits) hits[b] = label >= 0 && is_largest(x, K, label);
        if (!dlogits) continue;
        for (int64_t k = 0; k < K; ++k)
          dlogits(b, k) = label < 0 ? T(0) : scale * weight * (y[k] - share - (k == label ? peak : T(0)));
      }
    });
  });
}

void CpuBackend::do_sigmoid_xent(const SigmoidXent& p) {
  dispatch_real(p.logits.dtype, [&]<class T>() {
    const auto logits = p.logits.view<T, 2>(), probabilities = p.probabilities.view<T, 2>(),
               dlogits = p.dlogits.view<T, 2>();
    const auto targets = p.targets.view<float, 2>();
    const int64_t K = logits.dims[1];
    const T* weights = p.class_weights.as<T>();
    T* losses = p.losses.as<T>();
    int32_t* hits = p.hits.as<int32_t>();
    const T smoothing = static_cast<T>(p.smoothing), scale = static_cast<T>(scale_now(p));
    for_chunks(pool_, logits.dims[0], rows_per_task(K), [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t b = begin; b < end; ++b) {
        T loss = 0;
        bool hit = true;
        for (int64_t k = 0; k < K; ++k) {
          const T x = logits(b, k), weight = weights ? weights[k] : T(1);
          const T target = (T(1) - smoothing) * static_cast<T>(targets(b, k)) + smoothing / T(2);
          hit &= (x > 0) == (targets(b, k) > 0.5f);
          // e^-|x| cannot overflow
          const T small = std::exp(-std::abs(x));
          const T y = x >= 0 ? T(1) / (T(1) + small) : small / (T(1) + small);
          probabilities(b, k) = y;
          loss += weight * (std::max(x, T(0)) - x * target + std::log1p(small));
          if (dlogits) dlogits(b, k) = scale * weight * (y - target);
        }
        if (losses) losses[b] = loss;
        if (hits) hits[b] = hit;
      }
    });
  });
}

}  // namespace sluice::cpu
