#include "engine/params.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/init.h"

namespace sluice {
namespace {

using testing::ElementsAre;

class ParamsTest : public testing::Test {
 protected:
  std::vector<float> read(Tensor t) {
    std::vector<float> values(static_cast<size_t>(t.size()));
    backend_->copy_to_host(values.data(), t);
    return values;
  }
  std::unique_ptr<Backend> backend_ = make_backend({.device = Device::cpu, .threads = 1});
};

TEST_F(ParamsTest, LiesInOrderOfKindWhateverTheOrderOfDeclaration) {
  Params params(*backend_, DType::f32);
  const ParamId table = params.declare_table("table", 5, 2, constant(4));
  const ParamId running = params.declare_buffer("running", {3}, constant(9));
  const ParamId bias = params.declare("bias", {3}, false, constant(2));
  const ParamId weight = params.declare("weight", {2, 3}, true, constant(1));
  params.allocate(1, false, 4);
  EXPECT_EQ(params.offset(weight), 0);
  EXPECT_EQ(params.offset(bias), 6);
  EXPECT_EQ(params.offset(table), 9);
  EXPECT_EQ(params.offset(running), 19);
  EXPECT_EQ(params.trained_parameters(), 19);
  EXPECT_THAT(read(params.value(running)), ElementsAre(9, 9, 9));
  const auto dense = params.dense();
  ASSERT_EQ(dense.size(), 2u);  // the table's gradient is by rows
  EXPECT_EQ(dense[0].values.size(), 6);
  EXPECT_EQ(dense[1].offset, 6);
  EXPECT_THROW(params.gradient(table), Failure);
}

TEST_F(ParamsTest, AFrozenTableIsNotTrained) {
  Params params(*backend_, DType::f32);
  const ParamId table = params.declare_table("table", 5, 2, constant(4));
  params.declare("weight", {2, 3}, true, constant(1));
  params.freeze(table);
  params.allocate(1, true, 4);
  EXPECT_EQ(params.trained_parameters(), 6);
  EXPECT_FALSE(params.trained(table));
  EXPECT_EQ(params.dense().size(), 1u);
}

TEST_F(ParamsTest, RowsOfSeveralBatchesAddUpBySharedSlots) {
  Params params(*backend_, DType::f32);
  const ParamId table = params.declare_table("table", 9, 1, constant(0));
  params.allocate(1, false, 4);
  Buffer memory(*backend_, 256, "slots");
  const Tensor slots(memory.data(), DType::i32, {4});
  Buffer values(*backend_, 256, "values");
  const auto add = [&](std::vector<int32_t> ids, std::vector<float> x) {
    HostBatch host;
    host.distinct = ids;
    Batch batch;
    batch.host = &host;
    batch.distinct = static_cast<int>(ids.size());
    const Tensor device(values.data(), DType::f32, {batch.distinct, 1});
    backend_->copy_to_device(device, x.data());
    params.place_rows(table, batch, slots);
    params.add_rows(table, batch, slots, device);
  };
  add({2, 5, 7}, {1, 2, 3});
  add({1, 5}, {10, 20});
  const RowGradient& rows = params.rows()[0];
  EXPECT_THAT(rows.ids, ElementsAre(2, 5, 7, 1));
  EXPECT_THAT(read(rows.values), ElementsAre(1, 22, 3, 10));
  EXPECT_THROW(add({3}, {1}), Failure);  // a fifth row where four were foreseen
  params.zero_gradients();
  params.forget_rows();
  EXPECT_EQ(rows.count, 0);
  add({8}, {5});
  EXPECT_THAT(read(rows.values.narrow(1)), ElementsAre(5));
}

TEST_F(ParamsTest, FirstValuesDependOnSeedAndNameOnly) {
  const auto values = [&](uint64_t seed, bool another_first, const char* name) {
    Params params(*backend_, DType::f32);
    if (another_first) params.declare("another", {7}, false, normal(1));
    const ParamId id = params.declare(name, {4, 4}, true, normal(1));
    params.allocate(seed, false, 1);
    return read(params.value(id));
  };
  EXPECT_EQ(values(1, false, "w"), values(1, true, "w"));
  EXPECT_NE(values(1, false, "w"), values(2, false, "w"));
  EXPECT_NE(values(1, false, "w"), values(1, false, "u"));
}

TEST(Init, OrthogonalBlocksAreOrthogonal) {
  constexpr size_t H = 6, kBlocks = 8;
  std::vector<double> values(kBlocks * H * H);
  orthogonal_blocks()(values, {2, 4 * H, H}, 3);
  for (size_t block = 0; block < kBlocks; ++block)
    for (size_t i = 0; i < H; ++i)
      for (size_t j = 0; j < H; ++j) {
        double dot = 0;
        for (size_t k = 0; k < H; ++k)
          dot += values[(block * H + i) * H + k] * values[(block * H + j) * H + k];
        EXPECT_NEAR(dot, i == j ? 1 : 0, 1e-12);
      }
}

TEST(Init, DistributionsHaveTheirMomentsAndBounds) {
  std::vector<double> values(20000);
  normal(2.0)(values, {20000}, 5);
  double sum = 0, squares = 0;
  for (double x : values) sum += x, squares += x * x;
  EXPECT_NEAR(sum / 20000, 0, 0.06);      // 4 standard errors
  EXPECT_NEAR(squares / 20000, 4, 0.16);  // likewise
  glorot(10, 14)(values, {20000}, 5);
  double largest = 0;
  for (double x : values) largest = std::max(largest, std::abs(x));
  EXPECT_LE(largest, 0.5);
  EXPECT_GT(largest, 0.499);
  std::vector<double> bias(2 * 4 * 3);
  gate_bias(1, 4, 1.5)(bias, {2, 12}, 0);
  for (size_t i = 0; i < bias.size(); ++i) EXPECT_EQ(bias[i], i % 12 / 3 == 1 ? 1.5 : 0.0);
}

}  // namespace
}  // namespace sluice
