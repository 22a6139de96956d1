#include "host/data/prefetch.h"

#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <stdexcept>

namespace sluice {
namespace {

TEST(Prefetch, HandsOutEverythingInOrder) {
  int made = 0;
  Prefetch<int> prefetch(3, [&](int& value) { return (value = made++) < 100; });
  int value = -1;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(prefetch.next(value));
    EXPECT_EQ(value, i);
  }
  EXPECT_FALSE(prefetch.next(value));
  EXPECT_FALSE(prefetch.next(value));
}

TEST(Prefetch, AFailureComesAfterTheValuesBeforeItAndStays) {
  int made = 0;
  Prefetch<int> prefetch(2, [&](int& value) {
    if (made == 5) throw std::runtime_error("damaged");
    value = made++;
    return true;
  });
  int value = -1;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(prefetch.next(value));
  EXPECT_EQ(value, 4);
  EXPECT_THROW(prefetch.next(value), std::runtime_error);
  EXPECT_THROW(prefetch.next(value), std::runtime_error);
}

TEST(Prefetch, StaysAtMostSoFarAhead) {
  std::atomic<int> made{0};
  Prefetch<int> prefetch(3, [&](int& value) { return (value = made++) < 1000; });
  int value = 0, furthest = 0;
  for (int taken = 0; prefetch.next(value); ++taken) furthest = std::max(furthest, made - taken);
  EXPECT_LE(furthest, 3 + 2);  // the one just taken, three waiting, one in the making
}

TEST(Prefetch, MayBeLeftInTheMiddle) {
  for (int trial = 0; trial < 50; ++trial) {
    auto prefetch = std::make_unique<Prefetch<int>>(2, [](int& value) {
      value = 1;
      return true;
    });
    int value = 0;
    if (trial % 2 == 1) {
      EXPECT_TRUE(prefetch->next(value));
    }
    prefetch.reset();  // must neither hang nor crash
  }
}

}  // namespace
}  // namespace sluice
