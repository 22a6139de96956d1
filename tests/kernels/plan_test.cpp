// Plans: what they are for any shape and GPU, asked with neither a GPU nor a CUDA toolkit.
#include <gmock/gmock.h>

#include <set>
#include <string>

#include "kernels/batch/columns.h"
#include "kernels/batch/rows.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/core/divisor.h"
#include "kernels/core/gpus.h"
#include "kernels/linear/linear.h"
#include "kernels/loss/loss.h"
#include "kernels/pooling/pooling.h"
#include "kernels/recurrence_step/recurrence_step.h"

namespace sluice::cuda {
namespace {

using testing::HasSubstr;

const DeviceProps kT4 = {"T4", 7, 5, 40, 64 << 10, size_t{16} << 30};

template <class P>
std::string refusal(const Planned<P>& planned) {
  const auto* refused = std::get_if<Refusal>(&planned);
  return refused ? refused->reason : "";
}

struct Extent {
  int64_t x, y, z;
  bool operator==(const Extent&) const = default;
};
Extent extent(const Grid& grid) {
  return {grid.x, grid.y, grid.z};
}
std::ostream& operator<<(std::ostream& out, const Extent& e) {
  return out << e.x << " x " << e.y << " x " << e.z;
}

TEST(KnownGpus, are_distinct_and_recent_enough) {
  std::set<std::string> names;
  for (const DeviceProps& gpu : known_gpus()) {
    EXPECT_TRUE(names.insert(gpu.name).second) << gpu.name;
    EXPECT_GE(gpu.major, kLeastMajor);
    EXPECT_GE(gpu.shared_per_block, size_t{99} << 10);
    EXPECT_GT(gpu.multiprocessors, 0);
  }
}

// Each limit, at it and one beyond.
TEST(Fitted, refuses_what_a_device_cannot_launch) {
  const struct {
    Plan most, more;
    const char* reason;
  } cases[] = {
      {{.grid = {.x = 0x7fffffff}}, {.grid = {.x = 0x80000000}}, "more than a grid holds"},
      {{.grid = {.y = 65535}}, {.grid = {.y = 65536}}, "more than a grid holds"},
      {{.grid = {.z = 65535}}, {.grid = {.z = 65536}}, "more than a grid holds"},
      {{.block = {32, 32}}, {.block = {32, 33}}, "more than a block holds"},
      {{.shared = 99 << 10}, {.shared = 228 << 10}, "bytes of shared memory"},
      {{.cluster = 1}, {.cluster = 16}, "cluster"},
  };
  for (const DeviceProps& gpu : known_gpus())
    for (const auto& [most, more, reason] : cases) {
      EXPECT_EQ(refusal(fitted(most, gpu)), "") << gpu.name;
      EXPECT_THAT(refusal(fitted(more, gpu)), HasSubstr(reason)) << gpu.name;
    }
  EXPECT_THAT(refusal(fitted({}, kT4)), HasSubstr("T4 has compute capability 7.5, the kernels need 8.0"));
}

TEST(Fitted, knows_which_devices_have_clusters_and_much_shared_memory) {
  for (const DeviceProps& gpu : known_gpus()) {
    EXPECT_EQ(refusal(fitted({.cluster = 8}, gpu)).empty(), gpu.major >= 9) << gpu.name;
    EXPECT_EQ(refusal(fitted({.shared = 200 << 10}, gpu)).empty(), gpu.major >= 9) << gpu.name;
    EXPECT_EQ(refusal(fitted({.shared = 160 << 10}, gpu)).empty(), gpu.major >= 9 || gpu.minor == 0)
        << gpu.name;
  }
}

TEST(VectorWidth, is_128_bits_of_whole_rows) {
  EXPECT_EQ(vector_width(4, 64, true), 4);
  EXPECT_EQ(vector_width(8, 6, true), 2);
  EXPECT_EQ(vector_width(2, 24, true), 8);
  EXPECT_EQ(vector_width(2, 20, true), 1);
  EXPECT_EQ(vector_width(4, 63, true), 1);
  EXPECT_EQ(vector_width(4, 64, false), 1);
}

// Every row and every lane is covered, and the last block is not idle.
TEST(RowPlan, covers_every_row) {
  for (int64_t rows : {1, 3, 4, 255, 256, 257, 100000})
    for (int64_t lanes : {1, 2, 3, 17, 64, 256, 1000}) {
      const Plan plan = row_plan(rows, lanes);
      EXPECT_EQ(plan.block.x * plan.block.y, kRowThreads);
      EXPECT_TRUE(plan.block.x >= lanes || plan.block.x == kRowThreads);
      const int64_t of_block = plan.block.y * kRowsPerThread;
      EXPECT_GE(plan.grid.x * of_block, rows);
      EXPECT_LT((plan.grid.x - 1) * of_block, rows);
    }
}

TEST(ColumnPlan, cuts_rows_into_at_most_128_chunks_that_cover_them) {
  for (int64_t rows : {1, 64, 65, 8192, 8193, 100000, 3000001}) {
    EXPECT_LE(column_chunks(rows), 128) << rows;
    EXPECT_GE(column_chunks(rows) * column_chunk_rows(rows), rows);
    EXPECT_EQ(column_chunk_rows(rows) % kSlices, 0);
  }
  EXPECT_EQ(extent(column_plan(70, 5).grid), (Extent{3, 5, 1}));
}

class Plans : public testing::TestWithParam<DeviceProps> {};
INSTANTIATE_TEST_SUITE_P(, Plans, testing::ValuesIn(known_gpus()), [](const auto& test) {
  std::string name = test.param.name;
  for (char& c : name)
    if (c == ' ') c = '_';
  return name;
});

TEST_P(Plans, pooling_forward) {
  const Plan mean = std::get<Plan>(plan_pool_forward({PoolKind::mean, 64, 9000, 260}, GetParam()));
  EXPECT_EQ(extent(mean.grid), (Extent{64, 9, 1}));
  EXPECT_EQ(extent(mean.block), (Extent{32, 8, 1}));
  const Plan last = std::get<Plan>(plan_pool_forward({PoolKind::last, 64, 9000, 260}, GetParam()));
  EXPECT_EQ(extent(last.grid), (Extent{16, 1, 1}));
  EXPECT_THAT(refusal(plan_pool_forward({PoolKind::max, 64, 9000, 65536 * 32}, GetParam())),
              HasSubstr("more than a grid holds"));
}

TEST_P(Plans, pooling_backward) {
  const Plan mean = std::get<Plan>(plan_pool_backward({PoolKind::mean, 64, 9000, 256, 4}, GetParam()));
  EXPECT_EQ(mean.width, 4);
  EXPECT_EQ(extent(mean.block), (Extent{64, 4, 1}));
  EXPECT_EQ(extent(mean.grid), (Extent{563, 1, 1}));  // 9000 rows, 16 a block
  const Plan max = std::get<Plan>(plan_pool_backward({PoolKind::max, 64, 9000, 256, 4}, GetParam()));
  EXPECT_EQ(max.width, 1);
  EXPECT_EQ(extent(max.grid), (Extent{16, 1, 1}));  // 64 sequences, 4 a block
}

TEST_P(Plans, cross_entropy) {
  EXPECT_EQ(extent(std::get<Plan>(plan_xent(65, GetParam())).grid), (Extent{9, 1, 1}));
  EXPECT_EQ(extent(std::get<Plan>(plan_xent(1, GetParam())).block), (Extent{32, 8, 1}));
}

TEST_P(Plans, linear) {
  EXPECT_EQ(std::get<Plan>(plan_bias(100, 64, 4, GetParam())).width, 4);
  const auto few = std::get<ColumnSumPlan>(plan_column_sum(64, 100, GetParam()));
  EXPECT_EQ(few.chunks, 1);
  EXPECT_EQ(extent(few.sum.grid), (Extent{4, 1, 1}));
  const auto many = std::get<ColumnSumPlan>(plan_column_sum(100000, 100, GetParam()));
  EXPECT_EQ(many.chunks, 128);
  EXPECT_EQ(extent(many.sum.grid), (Extent{4, 128, 1}));
  EXPECT_EQ(extent(many.add.grid), (Extent{4, 1, 1}));
}

TEST_P(Plans, batch_norm) {
  const auto training = std::get<BatchNormPlan>(plan_batch_norm({1000, 96, true, 4}, GetParam()));
  EXPECT_EQ(training.chunks, 16);
  EXPECT_EQ(extent(training.sum.grid), (Extent{3, 16, 1}));
  EXPECT_EQ(extent(training.finish.grid), (Extent{3, 1, 1}));
  EXPECT_EQ(training.apply.width, 4);
  EXPECT_EQ(extent(training.apply.block), (Extent{32, 8, 1}));
  EXPECT_EQ(std::get<BatchNormPlan>(plan_batch_norm({1000, 96, false, 4}, GetParam())).chunks, 0);
}

TEST_P(Plans, recurrence_step) {
  const Plan wide = std::get<Plan>(plan_step({512, 64, 4, 4}, GetParam()));
  EXPECT_EQ(wide.width, 4);
  EXPECT_EQ(extent(wide.grid), (Extent{32, 1, 1}));
  EXPECT_EQ(extent(wide.block), (Extent{256, 1, 1}));
  EXPECT_EQ(extent(std::get<Plan>(plan_step({17, 5, 4, 1}, GetParam())).grid), (Extent{1, 1, 1}));
  EXPECT_EQ(extent(std::get<Plan>(plan_step({17, 31, 4, 1}, GetParam())).grid), (Extent{3, 1, 1}));
  // With layer normalisation a block takes a row.
  const Plan normed = std::get<Plan>(plan_step({512, 64, 4, 4, true}, GetParam()));
  EXPECT_EQ(extent(normed.grid), (Extent{64, 1, 1}));
  EXPECT_EQ(extent(normed.block), (Extent{kNormThreads, 1, 1}));
  // The most units and the most threads that an int counts.
  constexpr int64_t kUnits = 0x7fffffff / 4;
  EXPECT_EQ(refusal(plan_step({kUnits, 1, 4, 1}, GetParam())), "");
  EXPECT_THAT(refusal(plan_step({kUnits + 1, 1, 4, 1}, GetParam())), HasSubstr("more than a step counts"));
  EXPECT_EQ(refusal(plan_step({1 << 20, 2047, 4, 1}, GetParam())), "");
  EXPECT_THAT(refusal(plan_step({1 << 20, 2048, 4, 1}, GetParam())), HasSubstr("more than a step counts"));
}

TEST(PlansOfOldDevices, are_refused) {
  EXPECT_NE(refusal(plan_pool_forward({PoolKind::mean, 1, 1, 1}, kT4)), "");
  EXPECT_NE(refusal(plan_pool_backward({PoolKind::mean, 1, 1, 1}, kT4)), "");
  EXPECT_NE(refusal(plan_step({1, 1, 4, 1}, kT4)), "");
  EXPECT_NE(refusal(plan_xent(1, kT4)), "");
  EXPECT_NE(refusal(plan_bias(1, 1, 1, kT4)), "");
  EXPECT_NE(refusal(plan_column_sum(1, 1, kT4)), "");
  EXPECT_NE(refusal(plan_batch_norm({1, 1}, kT4)), "");
}

TEST(Divisor, divides_as_integers_do) {
  for (int d = 1; d < Divisor::kMost; d = d < 300 ? d + 1 : d * 9 / 8) {
    const Divisor by(d);
    for (int n = 0; n < Divisor::kMost; n += n % d == 1 && d > 3 ? d - 2 : 1) {
      ASSERT_EQ(by.of(n), n / d) << n << " / " << d;
      ASSERT_EQ(by.rest(n), n % d) << n << " / " << d;
    }
  }
}

}  // namespace
}  // namespace sluice::cuda
