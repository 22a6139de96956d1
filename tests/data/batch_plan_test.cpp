#include "host/data/batch_plan.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>

#include "tests/data/support.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;

// Mixed lengths, some 0, a few far over any budget used here.
int32_t length(int64_t d) {
  return d % 97 == 5 ? 3000 : static_cast<int32_t>((d * 2654435761 % 1000) * (d % 3) / 4);
}

constexpr DocumentRange kRange{100, 5100};

struct Flat {
  std::vector<std::vector<int32_t>> batches;
  bool operator==(const Flat&) const = default;
};
Flat flat(const BatchOptions& options, int epoch) {
  const BatchPlan plan = plan_batches(length, kRange, options, epoch);
  Flat result;
  for (const BatchSlice& slice : plan.batches)
    result.batches.emplace_back(plan.documents.begin() + slice.first,
                                plan.documents.begin() + slice.first + slice.count);
  return result;
}

class EveryOrder : public ::testing::TestWithParam<BatchOrder> {};
INSTANTIATE_TEST_SUITE_P(BatchPlan, EveryOrder,
                         ::testing::Values(BatchOrder::shuffled, BatchOrder::by_length,
                                           BatchOrder::in_order));

TEST_P(EveryOrder, EachDocumentOnceWithinTheBudget) {
  for (const int64_t tokens : {1, 300, 2000, 100000}) {
    const BatchOptions options{
        .tokens = tokens, .sequences = 24, .order = GetParam(), .window_documents = 700};
    std::vector<int32_t> seen;
    for (const auto& batch : flat(options, 3).batches) {
      ASSERT_FALSE(batch.empty());
      int64_t longest = 0;
      for (const int32_t d : batch) longest = std::max<int64_t>(longest, length(d));
      EXPECT_LE(batch.size(), 24u);
      EXPECT_TRUE(batch.size() == 1 || longest * static_cast<int64_t>(batch.size()) <= tokens);
      seen.insert(seen.end(), batch.begin(), batch.end());
    }
    if (GetParam() == BatchOrder::in_order) {
      EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    }
    std::sort(seen.begin(), seen.end());
    std::vector<int32_t> all(static_cast<size_t>(kRange.size()));
    std::iota(all.begin(), all.end(), static_cast<int32_t>(kRange.begin));
    EXPECT_EQ(seen, all);
  }
}

TEST(BatchPlan, IsAFunctionOfSeedAndEpoch) {
  BatchOptions options{.tokens = 2000, .sequences = 32, .seed = 7};
  const Flat first = flat(options, 0);
  EXPECT_EQ(flat(options, 0), first);
  EXPECT_FALSE(flat(options, 1) == first);
  options.seed = 8;
  EXPECT_FALSE(flat(options, 0) == first);
  options.order = BatchOrder::by_length;
  EXPECT_EQ(flat(options, 0), flat(options, 1));
}

TEST(BatchPlan, ShufflingMixesBatchesEvenWithinOneWindow) {
  const BatchOptions options{.tokens = 2000, .sequences = 32, .window_documents = 100000};
  std::vector<std::vector<int32_t>> first = flat(options, 0).batches, second = flat(options, 1).batches;
  for (auto* batches : {&first, &second}) {
    for (auto& batch : *batches) std::sort(batch.begin(), batch.end());
    std::sort(batches->begin(), batches->end());
  }
  std::vector<std::vector<int32_t>> common;
  std::set_intersection(first.begin(), first.end(), second.begin(), second.end(), std::back_inserter(common));
  // Only documents that are alone in their batch can make the same batch twice, but for rare chance.
  const auto several =
      std::count_if(common.begin(), common.end(), [](const auto& b) { return b.size() > 1; });
  EXPECT_LE(several, 2);
}

TEST(BatchPlan, BucketsKeepPaddingLow) {
  const auto padded_share = [](const BatchOptions& options) {
    int64_t rows = 0, tokens = 0;
    for (const auto& batch : flat(options, 0).batches) {
      int64_t longest = 0;
      for (const int32_t d : batch) {
        longest = std::max<int64_t>(longest, length(d));
        tokens += length(d);
      }
      rows += longest * static_cast<int64_t>(batch.size());
    }
    return 1.0 - static_cast<double>(tokens) / static_cast<double>(rows);
  };
  EXPECT_LT(padded_share({.tokens = 8000, .sequences = 64}), 0.10);
  EXPECT_LT(padded_share({.tokens = 8000, .sequences = 64, .order = BatchOrder::by_length}), 0.10);
  EXPECT_GT(padded_share({.tokens = 8000, .sequences = 64, .order = BatchOrder::in_order}), 0.30);
}

TEST(BatchPlan, BatchesInOrderAreAsLargeAsTheBudgetLets) {
  const BatchOptions options{.tokens = 2000, .sequences = 24, .order = BatchOrder::in_order};
  const auto batches = flat(options, 0).batches;
  for (size_t i = 0; i + 1 < batches.size(); ++i) {
    int64_t longest = length(batches[i + 1].front());
    for (const int32_t d : batches[i]) longest = std::max<int64_t>(longest, length(d));
    const auto grown = static_cast<int64_t>(batches[i].size()) + 1;
    EXPECT_TRUE(grown > 24 || longest * grown > 2000) << i;
  }
}

TEST(BatchPlan, NoDocumentsGiveNoBatches) {
  EXPECT_TRUE(plan_batches(length, {5, 5}, {}, 0).batches.empty());
}

TEST(BatchPlan, OptionsOutOfRangeAreNamed) {
  using sluice::testing::error_of;
  EXPECT_THAT(error_of([] { check(BatchOptions{.tokens = 0}); }), HasSubstr("2: batch.tokens is 0"));
  EXPECT_THAT(error_of([] { check(BatchOptions{.tokens = int64_t{1} << 31}); }),
              HasSubstr("2: batch.tokens is 2147483648"));
  EXPECT_THAT(error_of([] { check(BatchOptions{.sequences = 0}); }), HasSubstr("2: batch.sequences is 0"));
}

}  // namespace
}  // namespace sluice
