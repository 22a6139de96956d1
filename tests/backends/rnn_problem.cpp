#include "tests/backends/rnn_problem.h"

#include <algorithm>
#include <cmath>

#include "kernels/cells/cells.h"
#include "tests/oracle/gru.h"
#include "tests/oracle/lstm.h"

namespace sluice {
namespace {

size_t unsigned_of(int value) {
  return static_cast<size_t>(value);
}

void append(Values& to, const Values& from) {
  to.insert(to.end(), from.begin(), from.end());
}

size_t gates_of(const RnnShape& shape) {
  return unsigned_of(traits_of(shape.cell).gates);
}
size_t slots_of(const RnnShape& shape) {
  return unsigned_of(traits_of(shape.cell).saved);
}
bool has_cell_state(const RnnShape& shape) {
  return traits_of(shape.cell).states == 2;
}

Values slice(const Values& values, size_t index, size_t count) {
  const auto begin = values.begin() + static_cast<ptrdiff_t>(index * count);
  return Values(begin, begin + static_cast<ptrdiff_t>(count));
}

}  // namespace

RnnProblem::RnnProblem(const RnnShape& layer, const std::vector<int>& lengths, Layout layout, uint64_t seed)
    : shape(layer), host(ragged(lengths, layout, 7, seed)) {
  const size_t E = unsigned_of(shape.input_size), H = unsigned_of(shape.hidden_size),
               D = unsigned_of(shape.directions), B = unsigned_of(host.sequences), N = unsigned_of(host.rows),
               G = gates_of(shape);
  step = {true, 0x5eed0000beefull + seed, static_cast<uint32_t>(3 + seed)};
  Random random(seed);
  const auto draw = [&](size_t count, double size) { return random.reals(count, shape.dtype, -size, size); };
  x = draw(N * E, 1);
  W = draw(D * G * H * E, 2 / std::sqrt(static_cast<double>(E)));
  R = draw(D * G * H * H, 2 / std::sqrt(static_cast<double>(H)));
  b = draw(D * slots_of(shape) * H, 1);
  h0 = draw(D * B * H, 1);
  if (has_cell_state(shape)) c0 = draw(D * B * H, 1);
  dy = draw(N * D * H, 1);
  dhT = draw(D * B * H, 1);
  if (has_cell_state(shape)) dcT = draw(D * B * H, 1);
  dW0 = draw(W.size(), 1);
  dR0 = draw(R.size(), 1);
  db0 = draw(b.size(), 1);
  spoil_padding(host, x, E, 5120);
  spoil_padding(host, dy, D * H);
}

void RnnProblem::use_distinct_inputs() {
  distinct_inputs = true;
  x = Random(99).reals(host.distinct.size() * unsigned_of(shape.input_size), shape.dtype);
}

bool path_takes(RnnPath path, const RnnShape& shape) {
  if (path != RnnPath::onednn && path != RnnPath::cudnn) return true;
  if (shape.recurrent_dropout > 0 || shape.zoneout_hidden > 0 || shape.zoneout_cell > 0) return false;
  if (path == RnnPath::onednn) return shape.cell == CellKind::lstm && shape.dtype == DType::f32;
  const bool f64 = shape.cudnn_algorithm == CudnnAlgorithm::standard;
  return shape.dtype == DType::f32 || (f64 && shape.dtype == DType::f64);
}

RnnResult run(Backend& backend, RnnPath path, const RnnProblem& p) {
  Rig rig(backend, p.shape.dtype);
  const int64_t E = p.shape.input_size, H = p.shape.hidden_size, D = p.shape.directions, B = p.host.sequences,
                N = p.host.rows, G = traits_of(p.shape.cell).gates, S = traits_of(p.shape.cell).saved;
  const bool has_h = p.with_states, has_c = p.with_states && has_cell_state(p.shape);
  const Batch batch = rig.upload(p.host);
  const MaxShape max{batch.sequences + p.spare.sequences, batch.steps + p.spare.steps,
                     batch.rows + p.spare.rows, batch.distinct + p.spare.distinct};
  const RnnBytes bytes = backend.rnn_bytes(p.shape, path, max);
  RnnForward forward;
  forward.shape = p.shape;
  forward.path = path;
  forward.step = p.step;
  forward.batch = &batch;
  forward.x = rig.in(p.x, {p.distinct_inputs ? batch.distinct : N, E});
  if (p.distinct_inputs) forward.x_index = batch.row_distinct;
  forward.W = rig.in(p.W, {D, G * H, E});
  forward.R = rig.in(p.R, {D, G * H, H});
  forward.b = rig.in_acc(p.b, {D, S * H});
  forward.y = rig.out({N, D * H});
  forward.saved = rig.out_as(DType::u8, {static_cast<int64_t>(bytes.saved)});
  forward.scratch = rig.out_as(DType::u8, {static_cast<int64_t>(bytes.scratch)});
  if (has_h) {
    forward.h0 = rig.in_acc(p.h0, {D, B, H});
    forward.hT = rig.out_acc({D, B, H});
  }
  if (has_c) {
    forward.c0 = rig.in_acc(p.c0, {D, B, H});
    forward.cT = rig.out_acc({D, B, H});
  }
  backend.rnn_forward(forward);
  RnnResult result;
  result.y = rig.get(forward.y);
  if (has_h) result.hT = rig.get(forward.hT);
  if (has_c) result.cT = rig.get(forward.cT);

  rig.poison(forward.scratch);  // nothing may be left there for backward
  RnnBackward backward;
  backward.forward = forward;
  backward.dy = rig.in(p.dy, {N, D * H});
  if (p.with_dx) backward.dx = rig.out({forward.x.dims[0], E});
  backward.dW = rig.inout_acc(p.dW0, {D, G * H, E});
  backward.dR = rig.inout_acc(p.dR0, {D, G * H, H});
  backward.db = rig.inout_acc(p.db0, {D, S * H});
  if (has_h) {
    backward.dhT = rig.in_acc(p.dhT, {D, B, H});
    backward.dh0 = rig.out_acc({D, B, H});
  }
  if (has_c) {
    backward.dcT = rig.in_acc(p.dcT, {D, B, H});
    backward.dc0 = rig.out_acc({D, B, H});
  }
  backend.rnn_backward(backward);
  if (p.with_dx) result.dx = rig.get(backward.dx);
  result.dW = rig.get(backward.dW);
  result.dR = rig.get(backward.dR);
  result.db = rig.get(backward.db);
  if (has_h) result.dh0 = rig.get(backward.dh0);
  if (has_c) result.dc0 = rig.get(backward.dc0);
  EXPECT_TRUE(same_bits(rig.get(forward.y), result.y)) << "backward changed y";
  return result;
}

namespace {

// The oracle's problem, one direction and one sequence at a time.
class OracleRun {
 public:
  OracleRun(const RnnProblem& p, RnnMutant mutant, const oracle::Format& storage)
      : p_(p), mutant_(mutant), storage_(storage) {}

