#include "engine/arena.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

struct Bound {
  Tensor a, b, first, second, other;
};

Bound bind(Arena& arena) {
  Bound bound;
  bound.a = arena.saved("a", DType::f32, {100});
  arena.open_scratch("layer 1");
  bound.first = arena.scratch(DType::f32, {64});
  bound.second = arena.scratch(DType::f64, {64});
  bound.b = arena.saved("b", DType::u8, {3, 5});
  arena.open_scratch("layer 2");
  bound.other = arena.scratch(DType::f32, {10});
  return bound;
}

TEST(Arena, MeasuresThenHandsOutTheSameBytes) {
  const auto backend = make_backend({.device = Device::cpu, .threads = 1});
  Arena arena;
  EXPECT_FALSE(bind(arena).a);
  EXPECT_EQ(arena.bytes(), 512u + 256u + 256u + 512u);  // a, b, the larger scratch scope; in units of 256
  arena.allocate(*backend);
  const Bound bound = bind(arena);
  EXPECT_EQ(arena.bytes(), 512u + 256u + 256u + 512u);
  const auto at = [&](const Tensor& t) {
    return static_cast<char*>(t.data) - static_cast<char*>(bound.a.data);
  };
  EXPECT_EQ(at(bound.b), 512);
  EXPECT_EQ(at(bound.first), 768);
  EXPECT_EQ(at(bound.second), 768 + 256);
  EXPECT_EQ(at(bound.other), at(bound.first)) << "scratch of two scopes shares its region";
}

TEST(Arena, RefusesMoreThanWasMeasured) {
  const auto backend = make_backend({.device = Device::cpu, .threads = 1});
  Arena arena;
  bind(arena);
  arena.allocate(*backend);
  bind(arena);
  EXPECT_THROW(arena.saved("late", DType::f64, {4000}), Failure);
}

TEST(Arena, ReportsOwnersLargestFirst) {
  Arena arena;
  arena.saved("small", DType::u8, {1});
  arena.saved("large", DType::f32, {1 << 20});
  const std::string report = arena.report();
  EXPECT_LT(report.find("large"), report.find("small"));
  EXPECT_NE(report.find("4.0 MB"), std::string::npos) << report;
}

}  // namespace
}  // namespace sluice
