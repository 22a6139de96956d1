// The oracle's run of a recurrent layer's pass.
#include "tests/backends/rnn_problem.h"
#include "tests/oracle/gru.h"
#include "tests/oracle/lstm.h"

namespace sluice {
namespace {

void append(Values& to, const Values& from) {
  to.insert(to.end(), from.begin(), from.end());
}

Values slice(const Values& values, size_t index, size_t count) {
  const auto begin = values.begin() + static_cast<ptrdiff_t>(index * count);
  return Values(begin, begin + static_cast<ptrdiff_t>(count));
}

// The oracle's problem, one direction and one sequence at a time.
class OracleRun {
 public:
  OracleRun(const RnnProblem& p, RnnMutant mutant, const oracle::Format& storage)
      : p_(p), mutant_(mutant), storage_(storage) {}

  RnnResult run() {
    xs_ = sequences_from_rows(p_.host, input_rows(), E);
    dys_ = sequences_from_rows(p_.host, p_.dy, D * H);
    distinct_ =
        sequences_from_rows(p_.host, Values(p_.host.row_distinct.begin(), p_.host.row_distinct.end()), 1);
    ys_.resize(B);
    dxs_.resize(B);
    for (size_t s = 0; s < B; ++s) {
      ys_[s].assign(xs_[s].size() / E * D * H, 0.0);
      dxs_[s].assign(xs_[s].size(), 0.0);
    }
    if (p_.distinct_inputs) result_.dx.assign(p_.x.size(), 0.0);
    for (size_t d = 0; d < D; ++d) run_direction(d);
    result_.y = rows_from_sequences(p_.host, ys_, D * H);
    if (!p_.distinct_inputs) result_.dx = rows_from_sequences(p_.host, dxs_, E);
    if (!p_.with_dx) result_.dx = {};
    if (!p_.with_states) result_.hT = result_.cT = result_.dh0 = result_.dc0 = {};
    return result_;
  }

 private:
  Values input_rows() const {
    if (!p_.distinct_inputs) return p_.x;
    Values rows;
    for (int32_t u : p_.host.row_distinct)
      for (size_t e = 0; e < E; ++e) rows.push_back(p_.x[static_cast<size_t>(u) * E + e]);
    return rows;
  }

  // What every cell's layer has in common.
  void set_up(size_t d, oracle::Recurrent& layer) const {
    layer.storage = storage_;
    layer.reverse = d == 1;
    layer.training = p_.step.training;
    layer.recurrent_dropout = p_.shape.recurrent_dropout;
    layer.zoneout_hidden = p_.shape.zoneout_hidden;
    layer.zoneout_cell = p_.shape.zoneout_cell;
    layer.seed = p_.step.seed;
    layer.step = p_.step.step;
    layer.site = p_.shape.site + 3 * static_cast<uint32_t>(d);
  }

  // Direction d, or nothing of nothing.
  static Values half(const Values& all, size_t d, size_t count) {
    return all.empty() ? Values() : slice(all, d, count);
  }

  // Direction d of [D,count*H,columns], its blocks of H rows in the order given.
  Values blocks(const Values& all, size_t d, size_t count, size_t columns,
                std::initializer_list<size_t> order) const {
    const Values one = slice(all, d, count * H * columns);
    Values result;
    for (const size_t block : order) append(result, slice(one, block, H * columns));
    return result;
  }

  Values state(const Values& all, size_t d, size_t s) const {
    return p_.with_states ? slice(all, d * B + s, H) : Values(H, 0.0);
  }

  void run_direction(size_t d) {
    if (p_.shape.cell == CellKind::gru)
      run_gru(d);
    else
      run_lstm(d);
  }

  // The input of sequence s as direction d sees it.
  oracle::Matrix input(size_t d, size_t s) const {
    oracle::Matrix x(xs_[s].size() / E, E, xs_[s]);
    if (mutant_.reverse_shift && d == 1 && x.rows > 1)  // token len-2 stands where the last one should
      for (size_t e = 0; e < E; ++e) x(x.rows - 1, e) = x(x.rows - 2, e);
    return x;
  }

  // Keeps y [len,H] of a sequence; returns its half of dy.
  oracle::Matrix exchange(size_t d, size_t s, const oracle::Matrix& y) {
    oracle::Matrix dy(y.rows, H);
    for (size_t t = 0; t < y.rows; ++t)
      for (size_t j = 0; j < H; ++j) {
        ys_[s][(t * D + d) * H + j] = y(t, j);
        dy(t, j) = dys_[s][(t * D + d) * H + j];
      }
    return dy;
  }

  // Directions add up in what dx is stored in.
  void add_dx(Values& sum, const oracle::Matrix& dx) const {
    for (size_t k = 0; k < sum.size(); ++k) sum[k] = oracle::rounded(sum[k] + dx.values[k], storage_);
  }

  // Takes the gradients d of sequence s to its inputs, or adds them up by distinct input for end_inputs().
  template <class Layer, class Sums>
  void take_inputs(size_t s, const Layer& layer, const oracle::Matrix& x, const oracle::Matrix& d,
                   Sums& sums) {
    if (!p_.distinct_inputs)
      return add_dx(dxs_[s], input_backward(layer, layer.W, x, d, sums.dW, sums.norms.input));
    for (size_t t = 0; t < d.rows; ++t)
      for (size_t q = 0; q < d.cols; ++q) d_distinct_(static_cast<size_t>(distinct_[s][t]), q) += d(t, q);
  }
  template <class Layer, class Sums>
  void end_inputs(const Layer& layer, Sums& sums) {
    if (!p_.distinct_inputs) return;
    const oracle::Matrix x(p_.x.size() / E, E, p_.x);
    d_distinct_.values = oracle::rounded(d_distinct_.values, storage_);
    add_dx(result_.dx, input_backward(layer, layer.W, x, d_distinct_, sums.dW, sums.norms.input));
  }

