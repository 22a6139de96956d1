#include <gmock/gmock.h>

#include <cmath>

#include "tests/backends/cases.h"
#include "tests/backends/rig.h"
#include "tests/oracle/layers.h"

namespace sluice {
namespace {

class DropoutTest : public BackendTest {};
INSTANTIATE_TEST_SUITE_P(, DropoutTest, testing::ValuesIn(for_each_dtype_and_layout()), name_of_param);

// Rows by their place in the batch when there is one, else (r, 0).
Values dropout_oracle(const HostBatch& host, bool with_batch, size_t C, double p, const Values& x,
                      const oracle::DropoutPlace& masks) {
  Values result;
  const std::vector<Place> places = places_of(host);
  for (size_t r = 0; r < places.size(); ++r) {
    oracle::DropoutPlace place = masks;
    place.t = with_batch ? static_cast<uint32_t>(places[r].t) : 0;
    place.row = static_cast<uint32_t>(with_batch ? places[r].b : r);
    const auto begin = x.begin() + static_cast<ptrdiff_t>(r * C);
    Values y = oracle::dropout(Values(begin, begin + static_cast<ptrdiff_t>(C)), p, place);
    if (with_batch && !places[r].valid) y.assign(C, 0.0);
    result.insert(result.end(), y.begin(), y.end());
  }
  return result;
}

Values pattern(const Values& y) {
  Values result;
  for (double v : y) result.push_back(v != 0);
  return result;
}

constexpr oracle::DropoutPlace kMasks{0xfeedface12345678ull, 77, 9, 0, 0};
constexpr MaskStream kStream{0xfeedface12345678ull, 77, 9};

TEST_P(DropoutTest, equals_the_oracle_with_masks_to_the_bit) {
  for (const auto& lengths : std::vector<std::vector<int>>{{1}, {5, 3, 0}, {0}, {30, 22, 9, 9, 1}})
    for (int C : {1, 3, 17, 64, 130})
      for (bool with_batch : {true, false})
        for (double p : {0.0, 0.1, 0.5, 0.9}) {
          SCOPED_TRACE(testing::Message() << testing::PrintToString(lengths) << " C " << C << " p " << p
                                          << " batch " << with_batch);
          Rig rig(*backend_, dtype_);
          const HostBatch host = ragged(lengths, layout_);
          const Batch batch = rig.upload(host);
          Values x = Random(2).reals(static_cast<size_t>(host.rows * C), dtype_, 0.5, 1);
          if (with_batch) spoil_padding(host, x, static_cast<size_t>(C));
          const Tensor y = rig.out({host.rows, C});
          backend_->dropout({with_batch ? &batch : nullptr, p, kStream, rig.in(x, {host.rows, C}), y});
          const Values got = rig.get(y);
          const Values want = dropout_oracle(host, with_batch, static_cast<size_t>(C), p, x, kMasks);
          EXPECT_TRUE(same_bits(pattern(got), pattern(want)));
          EXPECT_TRUE(near(got, want, tolerance::rounded(dtype_, 3)));  // 1/(1-p) rounded, then the product
        }
}

// Any coordinate of the stream off by one gives other masks.
TEST_P(DropoutTest, bounds_bite) {
  Rig rig(*backend_, dtype_);
  const HostBatch host = ragged({9, 7, 4}, layout_);
  const Batch batch = rig.upload(host);
  const Values x = Random(2).reals(static_cast<size_t>(host.rows * 17), dtype_, 0.5, 1);
  const Tensor y = rig.out({host.rows, 17});
  backend_->dropout({&batch, 0.3, kStream, rig.in(x, {host.rows, 17}), y});
  const Values got = pattern(rig.get(y));
  std::vector<oracle::DropoutPlace> mutants(4, kMasks);
  mutants[0].seed += 1;
  mutants[1].seed += 1ull << 32;
  mutants[2].step += 1;
  mutants[3].site += 1;
  EXPECT_TRUE(same_bits(got, pattern(dropout_oracle(host, true, 17, 0.3, x, kMasks))));
  for (const oracle::DropoutPlace& mutant : mutants)
    EXPECT_FALSE(same_bits(got, pattern(dropout_oracle(host, true, 17, 0.3, x, mutant))));
  EXPECT_FALSE(same_bits(got, pattern(dropout_oracle(host, false, 17, 0.3, x, kMasks))));
}

TEST_P(DropoutTest, works_in_place_and_drops_infinities) {
  Rig rig(*backend_, dtype_);
  const HostBatch host = ragged({64}, layout_);
  const Batch batch = rig.upload(host);
  const Tensor x = rig.inout(Values(64 * 5, HUGE_VAL), {64, 5});
  backend_->dropout({&batch, 0.5, kStream, x, x});
  const Values want = dropout_oracle(host, true, 5, 0.5, Values(64 * 5, HUGE_VAL), kMasks);
  EXPECT_TRUE(near(rig.get(x), want, tolerance::exact()));  // never inf * 0 = NaN
}

TEST_P(DropoutTest, probability_nought_copies) {
  Rig rig(*backend_, dtype_);
  const HostBatch host = ragged({8, 8}, layout_);
  const Batch batch = rig.upload(host);
  const Values x = Random(2).reals(16 * 7, dtype_);
  const Tensor y = rig.out({16, 7});
  backend_->dropout({&batch, 0, kStream, rig.in(x, {16, 7}), y});
  EXPECT_TRUE(same_bits(rig.get(y), x));
}

}  // namespace
}  // namespace sluice