  RnnResult run() {
    xs_ = sequences_from_rows(p_.host, input_rows(), E);
    dys_ = sequences_from_rows(p_.host, p_.dy, D * H);
    ys_.resize(B);
    dxs_.resize(B);
    for (size_t s = 0; s < B; ++s) {
      ys_[s].assign(xs_[s].size() / E * D * H, 0.0);
      dxs_[s].assign(xs_[s].size(), 0.0);
    }
    for (size_t d = 0; d < D; ++d) run_direction(d);
    result_.y = rows_from_sequences(p_.host, ys_, D * H);
    const Values dx = rows_from_sequences(p_.host, dxs_, E);
    if (p_.with_dx) result_.dx = oracle::rounded(p_.distinct_inputs ? summed_by_distinct(dx) : dx, storage_);
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

  Values summed_by_distinct(const Values& dx) const {
    Values sums(p_.x.size(), 0.0);
    const std::vector<Place> places = places_of(p_.host);
    for (size_t r = 0; r < places.size(); ++r)
      for (size_t e = 0; e < E && places[r].valid; ++e)
        sums[static_cast<size_t>(p_.host.row_distinct[r]) * E + e] += dx[r * E + e];
    return sums;
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

  // Directions add up in what dx is stored in; distinct inputs are added up first.
  void add_dx(size_t s, const oracle::Matrix& dx) {
    const oracle::Format& format = p_.distinct_inputs ? oracle::kExact : storage_;
    for (size_t k = 0; k < dxs_[s].size(); ++k)
      dxs_[s][k] = oracle::rounded(dxs_[s][k] + dx.values[k], format);
  }

  void run_lstm(size_t d) {
    oracle::LstmLayer layer;
    set_up(d, layer);
    layer.W = oracle::Matrix(4 * H, E, slice(p_.W, d, 4 * H * E));
    layer.R = oracle::Matrix(4 * H, H, slice(p_.R, d, 4 * H * H));
    layer.b = slice(p_.b, d, 4 * H);
    oracle::LstmGradients sums{{4 * H, E, slice(p_.dW0, d, 4 * H * E)},
                               {4 * H, H, slice(p_.dR0, d, 4 * H * H)},
                               slice(p_.db0, d, 4 * H)};
    for (size_t s = 0; s < B; ++s) {
      const oracle::Matrix x = input(d, s);
      const oracle::LstmRun run = oracle::lstm_forward(layer, x, state(p_.h0, d, s), state(p_.c0, d, s), s);
      const oracle::LstmInputGradients g = oracle::lstm_backward(
          layer, x, run, exchange(d, s, run.y), state(p_.dhT, d, s), state(p_.dcT, d, s), sums);
      add_dx(s, g.dx);
      append(result_.hT, run.hT);
      append(result_.cT, run.cT);
      append(result_.dh0, g.dh0);
      append(result_.dc0, g.dc0);
    }
    append(result_.dW, sums.dW.values);
    append(result_.dR, sums.dR.values);
    append(result_.db, sums.db);
  }

  // W holds n r z, R holds r z n, b holds n r z and that of R's n; the oracle has r z n everywhere.
  void run_gru(size_t d) {
    oracle::GruLayer layer;
    set_up(d, layer);
    layer.W = oracle::Matrix(3 * H, E, blocks(p_.W, d, 3, E, {1, 2, 0}));
    layer.R = oracle::Matrix(3 * H, H, slice(p_.R, d, 3 * H * H));
    layer.b = blocks(p_.b, d, 4, 1, {1, 2, 0});
    layer.b_new = blocks(p_.b, d, 4, 1, {3});
    oracle::GruGradients sums{{3 * H, E, blocks(p_.dW0, d, 3, E, {1, 2, 0})},
                              {3 * H, H, slice(p_.dR0, d, 3 * H * H)},
                              blocks(p_.db0, d, 4, 1, {1, 2, 0}),
                              blocks(p_.db0, d, 4, 1, {3})};
    for (size_t s = 0; s < B; ++s) {
      const oracle::Matrix x = input(d, s);
      const oracle::GruRun run = oracle::gru_forward(layer, x, state(p_.h0, d, s), s);
      const oracle::GruInputGradients g =
          oracle::gru_backward(layer, x, run, exchange(d, s, run.y), state(p_.dhT, d, s), sums);
      add_dx(s, g.dx);
      append(result_.hT, run.hT);
      append(result_.dh0, g.dh0);
    }
    append(result_.dW, blocks(sums.dW.values, 0, 3, E, {2, 0, 1}));
    append(result_.dR, sums.dR.values);
    append(result_.db, blocks(sums.db, 0, 3, 1, {2, 0, 1}));
    append(result_.db, sums.db_new);
  }

  const RnnProblem& p_;
  RnnMutant mutant_;
  const oracle::Format storage_;
  const size_t E = unsigned_of(p_.shape.input_size), H = unsigned_of(p_.shape.hidden_size),
               D = unsigned_of(p_.shape.directions), B = unsigned_of(p_.host.sequences);
  std::vector<Values> xs_, dys_, ys_, dxs_;  // by sequence
  RnnResult result_;
};

struct Bounds {
  Bound forward, backward, weights;
};
Bounds bounds_of(const RnnProblem& p) {
  const double T = p.host.steps, products = p.shape.input_size + p.shape.hidden_size;
  return {tolerance::recurrence(p.shape.dtype, T, products),
          tolerance::recurrence(p.shape.dtype, T, 4 * products),
          tolerance::weight_gradient(p.shape.dtype, T, 4 * products, p.host.tokens)};
}

}  // namespace

RnnResult run_oracle(const RnnProblem& problem, RnnMutant mutant) {
  return OracleRun(problem, mutant, oracle::kExact).run();
}

RnnResult run_rounded_oracle(const RnnProblem& problem) {
  return OracleRun(problem, {}, format_of(problem.shape.dtype)).run();
}

RnnComparison::RnnComparison(const RnnProblem& p) {
  const Bounds bounds = bounds_of(p);
  const auto add = [&](const char* name, Values RnnResult::*member, Bound bound) {
    members_.push_back({.name = name, .member = member, .bound = bound});
  };
  add("y", &RnnResult::y, bounds.forward);
  add("hT", &RnnResult::hT, bounds.forward);
  add("cT", &RnnResult::cT, bounds.forward);
  add("dx", &RnnResult::dx, bounds.backward);
  add("dh0", &RnnResult::dh0, bounds.backward);
  add("dc0", &RnnResult::dc0, bounds.backward);
  add("dW", &RnnResult::dW, bounds.weights);
  add("dR", &RnnResult::dR, bounds.weights);
  add("db", &RnnResult::db, bounds.weights);
  if (!is_half(p.shape.dtype)) return;
  const RnnResult exact = run_oracle(p), rounded = run_rounded_oracle(p);
  for (Member& m : members_)
    m.error = tolerance::rounded_reference(p.shape.dtype, rounded.*m.member, exact.*m.member);
}

testing::AssertionResult RnnComparison::near(const Member& m, const RnnResult& got,
                                             const RnnResult& want) const {
  return m.error ? near_as_a_whole(got.*m.member, want.*m.member, *m.error)
                 : sluice::near(got.*m.member, want.*m.member, m.bound);
}

bool RnnComparison::all_near(size_t begin, size_t end, const RnnResult& got, const RnnResult& want) const {
  return std::all_of(members_.begin() + static_cast<ptrdiff_t>(begin),
                     members_.begin() + static_cast<ptrdiff_t>(end),
                     [&](const Member& m) { return near(m, got, want); });
}

void expect_near(const RnnResult& got, const RnnResult& want, const RnnProblem& problem) {
  const RnnComparison comparison(problem);
  for (const RnnComparison::Member& m : comparison.members())
    EXPECT_TRUE(comparison.near(m, got, want)) << m.name;
}

void expect_same_bits(const RnnResult& got, const RnnResult& want) {
  EXPECT_TRUE(same_bits(got.y, want.y)) << "y";
  EXPECT_TRUE(same_bits(got.hT, want.hT)) << "hT";
  EXPECT_TRUE(same_bits(got.cT, want.cT)) << "cT";
  EXPECT_TRUE(same_bits(got.dx, want.dx)) << "dx";
  EXPECT_TRUE(same_bits(got.dh0, want.dh0)) << "dh0";
  EXPECT_TRUE(same_bits(got.dc0, want.dc0)) << "dc0";
  EXPECT_TRUE(same_bits(got.dW, want.dW)) << "dW";
  EXPECT_TRUE(same_bits(got.dR, want.dR)) << "dR";
  EXPECT_TRUE(same_bits(got.db, want.db)) << "db";
}

bool forward_is_near(const RnnResult& got, const RnnResult& want, const RnnProblem& problem) {
  return RnnComparison(problem).all_near(0, RnnComparison::kForward, got, want);
}

bool backward_is_near(const RnnResult& got, const RnnResult& want, const RnnProblem& problem) {
  const RnnComparison comparison(problem);
  return comparison.all_near(RnnComparison::kForward, comparison.members().size(), got, want);
}

}  // namespace sluice
