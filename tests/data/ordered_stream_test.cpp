#include "host/data/ordered_stream.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <stdexcept>

namespace sluice {
namespace {

using Stream = OrderedStream<int, int>;

// Squares of 0 .. n-1, the workers dawdling unevenly; `fails_at(item)` makes working on an item throw its
// number.
std::vector<int> squares(
    int threads, int n, const std::function<bool(int)>& fails_at = [](int) { return false; }) {
  std::vector<int> results;
  int next = 0;
  Stream::run(
      threads, [&](int& item) { return (item = next++) < n; },
      [&]() -> Stream::Work {
        return [&](int& item, int& result) {
          if (item % 5 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
          if (fails_at(item)) throw std::runtime_error(std::to_string(item));
          result = item * item;
        };
      },
      [&](int& result) { results.push_back(result); });
  return results;
}

TEST(OrderedStream, ResultsComeInOrderForAnyNumberOfThreads) {
  std::vector<int> expected(200);
  std::iota(expected.begin(), expected.end(), 0);
  for (int& value : expected) value *= value;
  for (const int threads : {1, 2, 7}) EXPECT_EQ(squares(threads, 200), expected) << threads;
  EXPECT_TRUE(squares(3, 0).empty());
}

TEST(OrderedStream, TheEarliestFailureIsTheOneThrown) {
  for (int trial = 0; trial < 20; ++trial) {
    try {
      squares(4, 100, [](int item) { return item == 10 || item >= 12; });
      FAIL() << "nothing thrown";
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "10");
    }
  }
}

TEST(OrderedStream, AFailingProducerComesAfterTheItemsBeforeIt) {
  std::vector<int> consumed;
  int next = 0;
  const auto run = [&] {
    Stream::run(
        2,
        [&](int& item) {
          if (next == 50) throw std::runtime_error("row 50");
          item = next++;
          return true;
        },
        []() -> Stream::Work { return [](int& item, int& result) { result = item; }; },
        [&](int& result) { consumed.push_back(result); });
  };
  EXPECT_THROW(run(), std::runtime_error);
  EXPECT_EQ(consumed.size(), 50u);
}

TEST(OrderedStream, AFailingConsumerStopsEndlessProduction) {
  const auto run = [] {
    Stream::run(
        2, [](int&) { return true; }, []() -> Stream::Work { return [](int&, int&) {}; },
        [](int&) { throw std::runtime_error("full disk"); });
  };
  EXPECT_THROW(run(), std::runtime_error);
}

TEST(OrderedStream, ProductionStaysWithinTheRing) {
  std::atomic<int> produced{0};
  int consumed = 0, furthest = 0;
  Stream::run(
      3, [&](int&) { return ++produced < 500; }, []() -> Stream::Work { return [](int&, int&) {}; },
      [&](int&) { furthest = std::max(furthest, produced - consumed++); });
  EXPECT_EQ(consumed, 499);
  EXPECT_LE(furthest, 3 * 2 + 2 + 1);
}

}  // namespace
}  // namespace sluice
