// Copies, masks and rows of tables.
#include <gmock/gmock.h>

#include "tests/backends/cases.h"
#include "tests/backends/rig.h"
#include "tests/oracle/layers.h"

namespace sluice {
namespace {

class Rows : public BackendTest {};
INSTANTIATE_TEST_SUITE_P(, Rows, testing::ValuesIn(for_each_dtype()), name_of_param);

TEST_P(Rows, new_buffers_are_zero_and_aligned) {
  for (size_t bytes : {1u, 255u, 4097u}) {
    Buffer buffer(*backend_, bytes, "test");
    std::vector<uint8_t> host(bytes, 7);
    backend_->copy_to_host(host.data(), Tensor(buffer.data(), DType::u8, {static_cast<int64_t>(bytes)}));
    backend_->synchronize();
    EXPECT_THAT(host, testing::Each(0));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 256, 0u);
  }
}

TEST_P(Rows, released_memory_comes_back_zero) {
  for (int round = 0; round < 3; ++round) {
    Buffer buffer(*backend_, 1000, "test");
    std::vector<uint8_t> host(1000);
    const Tensor tensor(buffer.data(), DType::u8, {1000});
    backend_->copy_to_host(host.data(), tensor);
    backend_->synchronize();
    EXPECT_THAT(host, testing::Each(0));
    backend_->copy_to_device(tensor, std::vector<uint8_t>(1000, 0xff).data());
  }
}

TEST_P(Rows, copy_and_zero_touch_their_tensor_only) {
  Rig rig(*backend_, dtype_);
  const Values values = Random(1).reals(35, dtype_);
  const Tensor from = rig.in(values, {5, 7}), to = rig.out({5, 7});
  backend_->copy(from, to);
  EXPECT_TRUE(same_bits(rig.get(to), values));
  backend_->zero(to.narrow(2));
  Values want = values;
  std::fill_n(want.begin(), 14, 0.0);
  EXPECT_TRUE(same_bits(rig.get(to), want));
}

TEST_P(Rows, mask_marks_the_steps_before_each_length) {
  for (const Ints& lengths : {Ints{1}, Ints{7, 5, 5, 2, 0}, Ints{0, 0}, Ints{40, 39, 1}}) {
    Rig rig(*backend_, dtype_);
    const auto B = static_cast<int64_t>(lengths.size()), T = static_cast<int64_t>(lengths[0]);
    const Tensor mask = rig.out_as(DType::u8, {B, T});
    backend_->build_mask({rig.in(lengths, {B}), mask});
    std::vector<uint8_t> want;
    for (int32_t length : lengths)
      for (int t = 0; t < lengths[0]; ++t) want.push_back(t < length);
    EXPECT_EQ(rig.get_bytes(mask), want);
  }
}

TEST_P(Rows, gather_copies_rows_to_the_bit) {
  for (int E : {1, 5, 33})
    for (int R : {0, 1, 100}) {
      Rig rig(*backend_, dtype_);
      Random random(static_cast<uint64_t>(E + R));
      const size_t V = 9;
      const Values table = random.reals(V * static_cast<size_t>(E), dtype_);
      const Ints ids = random.ints(static_cast<size_t>(R), 0, 8);
      const Tensor y = rig.out({R, E});
      backend_->gather({rig.in(table, {9, E}), rig.in(ids, {R}), y});
      const oracle::Matrix want = oracle::gather({V, static_cast<size_t>(E), table}, ids);
      EXPECT_TRUE(same_bits(rig.get(y), want.values)) << "E " << E << " R " << R;
      Ints wrong = ids;
      if (R > 0) {
        wrong[0] = (wrong[0] + 1) % 9;  // one id off by one must show
        EXPECT_FALSE(same_bits(rig.get(y), oracle::gather({V, static_cast<size_t>(E), table}, wrong).values));
      }
    }
}

// Segments of a real batch, in one list of lists for the oracle.
std::vector<std::vector<int>> lists(const HostBatch& batch) {
  std::vector<std::vector<int>> result;
  for (size_t u = 0; u + 1 < batch.segments.size(); ++u)
    result.emplace_back(batch.segment_rows.begin() + batch.segments[u],
                        batch.segment_rows.begin() + batch.segments[u + 1]);
  return result;
}

TEST_P(Rows, segment_sum_adds_the_valid_rows_of_each_id) {
  for (Layout layout : {Layout::packed, Layout::padded})
    for (const auto& lengths : std::vector<std::vector<int>>{{1}, {5, 3, 0}, {0, 0}, {60, 31, 30, 2, 1}})
      for (int E : {1, 6, 33}) {
        Rig rig(*backend_, dtype_);
        const HostBatch batch = ragged(lengths, layout);
        Values x = Random(3).reals(static_cast<size_t>(batch.rows * E), dtype_);
        Values whole = Random(4).whole(x.size(), -50, 50);
        spoil_padding(batch, x, static_cast<size_t>(E));
        spoil_padding(batch, whole, static_cast<size_t>(E));
        const auto rows = static_cast<size_t>(batch.rows), columns = static_cast<size_t>(E);
        const auto U = static_cast<int64_t>(batch.distinct.size());
        const Tensor y = rig.out({U, E}), exact = rig.out({U, E});
        const Batch device = rig.upload(batch);
        backend_->segment_sum({rig.in(x, {batch.rows, E}), device.segments, device.segment_rows, y});
        backend_->segment_sum({rig.in(whole, {batch.rows, E}), device.segments, device.segment_rows, exact});
        EXPECT_TRUE(near(rig.get(y), oracle::segment_sum({rows, columns, x}, lists(batch)).values,
                         tolerance::sum(dtype_, batch.tokens)));
        EXPECT_TRUE(
            same_bits(rig.get(exact),
                      rounded_to(dtype_, oracle::segment_sum({rows, columns, whole}, lists(batch)).values)));
      }
}

// The order is part of the promise: big + small - big is 0 read from left to right, and small in any other
// order.
TEST_P(Rows, segment_sum_keeps_the_order_of_its_rows) {
  Rig rig(*backend_, dtype_);
  const double big = dtype_ == DType::f64 ? 0x1p54 : dtype_ == DType::f16 ? 0x1p15 : 0x1p25;
  const double small = dtype_ == DType::f16 ? 0x1p-14 : 1;
  const Tensor y = rig.out({2, 1});
  backend_->segment_sum({rig.in(Values{big, small, -big}, {3, 1}), rig.in(Ints{0, 3, 6}, {3}),
                         rig.in(Ints{0, 1, 2, 0, 2, 1}, {6}), y});
  EXPECT_THAT(rig.get(y), testing::ElementsAre(0, small));
}

// A segment may be empty, and rows may be named in any order and more than once.
TEST_P(Rows, segment_sum_takes_any_lists) {
  Rig rig(*backend_, dtype_);
  const Tensor y = rig.out({4, 2});
  backend_->segment_sum({rig.in(Values{1, 2, 10, 20, 100, 200}, {3, 2}), rig.in(Ints{0, 0, 3, 3, 4}, {5}),
                         rig.in(Ints{2, 0, 2, 1}, {4}), y});
  EXPECT_THAT(rig.get(y), testing::ElementsAre(0, 0, 201, 402, 0, 0, 10, 20));
}

TEST_P(Rows, scatter_add_adds_to_its_slots_only) {
  for (int E : {1, 17, 64}) {
    Rig rig(*backend_, dtype_);
    Random random(7);
    const auto columns = static_cast<size_t>(E);
    const Ints slots = {4, 0, 9, 3};
    const Values x = random.reals(4 * columns, dtype_);
    oracle::Matrix want(10, columns, random.reals(10 * columns, dtype_));
    const Tensor y = rig.inout_acc(want.values, {10, E});
    backend_->scatter_add({rig.in(x, {4, E}), rig.in(slots, {4}), y});
    oracle::scatter_add({4, columns, x}, slots, want);
    EXPECT_TRUE(near(rig.get(y), want.values, tolerance::rounded(acc_, 1)));
    backend_->scatter_add({rig.in(Values{}, {0, E}), rig.in(Ints{}, {0}), y});
    EXPECT_TRUE(near(rig.get(y), want.values, tolerance::rounded(acc_, 1)));
  }
}

TEST_P(Rows, minus_one_stands_for_no_row) {
  Rig rig(*backend_, dtype_);
  Random random(5);
  const Values table = random.reals(4 * 5, dtype_), x = random.reals(3 * 5, dtype_);
  const Tensor y = rig.out({3, 5}), to = rig.inout_acc(table, {4, 5});
  const Tensor ids = rig.in(Ints{2, -1, 0}, {3});
  backend_->gather({rig.in(table, {4, 5}), ids, y});
  backend_->scatter_add({rig.in(x, {3, 5}), ids, to});
  const Values got = rig.get(y), sum = rig.get(to);
  for (size_t e = 0; e < 5; ++e) {
    EXPECT_EQ(got[e], table[10 + e]);
    EXPECT_EQ(got[5 + e], 0);
    EXPECT_EQ(got[10 + e], table[e]);
    EXPECT_NEAR(sum[e], table[e] + x[10 + e], 1e-6);
    EXPECT_EQ(sum[5 + e], table[5 + e]);
    EXPECT_NEAR(sum[10 + e], table[10 + e] + x[e], 1e-6);
    EXPECT_EQ(sum[15 + e], table[15 + e]);
  }
}

}  // namespace
}  // namespace sluice