  void run_lstm(size_t d) {
    oracle::LstmLayer layer;
    set_up(d, layer);
    layer.W = oracle::Matrix(4 * H, E, slice(p_.W, d, 4 * H * E));
    layer.R = oracle::Matrix(4 * H, H, slice(p_.R, d, 4 * H * H));
    layer.b = slice(p_.b, d, 4 * H);
    const auto norms = [&](const NormValues& n) {
      return oracle::Norms{half(n.input, d, 4 * H), half(n.recurrent, d, 4 * H), half(n.cell, d, H),
                           half(n.cell_bias, d, H)};
    };
    layer.norms = norms(p_.norms);
    oracle::LstmGradients sums{{4 * H, E, slice(p_.dW0, d, 4 * H * E)},
                               {4 * H, H, slice(p_.dR0, d, 4 * H * H)},
                               slice(p_.db0, d, 4 * H),
                               norms(p_.dnorms0)};
    d_distinct_ = oracle::Matrix(p_.x.size() / E, 4 * H);
    for (size_t s = 0; s < B; ++s) {
      const oracle::Matrix x = input(d, s);
      const oracle::LstmRun run = oracle::lstm_forward(layer, x, state(p_.h0, d, s), state(p_.c0, d, s), s);
      const oracle::LstmInputGradients g = oracle::lstm_backward(
          layer, run, exchange(d, s, run.y), state(p_.dhT, d, s), state(p_.dcT, d, s), sums);
      take_inputs(s, layer, x, g.d_input, sums);
      append(result_.hT, run.hT);
      append(result_.cT, run.cT);
      append(result_.dh0, g.dh0);
      append(result_.dc0, g.dc0);
    }
    end_inputs(layer, sums);
    append(result_.dW, sums.dW.values);
    append(result_.dR, sums.dR.values);
    append(result_.db, sums.db);
    append(result_.dnorm_input, sums.norms.input);
    append(result_.dnorm_recurrent, sums.norms.recurrent);
    append(result_.dnorm_cell, sums.norms.cell);
    append(result_.dnorm_cell_bias, sums.norms.cell_bias);
  }

  // W holds n r z, R holds r z n, b holds n r z and that of R's n; the oracle has r z n everywhere.
  void run_gru(size_t d) {
    oracle::GruLayer layer;
    set_up(d, layer);
    layer.W = oracle::Matrix(3 * H, E, blocks(p_.W, d, 3, E, {1, 2, 0}));
    layer.R = oracle::Matrix(3 * H, H, slice(p_.R, d, 3 * H * H));
    layer.b = blocks(p_.b, d, 4, 1, {1, 2, 0});
    layer.b_new = blocks(p_.b, d, 4, 1, {3});
    const auto norms = [&](const NormValues& n) {
      if (n.input.empty()) return oracle::Norms{};
      return oracle::Norms{blocks(n.input, d, 3, 1, {1, 2, 0}), half(n.recurrent, d, 3 * H), {}, {}};
    };
    layer.norms = norms(p_.norms);
    oracle::GruGradients sums{{3 * H, E, blocks(p_.dW0, d, 3, E, {1, 2, 0})},
                              {3 * H, H, slice(p_.dR0, d, 3 * H * H)},
                              blocks(p_.db0, d, 4, 1, {1, 2, 0}),
                              blocks(p_.db0, d, 4, 1, {3}),
                              norms(p_.dnorms0)};
    d_distinct_ = oracle::Matrix(p_.x.size() / E, 3 * H);
    for (size_t s = 0; s < B; ++s) {
      const oracle::Matrix x = input(d, s);
      const oracle::GruRun run = oracle::gru_forward(layer, x, state(p_.h0, d, s), s);
      const oracle::GruInputGradients g =
          oracle::gru_backward(layer, run, exchange(d, s, run.y), state(p_.dhT, d, s), sums);
      take_inputs(s, layer, x, g.d_input, sums);
      append(result_.hT, run.hT);
      append(result_.dh0, g.dh0);
    }
    end_inputs(layer, sums);
    append(result_.dW, blocks(sums.dW.values, 0, 3, E, {2, 0, 1}));
    append(result_.dR, sums.dR.values);
    append(result_.db, blocks(sums.db, 0, 3, 1, {2, 0, 1}));
    append(result_.db, sums.db_new);
    if (!p_.shape.layer_norm) return;
    append(result_.dnorm_input, blocks(sums.norms.input, 0, 3, 1, {2, 0, 1}));
    append(result_.dnorm_recurrent, sums.norms.recurrent);
  }

  const RnnProblem& p_;
  RnnMutant mutant_;
  const oracle::Format storage_;
  const size_t E = unsigned_of(p_.shape.input_size), H = unsigned_of(p_.shape.hidden_size),
               D = unsigned_of(p_.shape.directions), B = unsigned_of(p_.host.sequences);
  std::vector<Values> xs_, distinct_, dys_, ys_, dxs_;  // by sequence; distinct_: numbers of distinct inputs
  oracle::Matrix d_distinct_;                           // [U,G*H] of a direction
  RnnResult result_;
};

}  // namespace

RnnResult run_oracle(const RnnProblem& problem, RnnMutant mutant) {
  return OracleRun(problem, mutant, oracle::kExact).run();
}

RnnResult run_rounded_oracle(const RnnProblem& problem) {
  return OracleRun(problem, {}, format_of(problem.shape.dtype)).run();
}

}  // namespace sluice
