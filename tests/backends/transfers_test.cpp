// Copies between host and device that nobody waits for.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/backends/cases.h"
#include "tests/backends/rig.h"

namespace sluice {
namespace {

class Transfers : public BackendTest {};
INSTANTIATE_TEST_SUITE_P(, Transfers, testing::ValuesIn(for_each_dtype()), name_of_param);

Ints numbers(size_t count, int32_t first) {
  Ints values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

TEST_P(Transfers, keep_their_order_and_take_the_hosts_bytes_at_once) {
  constexpr int64_t kCount = 1000;
  constexpr int32_t kRounds = 40;  // more than may be on their way
  const Buffer device(*backend_, 2 * kCount * sizeof(int32_t), "test");
  const Tensor here(device.data(), DType::i32, {kCount});
  const Tensor there(static_cast<int32_t*>(device.data()) + kCount, DType::i32, {kCount});
  const size_t bytes = here.bytes();
  const Buffer host(*backend_, kRounds * bytes, "test", Buffer::Place::host);
  std::vector<uint64_t> marks;
  Ints sent;
  for (int32_t round = 0; round < kRounds; ++round) {
    sent = numbers(kCount, round * 1000);
    if (round % 2)
      backend_->upload(here, sent.data());
    else
      backend_->prefetch(here, sent.data());
    std::fill(sent.begin(), sent.end(), -1);
    backend_->await_prefetched();
    backend_->copy(here, there);
    backend_->read_later(static_cast<char*>(host.data()) + static_cast<size_t>(round) * bytes, there);
    marks.push_back(backend_->mark());
  }
  for (int32_t round : {3, kRounds - 1, 0}) {  // not in order, nor each
    backend_->wait(marks[static_cast<size_t>(round)]);
    const auto* got = static_cast<const int32_t*>(host.data()) + round * kCount;
    EXPECT_EQ(Ints(got, got + kCount), numbers(kCount, round * 1000)) << round;
  }
}

TEST_P(Transfers, of_growing_size) {
  for (int64_t count : {1, 10, 100000, 5, 300000}) {
    const Buffer device(*backend_, static_cast<size_t>(count) * sizeof(int32_t), "test");
    const Tensor tensor(device.data(), DType::i32, {count});
    const Ints sent = numbers(static_cast<size_t>(count), 7);
    backend_->upload(tensor, sent.data());
    Ints got(sent.size());
    backend_->copy_to_host(got.data(), tensor);
    EXPECT_EQ(got, sent);
  }
}

TEST_P(Transfers, of_nothing) {
  const Tensor nothing(nullptr, DType::i32, {0});
  backend_->upload(nothing, nullptr);
  backend_->prefetch(nothing, nullptr);
  backend_->await_prefetched();
  backend_->read_later(nullptr, nothing);
  backend_->wait(backend_->mark());
}

}  // namespace
}  // namespace sluice
