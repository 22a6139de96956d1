#include "tests/oracle/lstm.h"

#include <cmath>

namespace oracle {

LstmRun lstm_forward(const LstmLayer& layer, const Matrix& x, const Vector& h0, const Vector& c0,
                     size_t row) {
  const size_t H = h0.size();
  LstmRun run;
  run.y = Matrix(x.rows, H);
  run.hT = h0;
  run.cT = c0;
  for (size_t s = 0; s < x.rows; ++s) {
    LstmStep step;
    step.token = layer.reverse ? x.rows - 1 - s : s;
    step.h_prev = run.hT;
    step.c_prev = run.cT;
    for (size_t j = 0; j < H; ++j) step.h_scale.push_back(dropout_scale(layer, row, j));
    Vector h_seen, c_new, o_exact;
    for (size_t j = 0; j < H; ++j) h_seen.push_back(layer.stored(step.h_scale[j] * step.h_prev[j]));
    Normed x_norm;
    const Vector of_x = input_forward(layer, layer.W, row_of(x, step.token), x_norm);
    const Vector of_h = norm_forward(layer.norms.recurrent, product(layer.R, h_seen), step.h_norm);
    step.h_norm.hat = rounded(step.h_norm.hat, layer.storage);
    const auto sum = [&](size_t k) { return of_x[k] + of_h[k] + layer.b[k]; };
    for (size_t j = 0; j < H; ++j) {
      const double i = logistic(sum(j)), f = logistic(sum(H + j));
      const double g = std::tanh(sum(2 * H + j)), o = logistic(sum(3 * H + j));
      step.i.push_back(layer.stored(i));
      step.f.push_back(layer.stored(f));
      step.g.push_back(layer.stored(g));
      step.o.push_back(layer.stored(o));
      c_new.push_back(f * step.c_prev[j] + i * g);
      o_exact.push_back(o);
      step.c_new.push_back(step.f[j] * step.c_prev[j] + step.i[j] * step.g[j]);
    }
    Vector c_seen = norm_forward(layer.norms.cell, c_new, step.c_norm), c_seen_back = step.c_new;
    const bool normed = !layer.norms.cell.empty();
    for (size_t j = 0; j < H && normed; ++j) {
      c_seen[j] += layer.norms.cell_bias[j];
      step.c_norm.hat[j] = (step.c_new[j] - step.c_norm.mean) * step.c_norm.inverse_std;
      c_seen_back[j] = layer.norms.cell[j] * step.c_norm.hat[j] + layer.norms.cell_bias[j];
    }
    for (size_t j = 0; j < H; ++j) {
      step.keep_h.push_back(kept_share(layer, layer.zoneout_hidden, layer.site + 1, step.token, row, j));
      step.keep_c.push_back(kept_share(layer, layer.zoneout_cell, layer.site + 2, step.token, row, j));
      step.tanh_c.push_back(std::tanh(c_seen_back[j]));
      const double h_new = (normed ? step.o[j] : o_exact[j]) * std::tanh(c_seen[j]);
      run.hT[j] = step.keep_h[j] * step.h_prev[j] + (1 - step.keep_h[j]) * h_new;
      run.cT[j] = step.keep_c[j] * step.c_prev[j] + (1 - step.keep_c[j]) * c_new[j];
      run.y(step.token, j) = layer.stored(run.hT[j]);
    }
    run.steps.push_back(step);
  }
  return run;
}

LstmInputGradients lstm_backward(const LstmLayer& layer, const LstmRun& run, const Matrix& dy,
                                 const Vector& dhT, const Vector& dcT, LstmGradients& sums) {
  const size_t H = dhT.size();
  LstmInputGradients result{Matrix(dy.rows, 4 * H), dhT, dcT};
  Vector& dh = result.dh0;  // of the state after the step at hand, then of the state before it
  Vector& dc = result.dc0;
  for (size_t s = run.steps.size(); s-- > 0;) {
    const LstmStep& step = run.steps[s];
    Vector d_sum(4 * H), d_seen(H), dh_prev(H), dc_prev(H);  // d_seen: of what tanh took
    for (size_t j = 0; j < H; ++j) {
      const double d_h = dh[j] + dy(step.token, j), d_h_new = (1 - step.keep_h[j]) * d_h;
      d_seen[j] = d_h_new * step.o[j] * (1 - step.tanh_c[j] * step.tanh_c[j]);
      d_sum[3 * H + j] = d_h_new * step.tanh_c[j] * step.o[j] * (1 - step.o[j]);
      dh_prev[j] = step.keep_h[j] * d_h;
      if (!sums.norms.cell_bias.empty()) sums.norms.cell_bias[j] += d_seen[j];
    }
    const Vector d_c_by_h = norm_backward(layer.norms.cell, step.c_norm, d_seen, sums.norms.cell);
    for (size_t j = 0; j < H; ++j) {
      const double d_c_new = (1 - step.keep_c[j]) * dc[j] + d_c_by_h[j];
      d_sum[j] = d_c_new * step.g[j] * step.i[j] * (1 - step.i[j]);
      d_sum[H + j] = d_c_new * step.c_prev[j] * step.f[j] * (1 - step.f[j]);
      d_sum[2 * H + j] = d_c_new * step.i[j] * (1 - step.g[j] * step.g[j]);
      dc_prev[j] = step.keep_c[j] * dc[j] + d_c_new * step.f[j];
    }
    for (double& d : d_sum) d = layer.stored(d);
    const Vector d_r = rounded(norm_backward(layer.norms.recurrent, step.h_norm, d_sum, sums.norms.recurrent),
                               layer.storage);
    for (size_t q = 0; q < 4 * H; ++q) {
      sums.db[q] += d_sum[q];
      result.d_input(step.token, q) = d_sum[q];
      for (size_t k = 0; k < H; ++k) {
        sums.dR(q, k) += d_r[q] * layer.stored(step.h_scale[k] * layer.stored(step.h_prev[k]));
        dh_prev[k] += d_r[q] * layer.R(q, k) * step.h_scale[k];
      }
    }
    dh = dh_prev;
    dc = dc_prev;
  }
  return result;
}

}  // namespace oracle
