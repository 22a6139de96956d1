// Recurrent layers of every path against the oracle.
#include <gmock/gmock.h>

#include <cmath>

#include "tests/backends/cases.h"
#include "tests/backends/rnn_problem.h"

namespace sluice {
namespace {

class Rnn : public BackendTest {
 protected:
  RnnShape shape(int E, int H, int D) const {
    RnnShape s;
    s.cell = cell_;
    s.dtype = dtype_;
    s.input_size = E;
    s.hidden_size = H;
    s.directions = D;
    s.site = 11;
    s.cudnn_algorithm = GetParam().algorithm;
    return s;
  }
  // Zoneout of c, for cells that have one.
  double zoneout_cell(double p) const { return traits_of(cell_).states == 2 ? p : 0; }
  RnnProblem problem(const RnnShape& s, const std::vector<int>& lengths) const {
    return RnnProblem(s, lengths, layout_);
  }
  void check(const RnnProblem& p) {
    SCOPED_TRACE(testing::Message() << "lengths " << testing::PrintToString(p.host.lengths) << " E "
                                    << p.shape.input_size << " H " << p.shape.hidden_size << " D "
                                    << p.shape.directions << " states " << p.with_states);
    ASSERT_EQ(backend_->choose_path(path_, p.shape, nullptr), path_);
    expect_near(run(*backend_, path_, p), run_oracle(p), p);
  }
  RnnPath path_ = GetParam().path;
};
INSTANTIATE_TEST_SUITE_P(, Rnn, testing::ValuesIn(for_each_rnn_path()), name_of_param);

// The batches on which every further option is tried.
const std::vector<std::vector<int>> kFewLengths = {{1}, {9, 8, 6, 5, 3, 2, 1}, {6, 2, 0}, {0, 0}};

const std::vector<std::vector<int>> kLengths = {
    {1},       {6}, {4, 4, 4}, {9, 8, 6, 5, 3, 2, 1}, {6, 2, 0}, {3, 0, 0, 0}, {1, 1, 1, 1, 1},
    {0, 0, 0}, {0}, {12, 1},
};

// More sequences than any path takes at once.
std::vector<int> many_lengths() {
  std::vector<int> lengths;
  for (int b = 0; b < 53; ++b) lengths.push_back((b * 7) % 13);
  return lengths;
}

TEST_P(Rnn, equals_the_oracle_on_every_batch) {
  for (const auto& lengths : kLengths)
    for (int D : {1, 2}) check(problem(shape(3, 5, D), lengths));
}

TEST_P(Rnn, equals_the_oracle_at_every_size) {
  for (const auto& [E, H] : {std::pair{1, 1}, {1, 17}, {5, 1}, {7, 16}, {17, 5}, {4, 17}, {33, 33}, {16, 40}})
    check(problem(shape(E, H, 1 + H % 2), {5, 4, 4, 1, 0}));
}

TEST_P(Rnn, equals_the_oracle_without_states) {
  for (const auto& lengths : kFewLengths)
    for (int D : {1, 2}) {
      RnnProblem p = problem(shape(4, 17, D), lengths);
      p.with_states = false;
      check(p);
    }
}

TEST_P(Rnn, equals_the_oracle_on_many_sequences) {
  check(problem(shape(19, 33, 2), many_lengths()));
}

TEST_P(Rnn, long_sequences_stay_near_the_oracle) {
  check(problem(shape(3, 8, 2), {100, 60, 1}));
}

// Sums before activation up to some hundreds: sigmoids and tanh at their ends, where e^x over- and
// underflows. W x is one exact product, so that no sum passes through hundreds on its way to where a sigmoid
// has a slope: in whatever order it is formed, rounding stays small where it counts.
TEST_P(Rnn, saturated_gates_equal_the_oracle) {
  RnnProblem p = problem(shape(1, 17, 2), {7, 5, 1});
  for (double& w : p.W) w = std::round(w * 256);
  for (double& x : p.x) x = std::round(x * 16) / 16;
  check(p);
}

// Training stops on a loss that is not a number: no path may swallow what makes it one, nor hand it to
// others.
TEST_P(Rnn, nan_reaches_its_own_sequence_only) {
  const RnnProblem p = problem(shape(4, 17, 2), {7, 5, 3});
  std::vector<Values> xs = sequences_from_rows(p.host, p.x, 4);
  xs[1][2 * 4 + 1] = std::nan("");  // token 2 of sequence 1
  RnnProblem spoilt = p;
  spoilt.x = rows_from_sequences(p.host, xs, 4);
  const auto clean = sequences_from_rows(p.host, run(*backend_, path_, p).y, 34);
  const auto got = sequences_from_rows(p.host, run(*backend_, path_, spoilt).y, 34);
  EXPECT_TRUE(same_bits(got[0], clean[0]));
  EXPECT_TRUE(same_bits(got[2], clean[2]));
  for (size_t t = 0; t < 5; ++t)
    for (size_t j = 0; j < 34; ++j)
      EXPECT_EQ(std::isnan(got[1][t * 34 + j]), j < 17 ? t >= 2 : t <= 2) << "step " << t << " unit " << j;
}

TEST_P(Rnn, buffers_may_be_larger_than_the_batch) {
  RnnProblem p = problem(shape(5, 17, 2), {7, 5, 4, 1, 0});
  const RnnResult exact = run(*backend_, path_, p);
  p.spare = {3, 9, 40, 6};
  expect_same_bits(run(*backend_, path_, p), exact);
}

// A token budget allows many sequences or many steps, but not both: every batch within it must fit the same
// memory.
TEST_P(Rnn, every_batch_within_the_largest_shape_fits) {
  const MaxShape max{24, 60, 120, 7};
  std::vector<int> stairs;
  for (int length = 15; length > 0; --length) stairs.push_back(length);
  for (const auto& lengths :
       {stairs, std::vector<int>(24, 5), {60}, {60, 59, 1}, {40, 30, 20, 10, 9, 8, 3}, {0}}) {
    RnnProblem p = problem(shape(3, 5, 2), lengths);
    if (p.host.rows > max.rows) continue;  // padded, some of them need more
    p.spare = {max.sequences - p.host.sequences, max.steps - p.host.steps, max.rows - p.host.rows,
               max.distinct - static_cast<int>(p.host.distinct.size())};
    check(p);
  }
}

TEST_P(Rnn, gradient_of_the_input_may_be_left_out) {
  RnnProblem p = problem(shape(5, 17, 2), {7, 5, 4, 1, 0});
  RnnResult with = run(*backend_, path_, p);
  p.with_dx = false;
  with.dx.clear();
  expect_same_bits(run(*backend_, path_, p), with);
}

TEST_P(Rnn, evaluation_equals_training_without_regularisers) {
  RnnProblem p = problem(shape(5, 17, 2), {7, 5, 4, 1, 0});
  const RnnResult training = run(*backend_, path_, p);
  p.step.training = false;
  EXPECT_TRUE(same_bits(run(*backend_, path_, p).y, training.y));
}

// Distinct inputs.
TEST_P(Rnn, distinct_inputs_equal_the_oracle) {
  for (const auto& lengths : kFewLengths)
    for (int D : {1, 2}) {
      RnnProblem p = problem(shape(6, 5, D), lengths);
      p.use_distinct_inputs();
      check(p);
    }
}

TEST_P(Rnn, distinct_inputs_equal_expanded_ones) {
  RnnProblem p = problem(shape(6, 17, 2), {9, 7, 7, 2, 0});
  p.use_distinct_inputs();
  RnnProblem expanded = p;
  expanded.distinct_inputs = false;
  expanded.x.clear();
  for (int32_t u : p.host.row_distinct)
    expanded.x.insert(expanded.x.end(), p.x.begin() + u * 6, p.x.begin() + u * 6 + 6);
  const RnnResult a = run(*backend_, path_, p);
  RnnResult b = run(*backend_, path_, expanded);
  Values sums(p.x.size(), 0.0);
  const std::vector<Place> places = places_of(p.host);
  for (size_t r = 0; r < places.size(); ++r)
    for (size_t e = 0; e < 6 && places[r].valid; ++e)
      sums[static_cast<size_t>(p.host.row_distinct[r]) * 6 + e] += b.dx[r * 6 + e];
  b.dx = sums;
  expect_near(a, b, p);
}

TEST_P(Rnn, packed_and_padded_agree) {
  RnnProblem p = problem(shape(6, 17, 2), {9, 7, 7, 2, 0});
  RnnProblem other = p;
  other.host = ragged({9, 7, 7, 2, 0}, layout_ == Layout::packed ? Layout::padded : Layout::packed);
  other.x = rows_from_sequences(other.host, sequences_from_rows(p.host, p.x, 6), 6, 4321);
  other.dy = rows_from_sequences(other.host, sequences_from_rows(p.host, p.dy, 34), 34, std::nan(""));
  const RnnResult mine = run(*backend_, path_, p);
  RnnResult theirs = run(*backend_, path_, other);
  theirs.y = rows_from_sequences(p.host, sequences_from_rows(other.host, theirs.y, 34), 34);
  theirs.dx = rows_from_sequences(p.host, sequences_from_rows(other.host, theirs.dx, 6), 6);
  expect_near(mine, theirs, p);
  EXPECT_TRUE(forward_is_near(mine, theirs, p));
}

TEST_P(Rnn, paths_refuse_what_they_cannot_do) {
  std::string why;
  for (double RnnShape::*option :
       {&RnnShape::recurrent_dropout, &RnnShape::zoneout_hidden, &RnnShape::zoneout_cell}) {
    RnnShape s = shape(5, 17, 2);
    s.*option = 0.5;
    s.zoneout_cell = zoneout_cell(s.zoneout_cell);
    if (path_takes(path_, s)) {
      EXPECT_EQ(backend_->choose_path(path_, s, &why), path_);
    } else {
      EXPECT_THROW(backend_->choose_path(path_, s, &why), UserError);
    }
    const RnnPath chosen = backend_->choose_path(RnnPath::automatic, s, &why);
    EXPECT_NE(chosen, RnnPath::automatic);
    EXPECT_TRUE(path_takes(chosen, s));
  }
  RnnShape normed = shape(5, 17, 2);
  normed.layer_norm = true;
  if (!path_takes(path_, normed)) {
    EXPECT_THROW(backend_->choose_path(path_, normed, &why), UserError);
  }
}

class RnnRegularised : public Rnn {};
INSTANTIATE_TEST_SUITE_P(, RnnRegularised, testing::ValuesIn(for_each_regularised_path()), name_of_param);

TEST_P(RnnRegularised, recurrent_dropout_equals_the_oracle) {
  RnnShape s = shape(5, 17, 2);
  s.recurrent_dropout = 0.4;
  for (const auto& lengths : kFewLengths) check(problem(s, lengths));
  RnnProblem evaluation = problem(s, {5, 3});
  evaluation.step.training = false;
  check(evaluation);
}

TEST_P(RnnRegularised, zoneout_equals_the_oracle) {
  for (const auto& [hidden, cell] : {std::pair{0.3, 0.0}, {0.0, 0.5}, {0.2, 0.6}}) {
    RnnShape s = shape(5, 17, 2);
    s.zoneout_hidden = hidden;
    s.zoneout_cell = zoneout_cell(cell);
    for (bool training : {true, false})
      for (const auto& lengths : kFewLengths) {
        RnnProblem p = problem(s, lengths);
        p.step.training = training;
        check(p);
      }
  }
}

TEST_P(RnnRegularised, all_regularisers_together_equal_the_oracle) {
  RnnShape s = shape(7, 33, 2);
  s.recurrent_dropout = 0.25;
  s.zoneout_hidden = 0.1;
  s.zoneout_cell = zoneout_cell(0.4);
  RnnProblem p = problem(s, {9, 8, 6, 5, 3, 2, 1, 0});
  check(p);
  p.with_states = false;
  p.use_distinct_inputs();
  check(p);
  check(problem(s, many_lengths()));
}

class RnnNormed : public Rnn {};
INSTANTIATE_TEST_SUITE_P(, RnnNormed, testing::ValuesIn(for_each_normed_path()), name_of_param);

TEST_P(RnnNormed, equals_the_oracle) {
  for (const auto& lengths : kFewLengths)
    for (int D : {1, 2}) {
      RnnShape s = shape(4, 17, D);
      s.layer_norm = true;
      RnnProblem p = problem(s, lengths);
      check(p);
      p.with_states = false;
      p.use_distinct_inputs();
      check(p);
    }
}

// Rows in vectors, and rows longer than a block of threads takes at once. Of very few units or inputs
// the normalised values are all but the same whatever they were: little but rounding is left of their
// gradient.
TEST_P(RnnNormed, equals_the_oracle_at_every_size) {
  for (const auto& [E, H] : {std::pair{4, 5}, {7, 16}, {33, 40}, {3, 131}, {2, 520}}) {
    RnnShape s = shape(E, H, 1);
    s.layer_norm = true;
    check(problem(s, {3, 2, 0}));
  }
}

// Note [A state of zeros] in kernels/recurrence_step/recurrence_step.h. Powers of two cost no rounding.
TEST_P(RnnNormed, first_steps_do_not_overflow) {
  constexpr double kScale = 2048;
  RnnShape s = shape(4, 17, 2);
  s.layer_norm = true;
  RnnProblem p = problem(s, {6, 3, 1});
  p.with_states = false;
  RnnProblem scaled = p;
  const auto scale = [](Values& values, double by) {
    for (double& v : values) v *= by;
  };
  for (Values RnnProblem::*member : {&RnnProblem::dy, &RnnProblem::dW0, &RnnProblem::dR0, &RnnProblem::db0})
    scale(scaled.*member, kScale);
  for (Values NormValues::*member :
       {&NormValues::input, &NormValues::recurrent, &NormValues::cell, &NormValues::cell_bias})
    scale(scaled.dnorms0.*member, kScale);
  RnnResult got = run(*backend_, path_, scaled);
  for (Values RnnResult::*member :
       {&RnnResult::dx, &RnnResult::dW, &RnnResult::dR, &RnnResult::db, &RnnResult::dnorm_input,
        &RnnResult::dnorm_recurrent, &RnnResult::dnorm_cell, &RnnResult::dnorm_cell_bias})
    scale(got.*member, 1 / kScale);
  expect_near(got, run_oracle(p), p);
}

TEST_P(RnnNormed, with_all_regularisers_equals_the_oracle) {
  RnnShape s = shape(7, 33, 2);
  s.layer_norm = true;
  s.recurrent_dropout = 0.25;
  s.zoneout_hidden = 0.1;
  s.zoneout_cell = zoneout_cell(0.4);
  RnnProblem p = problem(s, {9, 8, 6, 5, 3, 2, 1, 0});
  check(p);
  p.step.training = false;
  p.use_distinct_inputs();
  check(p);
}

}  // namespace
}  // namespace sluice
