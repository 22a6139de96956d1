// Mutants of the oracle: each comparison must FAIL, which shows that the bounds of rnn_test.cpp bite.
#include "tests/backends/cases.h"
#include "tests/backends/rnn_problem.h"

namespace sluice {
namespace {

class RnnMutation : public BackendTest {
 protected:
  RnnProblem problem() const {
    RnnShape s;
    s.cell = cell_;
    s.dtype = dtype_;
    s.input_size = 5;
    s.hidden_size = 17;
    s.directions = 2;
    s.site = 11;
    s.cudnn_algorithm = GetParam().algorithm;
    return RnnProblem(s, {7, 5, 5, 1, 0}, layout_);
  }
  RnnPath path_ = GetParam().path;
};
INSTANTIATE_TEST_SUITE_P(, RnnMutation, testing::ValuesIn(for_each_rnn_path()), name_of_param);

// Exchanges gates q and r of every direction in [D,gates*H,columns].
void swap_gates(Values& values, size_t gates, size_t q, size_t r, size_t H, size_t columns) {
  const size_t gate = H * columns, direction = gates * gate;
  for (size_t d = 0; d * direction < values.size(); ++d)
    std::swap_ranges(values.begin() + static_cast<ptrdiff_t>(d * direction + q * gate),
                     values.begin() + static_cast<ptrdiff_t>(d * direction + (q + 1) * gate),
                     values.begin() + static_cast<ptrdiff_t>(d * direction + r * gate));
}

TEST_P(RnnMutation, unchanged_oracle_passes) {
  const RnnProblem p = problem();
  const RnnResult got = run(*backend_, path_, p), want = run_oracle(p);
  EXPECT_TRUE(forward_is_near(got, want, p));
  EXPECT_TRUE(backward_is_near(got, want, p));
}

TEST_P(RnnMutation, two_gates_swapped) {
  const RnnProblem p = problem();
  const RnnResult got = run(*backend_, path_, p);
  const auto gates = static_cast<size_t>(traits_of(cell_).gates),
             slots = static_cast<size_t>(traits_of(cell_).saved);
  for (const auto& [q, r] : {std::pair{0u, 1u}, {0u, 2u}, {0u, 3u}, {1u, 2u}, {1u, 3u}, {2u, 3u}}) {
    RnnProblem mutant = p;
    if (r < gates) swap_gates(mutant.W, gates, q, r, 17, 5);
    if (r < gates) swap_gates(mutant.R, gates, q, r, 17, 17);
    swap_gates(mutant.b, slots, q, r, 17, 1);
    EXPECT_FALSE(forward_is_near(got, run_oracle(mutant), p)) << q << " and " << r;
    EXPECT_FALSE(backward_is_near(got, run_oracle(mutant), p)) << q << " and " << r;
  }
}

TEST_P(RnnMutation, something_missing) {
  const RnnProblem p = problem();
  const RnnResult got = run(*backend_, path_, p);
  for (Values RnnProblem::*member : {&RnnProblem::b, &RnnProblem::h0, &RnnProblem::c0, &RnnProblem::x}) {
    RnnProblem mutant = p;
    if ((mutant.*member).empty()) continue;  // of another cell
    (mutant.*member).assign((mutant.*member).size(), 0.0);
    EXPECT_FALSE(forward_is_near(got, run_oracle(mutant), p));
  }
  for (Values RnnProblem::*member : {&RnnProblem::dhT, &RnnProblem::dcT, &RnnProblem::dy, &RnnProblem::dW0,
                                     &RnnProblem::dR0, &RnnProblem::db0}) {
    RnnProblem mutant = p;
    if ((mutant.*member).empty()) continue;
    (mutant.*member).assign((mutant.*member).size(), 0.0);
    EXPECT_FALSE(backward_is_near(got, run_oracle(mutant), p));
  }
}

TEST_P(RnnMutation, reverse_direction_off_by_one) {
  const RnnProblem p = problem();
  const RnnResult got = run(*backend_, path_, p), mutant = run_oracle(p, {.reverse_shift = true});
  EXPECT_FALSE(forward_is_near(got, mutant, p));
  EXPECT_FALSE(backward_is_near(got, mutant, p));
}

TEST_P(RnnMutation, length_off_by_one) {
  const RnnProblem p = problem();
  const RnnResult got = run(*backend_, path_, p);
  RnnProblem mutant = p;  // the last token of the longest sequence is never seen
  mutant.host.lengths[0] -= 1;
  mutant.host.steps -= 1;
  mutant.host.rows -= layout_ == Layout::packed ? 1 : mutant.host.sequences;
  mutant.x.resize(static_cast<size_t>(mutant.host.rows) * 5);
  mutant.dy.resize(static_cast<size_t>(mutant.host.rows) * 34);
  RnnResult want = run_oracle(mutant);
  want.y.resize(got.y.size(), 0.0);
  want.dx.resize(got.dx.size(), 0.0);
  EXPECT_FALSE(forward_is_near(got, want, p));
  EXPECT_FALSE(backward_is_near(got, want, p));
}

TEST_P(RnnMutation, one_weight_slightly_off) {
  const RnnProblem p = problem();
  const RnnResult got = run(*backend_, path_, p);
  RnnProblem mutant = p;
  // 2.4e-4 in f32, 5e-13 in f64; 0.5 in bf16, 0.06 in f16: of weights up to 0.5, seen by one unit of 17. By
  // cuDNN's persistent algorithms as many times more as their bound is wider.
  const double wider = p.shape.cudnn_algorithm == CudnnAlgorithm::standard
                           ? 1
                           : tolerance::kCudnnPersistent.values / tolerance::activation_units(dtype_);
  mutant.R[40] += 4096 * wider * tolerance::unit(dtype_) + 128 * tolerance::stored(dtype_);
  EXPECT_FALSE(forward_is_near(got, run_oracle(mutant), p));
}

class RnnNormMutation : public RnnMutation {};
INSTANTIATE_TEST_SUITE_P(, RnnNormMutation, testing::ValuesIn(for_each_normed_path()), name_of_param);

TEST_P(RnnNormMutation, a_gain_missing) {
  RnnShape s = problem().shape;
  s.layer_norm = true;
  const RnnProblem p(s, {7, 5, 5, 1, 0}, layout_);
  const RnnResult got = run(*backend_, path_, p);
  EXPECT_TRUE(forward_is_near(got, run_oracle(p), p));
  for (Values NormValues::*member :
       {&NormValues::input, &NormValues::recurrent, &NormValues::cell, &NormValues::cell_bias}) {
    RnnProblem mutant = p;
    if ((mutant.norms.*member).empty()) continue;
    (mutant.norms.*member).assign((mutant.norms.*member).size(), 1.0);
    EXPECT_FALSE(forward_is_near(got, run_oracle(mutant), p));
    mutant = p;
    (mutant.dnorms0.*member).assign((mutant.dnorms0.*member).size(), 0.0);
    EXPECT_FALSE(backward_is_near(got, run_oracle(mutant), p));
  }
}

class RnnMaskMutation : public RnnMutation {};
INSTANTIATE_TEST_SUITE_P(, RnnMaskMutation, testing::ValuesIn(for_each_regularised_path()), name_of_param);

TEST_P(RnnMaskMutation, masks_off_by_one) {
  RnnProblem p = problem();
  p.shape.recurrent_dropout = 0.3;
  p.shape.zoneout_hidden = 0.2;
  if (traits_of(cell_).states == 2) p.shape.zoneout_cell = 0.2;
  const RnnResult got = run(*backend_, path_, p);
  EXPECT_TRUE(forward_is_near(got, run_oracle(p), p));
  RnnProblem mutant = p;
  mutant.step.step += 1;
  EXPECT_FALSE(forward_is_near(got, run_oracle(mutant), p));
  mutant = p;
  mutant.shape.site += 1;
  EXPECT_FALSE(forward_is_near(got, run_oracle(mutant), p));
  mutant = p;
  mutant.step.seed += 1;
  EXPECT_FALSE(forward_is_near(got, run_oracle(mutant), p));
  mutant = p;
  mutant.step.training = false;
  EXPECT_FALSE(forward_is_near(got, run_oracle(mutant), p));
  for (double RnnShape::*option :
       {&RnnShape::recurrent_dropout, &RnnShape::zoneout_hidden, &RnnShape::zoneout_cell}) {
    mutant = p;
    if (mutant.shape.*option == 0) continue;
    mutant.shape.*option = 0;
    EXPECT_FALSE(forward_is_near(got, run_oracle(mutant), p));
  }
}

}  // namespace
}  // namespace sluice
