#include "tests/oracle/gru.h"

namespace oracle {
namespace {

// (W x)[row]
double of_input(const GruLayer& layer, size_t row, const Matrix& x, size_t token) {
  double sum = 0;
  for (size_t e = 0; e < x.cols; ++e) sum += layer.W(row, e) * x(token, e);
  return layer.stored(sum);
}

// (R h)[row], of the h that recurrent dropout leaves
double of_state(const GruLayer& layer, size_t row, const GruStep& step) {
  double sum = 0;
  for (size_t k = 0; k < step.h_prev.size(); ++k)
    sum += layer.R(row, k) * layer.stored(step.h_scale[k] * step.h_prev[k]);
  return sum;
}

}  // namespace

GruRun gru_forward(const GruLayer& layer, const Matrix& x, const Vector& h0, size_t row) {
  const size_t H = h0.size();
  GruRun run;
  run.y = Matrix(x.rows, H);
  run.hT = h0;
  for (size_t s = 0; s < x.rows; ++s) {
    GruStep step;
    step.token = layer.reverse ? x.rows - 1 - s : s;
    step.h_prev = run.hT;
    for (size_t j = 0; j < H; ++j) step.h_scale.push_back(dropout_scale(layer, row, j));
    for (size_t j = 0; j < H; ++j) {
      const auto gate = [&](size_t q) {
        const size_t at = q * H + j;
        return logistic(of_input(layer, at, x, step.token) + of_state(layer, at, step) + layer.b[at]);
      };
      const double r = gate(0), z = gate(1), m = of_state(layer, 2 * H + j, step) + layer.b_new[j];
      const double n = std::tanh(of_input(layer, 2 * H + j, x, step.token) + layer.b[2 * H + j] + r * m);
      step.r.push_back(layer.stored(r));
      step.z.push_back(layer.stored(z));
      step.m.push_back(layer.stored(m));
      step.n.push_back(layer.stored(n));
      step.keep_h.push_back(kept_share(layer, layer.zoneout_hidden, layer.site + 1, step.token, row, j));
      const double h_new = (1 - z) * n + z * step.h_prev[j];
      run.hT[j] = step.keep_h[j] * step.h_prev[j] + (1 - step.keep_h[j]) * h_new;
      run.y(step.token, j) = layer.stored(run.hT[j]);
    }
    run.steps.push_back(step);
  }
  return run;
}

GruInputGradients gru_backward(const GruLayer& layer, const Matrix& x, const GruRun& run, const Matrix& dy,
                               const Vector& dhT, GruGradients& sums) {
  const size_t H = dhT.size();
  GruInputGradients result{Matrix(x.rows, x.cols), dhT};
  Vector& dh = result.dh0;  // of the state after the step at hand, then of the state before it
  for (size_t s = run.steps.size(); s-- > 0;) {
    const GruStep& step = run.steps[s];
    Vector d_input(3 * H), d_state(3 * H), dh_prev(H);  // of W x and of R h
    for (size_t j = 0; j < H; ++j) {
      const double r = step.r[j], z = step.z[j], n = step.n[j];
      const double d_h = dh[j] + dy(step.token, j), d_new = (1 - step.keep_h[j]) * d_h;
      const double d_sum_n = d_new * (1 - z) * (1 - n * n), h_prev = layer.stored(step.h_prev[j]);
      d_input[j] = d_state[j] = layer.stored(d_sum_n * step.m[j] * r * (1 - r));
      d_input[H + j] = d_state[H + j] = layer.stored(d_new * (h_prev - n) * z * (1 - z));
      d_input[2 * H + j] = layer.stored(d_sum_n);
      d_state[2 * H + j] = layer.stored(d_sum_n * r);
      dh_prev[j] = step.keep_h[j] * d_h + d_new * z;
      sums.db_new[j] += d_state[2 * H + j];
    }
    for (size_t q = 0; q < 3 * H; ++q) {
      sums.db[q] += d_input[q];
      for (size_t e = 0; e < x.cols; ++e) {
        sums.dW(q, e) += d_input[q] * x(step.token, e);
        result.dx(step.token, e) += d_input[q] * layer.W(q, e);
      }
      for (size_t k = 0; k < H; ++k) {
        sums.dR(q, k) += d_state[q] * layer.stored(step.h_scale[k] * layer.stored(step.h_prev[k]));
        dh_prev[k] += d_state[q] * layer.R(q, k) * step.h_scale[k];
      }
    }
    dh = dh_prev;
  }
  return result;
}

}  // namespace oracle
