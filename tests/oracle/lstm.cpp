#include "tests/oracle/lstm.h"

#include <cmath>

namespace oracle {
namespace {

double before_activation(const LstmLayer& layer, size_t gate_row, const Matrix& x, const LstmStep& step) {
  double of_input = 0, of_state = 0;
  for (size_t e = 0; e < x.cols; ++e) of_input += layer.W(gate_row, e) * x(step.token, e);
  for (size_t k = 0; k < step.h_prev.size(); ++k)
    of_state += layer.R(gate_row, k) * layer.stored(step.h_scale[k] * step.h_prev[k]);
  return layer.b[gate_row] + layer.stored(of_input) + of_state;
}

}  // namespace

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
    for (size_t j = 0; j < H; ++j) {
      const double i = logistic(before_activation(layer, j, x, step));
      const double f = logistic(before_activation(layer, H + j, x, step));
      const double g = std::tanh(before_activation(layer, 2 * H + j, x, step));
      const double o = logistic(before_activation(layer, 3 * H + j, x, step));
      const double c_new = f * step.c_prev[j] + i * g;
      step.i.push_back(layer.stored(i));
      step.f.push_back(layer.stored(f));
      step.g.push_back(layer.stored(g));
      step.o.push_back(layer.stored(o));
      step.c_new.push_back(step.f[j] * step.c_prev[j] + step.i[j] * step.g[j]);
      step.keep_h.push_back(kept_share(layer, layer.zoneout_hidden, layer.site + 1, step.token, row, j));
      step.keep_c.push_back(kept_share(layer, layer.zoneout_cell, layer.site + 2, step.token, row, j));
      const double h_new = o * std::tanh(c_new);
      run.hT[j] = step.keep_h[j] * step.h_prev[j] + (1 - step.keep_h[j]) * h_new;
      run.cT[j] = step.keep_c[j] * step.c_prev[j] + (1 - step.keep_c[j]) * c_new;
      run.y(step.token, j) = layer.stored(run.hT[j]);
    }
    run.steps.push_back(step);
  }
  return run;
}

LstmInputGradients lstm_backward(const LstmLayer& layer, const Matrix& x, const LstmRun& run,
                                 const Matrix& dy, const Vector& dhT, const Vector& dcT,
                                 LstmGradients& sums) {
  const size_t H = dhT.size();
  LstmInputGradients result{Matrix(x.rows, x.cols), dhT, dcT};
  Vector& dh = result.dh0;  // of the state after the step at hand, then of the state before it
  Vector& dc = result.dc0;
  for (size_t s = run.steps.size(); s-- > 0;) {
    const LstmStep& step = run.steps[s];
    Vector dpre(4 * H), dh_prev(H), dc_prev(H);
    for (size_t j = 0; j < H; ++j) {
      const double d_h = dh[j] + dy(step.token, j);
      const double d_h_new = (1 - step.keep_h[j]) * d_h;
      const double tanh_c = std::tanh(step.c_new[j]);
      const double d_c_new = (1 - step.keep_c[j]) * dc[j] + d_h_new * step.o[j] * (1 - tanh_c * tanh_c);
      dpre[j] = d_c_new * step.g[j] * step.i[j] * (1 - step.i[j]);
      dpre[H + j] = d_c_new * step.c_prev[j] * step.f[j] * (1 - step.f[j]);
      dpre[2 * H + j] = d_c_new * step.i[j] * (1 - step.g[j] * step.g[j]);
      dpre[3 * H + j] = d_h_new * tanh_c * step.o[j] * (1 - step.o[j]);
      dh_prev[j] = step.keep_h[j] * d_h;
      dc_prev[j] = step.keep_c[j] * dc[j] + d_c_new * step.f[j];
    }
    for (size_t q = 0; q < 4 * H; ++q) {
      dpre[q] = layer.stored(dpre[q]);
      sums.db[q] += dpre[q];
      for (size_t e = 0; e < x.cols; ++e) {
        sums.dW(q, e) += dpre[q] * x(step.token, e);
        result.dx(step.token, e) += dpre[q] * layer.W(q, e);
      }
      for (size_t k = 0; k < H; ++k) {
        sums.dR(q, k) += dpre[q] * layer.stored(step.h_scale[k] * layer.stored(step.h_prev[k]));
        dh_prev[k] += dpre[q] * layer.R(q, k) * step.h_scale[k];
      }
    }
    dh = dh_prev;
    dc = dc_prev;
  }
  return result;
}

}  // namespace oracle
