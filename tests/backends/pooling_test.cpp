#include <gmock/gmock.h>

#include <cmath>

#include "tests/backends/cases.h"
#include "tests/backends/rig.h"
#include "tests/oracle/layers.h"

namespace sluice {
namespace {

class Pool : public BackendTest {};
INSTANTIATE_TEST_SUITE_P(, Pool, testing::ValuesIn(for_each_dtype_and_layout()), name_of_param);

const std::vector<std::vector<int>> kLengths = {{1},    {4, 4, 4},       {9, 7, 6, 4, 3, 1}, {5, 2, 0},
                                                {0, 0}, {1, 1, 1, 1, 1}, {50, 20, 20, 3}};

struct Pooled {
  Values y;     // [B,C]
  Ints argmax;  // [B,C] as rows of the batch
  Values dx;    // [N,C], what is added
};

// drop_last: the mutant that takes each sequence for one step shorter than it is.
Pooled pool_oracle(Pooling kind, const HostBatch& batch, size_t C, size_t directions, const Values& x,
                   const Values& dy, bool drop_last = false) {
  Pooled result;
  std::vector<Values> dx;
  const std::vector<Place> places = places_of(batch);
  const auto row_at = [&](size_t t, size_t b) {
    for (size_t r = 0; r < places.size(); ++r)
      if (places[r].t == t && places[r].b == b) return static_cast<int32_t>(r);
    return -1;
  };
  std::vector<Values> sequences = sequences_from_rows(batch, x, C);
  for (size_t b = 0; b < sequences.size(); ++b) {
    const size_t whole = sequences[b].size() / C, len = drop_last && whole > 0 ? whole - 1 : whole;
    sequences[b].resize(len * C);
    const oracle::Matrix one(len, C, sequences[b]);
    const Values one_dy(dy.begin() + static_cast<ptrdiff_t>(b * C),
                        dy.begin() + static_cast<ptrdiff_t>((b + 1) * C));
    const oracle::MaxPooled max = oracle::pool_max(one);
    const Values y = kind == Pooling::mean    ? oracle::pool_mean(one)
                     : kind == Pooling::sqrtn ? oracle::pool_sqrtn(one)
                     : kind == Pooling::max   ? max.y
                                              : oracle::pool_last(one, directions);
    oracle::Matrix back = kind == Pooling::mean    ? oracle::pool_mean_backward(len, one_dy)
                          : kind == Pooling::sqrtn ? oracle::pool_sqrtn_backward(len, one_dy)
                          : kind == Pooling::max   ? oracle::pool_max_backward(len, max.argmax, one_dy)
                                                   : oracle::pool_last_backward(len, directions, one_dy);
    back.values.resize(whole * C);
    result.y.insert(result.y.end(), y.begin(), y.end());
    for (int step : max.argmax) result.argmax.push_back(step < 0 ? -1 : row_at(static_cast<size_t>(step), b));
    dx.push_back(back.values);
  }
  result.dx = rows_from_sequences(batch, dx, C);
  return result;
}

struct PoolProblem {
  Pooling kind;
  int C, directions, ldy, column;
};

// Runs both verbs; `dx0` is what dx holds before. Columns of y outside the pooled ones must stay untouched.
Pooled run(Rig& rig, const HostBatch& host, const PoolProblem& p, const Values& x, const Values& dy,
           const Values& dx0) {
  const Batch batch = rig.upload(host);
  const int B = host.sequences;
  Values wide(static_cast<size_t>(B * p.ldy), 77), wide_dy(wide.size(), 1e4);
  for (int b = 0; b < B; ++b)
    for (int c = 0; c < p.C; ++c)
      wide_dy[static_cast<size_t>(b * p.ldy + p.column + c)] = dy[static_cast<size_t>(b * p.C + c)];
  PoolForward forward;
  forward.kind = p.kind;
  forward.batch = &batch;
  forward.directions = p.directions;
  forward.x = rig.in(x, {host.rows, p.C});
  forward.y = rig.inout(wide, {B, p.ldy});
  forward.column = p.column;
  if (p.kind == Pooling::max) forward.argmax = rig.out_as(DType::i32, {B, p.C});
  rig.backend().pool_forward(forward);
  const Tensor dx = rig.inout(dx0, {host.rows, p.C});
  rig.backend().pool_backward({forward, rig.in(wide_dy, {B, p.ldy}), dx});
  Pooled result;
  const Values y = rig.get(forward.y);
  for (size_t k = 0; k < y.size(); ++k) {
    const int c = static_cast<int>(k) % p.ldy - p.column;
    if (c >= 0 && c < p.C)
      result.y.push_back(y[k]);
    else
      EXPECT_EQ(y[k], 77) << "a column that is not pooled";
  }
  if (p.kind == Pooling::max) result.argmax = rig.get_ints(forward.argmax);
  result.dx = rig.get(dx);
  return result;
}

void compare_with_oracle(Backend& backend, DType dtype, Layout layout, const std::vector<int>& lengths,
                         const PoolProblem& p) {
  SCOPED_TRACE(testing::Message() << "lengths " << testing::PrintToString(lengths) << " kind "
                                  << static_cast<int>(p.kind) << " C " << p.C << " D " << p.directions);
  Rig rig(backend, dtype);
  const HostBatch host = ragged(lengths, layout);
  const auto C = static_cast<size_t>(p.C);
  Random random(5);
  Values x = random.reals(static_cast<size_t>(host.rows) * C, dtype);
  const Values dx0 = random.reals(x.size(), dtype);
  const Values dy = random.reals(static_cast<size_t>(host.sequences) * C, dtype);
  spoil_padding(host, x, C);
  const Pooled got = run(rig, host, p, x, dy, dx0);
  const Pooled want = pool_oracle(p.kind, host, C, static_cast<size_t>(p.directions), x, dy);
  const bool sums = p.kind == Pooling::mean || p.kind == Pooling::sqrtn;
  const Bound bound = sums ? tolerance::sum(dtype, host.steps) : tolerance::exact();
  EXPECT_TRUE(near(got.y, want.y, bound));
  if (p.kind == Pooling::max) {
    EXPECT_EQ(got.argmax, want.argmax);
  }
  Values got_dx = got.dx, want_dx = dx0;
  for (size_t k = 0; k < want_dx.size(); ++k) want_dx[k] += want.dx[k];
  for (double v : got_dx) EXPECT_TRUE(std::isfinite(v));
  clear_padding(host, got_dx, C);  // += leaves padding as it was, or clears it
  clear_padding(host, want_dx, C);
  EXPECT_TRUE(near(got_dx, want_dx,
                   tolerance::stored_as(dtype, {2 * tolerance::unit(dtype), 2 * tolerance::unit(dtype)})));
  if (host.tokens > 1 && C >= 17) {  // enough columns for some maximum to be the last step's
    const Pooled mutant = pool_oracle(p.kind, host, C, static_cast<size_t>(p.directions), x, dy, true);
    EXPECT_FALSE(near(got.y, mutant.y, bound)) << "a length off by one goes unseen";
  }
}

TEST_P(Pool, equals_the_oracle) {
  for (const auto& lengths : kLengths)
    for (Pooling kind : {Pooling::last, Pooling::mean, Pooling::max, Pooling::sqrtn})
      for (const auto& [C, directions] : {std::pair{1, 1}, {2, 2}, {17, 1}, {34, 2}, {66, 2}})
        compare_with_oracle(*backend_, dtype_, layout_, lengths, {kind, C, directions, C + 5, 3});
}

TEST_P(Pool, one_wide_output_without_other_columns) {
  compare_with_oracle(*backend_, dtype_, layout_, {6, 5, 2}, {Pooling::mean, 33, 1, 33, 0});
}

TEST_P(Pool, ties_go_to_the_earliest_step) {
  Rig rig(*backend_, dtype_);
  const HostBatch host = ragged({4, 3}, layout_);
  Values x(static_cast<size_t>(host.rows) * 2, 1.5);
  spoil_padding(host, x, 2);
  const Pooled got = run(rig, host, {Pooling::max, 2, 1, 2, 0}, x, {1, 2, 3, 4}, Values(x.size(), 0.0));
  EXPECT_THAT(got.argmax, testing::ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(Values(got.dx.begin(), got.dx.begin() + 4), testing::ElementsAre(1, 2, 3, 4));
}

TEST_P(Pool, all_negative_and_infinite_values) {
  Rig rig(*backend_, dtype_);
  const HostBatch host = ragged({2}, layout_);
  const double inf = HUGE_VAL;
  const Pooled got =
      run(rig, host, {Pooling::max, 3, 1, 3, 0}, {-5, -inf, -inf, -6, -inf, 2}, {1, 1, 1}, Values(6, 0.0));
  EXPECT_THAT(got.y, testing::ElementsAre(-5, -inf, 2));
  EXPECT_THAT(got.argmax, testing::ElementsAre(0, 0, 1));
}

TEST_P(Pool, nan_wins_the_maximum) {
  Rig rig(*backend_, dtype_);
  const HostBatch host = ragged({3}, layout_);
  const double nan = std::nan("");
  const Pooled got = run(rig, host, {Pooling::max, 3, 1, 3, 0}, {nan, 1, 1, 5, nan, 2, 9, 9, nan}, {1, 1, 1},
                         Values(9, 0.0));
  for (double v : got.y) EXPECT_TRUE(std::isnan(v));
  EXPECT_THAT(got.argmax, testing::ElementsAre(0, 1, 2));
}

// Small whole numbers: sums and divisions by powers of two are exact.
TEST_P(Pool, mean_of_whole_numbers_is_exact) {
  Rig rig(*backend_, dtype_);
  const HostBatch host = ragged({8, 4, 2, 1}, layout_);
  Values x = Random(6).whole(static_cast<size_t>(host.rows) * 5, -100, 100);
  const Values dy = Random(7).whole(20, -100, 100);
  spoil_padding(host, x, 5);
  Pooled got = run(rig, host, {Pooling::mean, 5, 1, 5, 0}, x, dy, Values(x.size(), 0.0));
  const Pooled want = pool_oracle(Pooling::mean, host, 5, 1, x, dy);
  EXPECT_TRUE(near(got.y, rounded_to(dtype_, want.y), tolerance::exact()));
  clear_padding(host, got.dx, 5);
  EXPECT_TRUE(near(got.dx, rounded_to(dtype_, want.dx), tolerance::exact()));
}

TEST_P(Pool, packed_and_padded_agree_to_the_bit) {
  const auto pooled = [&](Layout layout, Pooling kind) {
    Rig rig(*backend_, dtype_);
    const HostBatch host = ragged({9, 7, 3, 0}, layout);
    std::vector<Values> sequences;
    for (int32_t length : host.lengths)
      sequences.push_back(Random(8).reals(static_cast<size_t>(length) * 6, dtype_));
    const Values x = rows_from_sequences(host, sequences, 6, 999);
    return run(rig, host, {kind, 6, 2, 6, 0}, x, Random(9).reals(24, dtype_), Values(x.size(), 0.0)).y;
  };
  for (Pooling kind : {Pooling::last, Pooling::mean, Pooling::max, Pooling::sqrtn})
    EXPECT_TRUE(same_bits(pooled(Layout::packed, kind), pooled(Layout::padded, kind)));
}

}  // namespace
}  // namespace sluice
