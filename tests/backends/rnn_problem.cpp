#include "tests/backends/rnn_problem.h"

#include <algorithm>
#include <cmath>

#include "kernels/cells/cells.h"

namespace sluice {
namespace {

size_t gates_of(const RnnShape& shape) {
  return unsigned_of(traits_of(shape.cell).gates);
}
size_t slots_of(const RnnShape& shape) {
  return unsigned_of(traits_of(shape.cell).saved);
}
bool has_cell_state(const RnnShape& shape) {
  return traits_of(shape.cell).states == 2;
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
  if (shape.layer_norm) {
    norms = {draw(D * G * H, 1), draw(D * G * H, 1), {}, {}};
    if (has_cell_state(shape)) norms.cell = draw(D * H, 1);
    if (has_cell_state(shape)) norms.cell_bias = draw(D * H, 1);
    dnorms0 = {draw(norms.input.size(), 1), draw(norms.input.size(), 1), draw(norms.cell.size(), 1),
               draw(norms.cell.size(), 1)};
  }
  spoil_padding(host, x, E, 5120);
  spoil_padding(host, dy, D * H);
}

void RnnProblem::use_distinct_inputs() {
  distinct_inputs = true;
  x = Random(99).reals(host.distinct.size() * unsigned_of(shape.input_size), shape.dtype);
}

bool path_takes(RnnPath path, const RnnShape& shape) {
  const bool library = path == RnnPath::onednn || path == RnnPath::cudnn, lstm = shape.cell == CellKind::lstm;
  if (shape.layer_norm && (library || path == RnnPath::persistent)) return false;
  if (path == RnnPath::persistent) return shape.dtype != DType::f64;
  if (!library) return true;
  if (shape.recurrent_dropout > 0 || shape.zoneout_hidden > 0 || shape.zoneout_cell > 0) return false;
  if (path == RnnPath::onednn) return lstm && shape.dtype == DType::f32;
  return shape.dtype != DType::f64 || shape.cudnn_algorithm == CudnnAlgorithm::standard;
}

RnnVerbs::RnnVerbs(Backend& backend, RnnPath path, const RnnProblem& p)
    : rig_(backend, p.shape.dtype), batch_(rig_.upload(p.host)) {
  const int64_t E = p.shape.input_size, H = p.shape.hidden_size, D = p.shape.directions, B = p.host.sequences,
                N = p.host.rows, G = traits_of(p.shape.cell).gates, S = traits_of(p.shape.cell).saved;
  const bool has_h = p.with_states, has_c = p.with_states && has_cell_state(p.shape);
  const MaxShape max{batch_.sequences + p.spare.sequences, batch_.steps + p.spare.steps,
                     batch_.rows + p.spare.rows, batch_.distinct + p.spare.distinct};
  const RnnBytes bytes = backend.rnn_bytes(p.shape, path, max);
  forward.shape = p.shape;
  forward.path = path;
  forward.step = p.step;
  forward.batch = &batch_;
  forward.x = rig_.in(p.x, {p.distinct_inputs ? batch_.distinct : N, E});
  if (p.distinct_inputs) forward.x_index = batch_.row_distinct;
  forward.W = rig_.in(p.W, {D, G * H, E});
  forward.R = rig_.in(p.R, {D, G * H, H});
  forward.b = rig_.in_acc(p.b, {D, S * H});
  // Null where the problem has none.
  const auto norms = [&](const NormValues& values, const auto& place) {
    const auto one = [&](const Values& v, int64_t columns) {
      return v.empty() ? Tensor() : place(v, {D, columns});
    };
    return RnnNorms{one(values.input, G * H), one(values.recurrent, G * H), one(values.cell, H),
                    one(values.cell_bias, H)};
  };
  forward.norms = norms(
      p.norms, [&](const Values& v, std::initializer_list<int64_t> dims) { return rig_.in_acc(v, dims); });
  forward.y = rig_.out({N, D * H});
  forward.saved = rig_.out_as(DType::u8, {static_cast<int64_t>(bytes.saved)});
  forward.scratch = rig_.out_as(DType::u8, {static_cast<int64_t>(bytes.scratch)});
  if (has_h) {
    forward.h0 = rig_.in_acc(p.h0, {D, B, H});
    forward.hT = rig_.out_acc({D, B, H});
  }
  if (has_c) {
    forward.c0 = rig_.in_acc(p.c0, {D, B, H});
    forward.cT = rig_.out_acc({D, B, H});
  }

  backward.forward = forward;
  backward.dy = rig_.in(p.dy, {N, D * H});
  if (p.with_dx) backward.dx = rig_.out({forward.x.dims[0], E});
  backward.dW = rig_.inout_acc(p.dW0, {D, G * H, E});
  backward.dR = rig_.inout_acc(p.dR0, {D, G * H, H});
  backward.db = rig_.inout_acc(p.db0, {D, S * H});
  backward.dnorms = norms(p.dnorms0, [&](const Values& v, std::initializer_list<int64_t> dims) {
    return rig_.inout_acc(v, dims);
  });
  if (has_h) {
    backward.dhT = rig_.in_acc(p.dhT, {D, B, H});
    backward.dh0 = rig_.out_acc({D, B, H});
  }
  if (has_c) {
    backward.dcT = rig_.in_acc(p.dcT, {D, B, H});
    backward.dc0 = rig_.out_acc({D, B, H});
  }
}

void RnnVerbs::read_forward(RnnResult& result) {
  result.y = rig_.get(forward.y);
  if (forward.hT) result.hT = rig_.get(forward.hT);
  if (forward.cT) result.cT = rig_.get(forward.cT);
}

void RnnVerbs::read_backward(RnnResult& result) {
  const auto read = [&](const Tensor& t) { return t ? rig_.get(t) : Values(); };
  result.dx = read(backward.dx);
  result.dW = read(backward.dW);
  result.dR = read(backward.dR);
  result.db = read(backward.db);
  const RnnNorms& d = backward.dnorms;
  result.dnorm_input = read(d.input);
  result.dnorm_recurrent = read(d.recurrent);
  result.dnorm_cell = read(d.cell);
  result.dnorm_cell_bias = read(d.cell_bias);
  result.dh0 = read(backward.dh0);
  result.dc0 = read(backward.dc0);
  result.saved = rig_.get_bytes(forward.saved);
  EXPECT_TRUE(same_bits(rig_.get(forward.y), result.y)) << "backward changed y";
}

RnnResult run(Backend& backend, RnnPath path, const RnnProblem& p) {
  RnnVerbs verbs(backend, path, p);
  RnnResult result;
  backend.rnn_forward(verbs.forward);
  verbs.read_forward(result);
  verbs.poison(verbs.forward.scratch);  // nothing may be left there for backward
  backend.rnn_backward(verbs.backward);
  verbs.read_backward(result);
  return result;
}

namespace {

tolerance::Activations activations_of(const RnnShape& shape) {
  if (shape.cudnn_algorithm != CudnnAlgorithm::standard) return tolerance::kCudnnPersistent;
  const double each = tolerance::activation_units(shape.dtype);
  return {each, each, each};
}

struct Bounds {
  Bound forward, backward, weights;
};
Bounds bounds_of(const RnnProblem& p) {
  const double T = p.host.steps, products = p.shape.input_size + p.shape.hidden_size;
  const DType type = p.shape.dtype;
  const tolerance::Activations a = activations_of(p.shape);
  return {tolerance::recurrence(type, T, products, a.values),
          tolerance::recurrence(type, T, 4 * products, a.gradients),
          tolerance::weight_gradient(type, T, 4 * products, p.host.tokens, a.weights)};
}

}  // namespace

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
  add("gain of W x", &RnnResult::dnorm_input, bounds.weights);
  add("gain of R h", &RnnResult::dnorm_recurrent, bounds.weights);
  add("gain of c", &RnnResult::dnorm_cell, bounds.weights);
  add("bias of c", &RnnResult::dnorm_cell_bias, bounds.weights);
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
  for (const auto& [name, member] : {std::pair{"y", &RnnResult::y},
                                     {"hT", &RnnResult::hT},
                                     {"cT", &RnnResult::cT},
                                     {"dx", &RnnResult::dx},
                                     {"dh0", &RnnResult::dh0},
                                     {"dc0", &RnnResult::dc0},
                                     {"dW", &RnnResult::dW},
                                     {"dR", &RnnResult::dR},
                                     {"db", &RnnResult::db},
                                     {"gain of W x", &RnnResult::dnorm_input},
                                     {"gain of R h", &RnnResult::dnorm_recurrent},
                                     {"gain of c", &RnnResult::dnorm_cell},
                                     {"bias of c", &RnnResult::dnorm_cell_bias}})
    EXPECT_TRUE(same_bits(got.*member, want.*member)) << name;
}

bool forward_is_near(const RnnResult& got, const RnnResult& want, const RnnProblem& problem) {
  return RnnComparison(problem).all_near(0, RnnComparison::kForward, got, want);
}

bool backward_is_near(const RnnResult& got, const RnnResult& want, const RnnProblem& problem) {
  const RnnComparison comparison(problem);
  return comparison.all_near(RnnComparison::kForward, comparison.members().size(), got, want);
}

}  // namespace sluice
