#include "tests/oracle/gru.h"

namespace oracle {

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
    Vector h_seen;
    for (size_t j = 0; j < H; ++j) h_seen.push_back(layer.stored(step.h_scale[j] * step.h_prev[j]));
    Normed x_norm;
    const Vector of_x = input_forward(layer, layer.W, row_of(x, step.token), x_norm);
    const Vector of_h = norm_forward(layer.norms.recurrent, product(layer.R, h_seen), step.h_norm);
    step.h_norm.hat = rounded(step.h_norm.hat, layer.storage);
    for (size_t j = 0; j < H; ++j) {
      const size_t at_z = H + j, at_n = 2 * H + j;
      const double r = logistic(of_x[j] + of_h[j] + layer.b[j]);
      const double z = logistic(of_x[at_z] + of_h[at_z] + layer.b[at_z]);
      const double m = of_h[at_n] + layer.b_new[j], n = std::tanh(of_x[at_n] + layer.b[at_n] + r * m);
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

GruInputGradients gru_backward(const GruLayer& layer, const GruRun& run, const Matrix& dy, const Vector& dhT,
                               GruGradients& sums) {
  const size_t H = dhT.size();
  GruInputGradients result{Matrix(dy.rows, 3 * H), dhT};
  Vector& dh = result.dh0;  // of the state after the step at hand, then of the state before it
  for (size_t s = run.steps.size(); s-- > 0;) {
    const GruStep& step = run.steps[s];
    Vector d_input(3 * H), d_state(3 * H), dh_prev(H);  // of what W x and R h make; then of R h
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
    d_state = rounded(norm_backward(layer.norms.recurrent, step.h_norm, d_state, sums.norms.recurrent),
                      layer.storage);
    for (size_t q = 0; q < 3 * H; ++q) {
      sums.db[q] += d_input[q];
      result.d_input(step.token, q) = d_input[q];
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
