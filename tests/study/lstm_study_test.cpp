// Every version of bench/study/lstm against its reference. CMakeLists.txt runs these with the virtual GPU's
// checks, and on weak memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>

#include "bench/study/lstm/study.h"
#include "tests/tolerance.h"

namespace sluice::study {

void PrintTo(const Version& version, std::ostream* out) {
  *out << version.name;
}

namespace {

class LstmStudy : public testing::TestWithParam<Version> {
 protected:
  // Near the reference; the same bits when the pass is run again, and in place.
  static void check(int H, int T, const std::vector<int>& lengths) {
    SCOPED_TRACE(testing::Message() << "H " << H << " T " << T << " lengths "
                                    << testing::PrintToString(lengths));
    const HostProblem p = make_problem(H, T, lengths);
    const Result<double> wanted = reference(p);
    const Result<float> got = run(GetParam(), p, 1);
    const double largest_c = *std::max_element(wanted.cT.begin(), wanted.cT.end(),
                                               [](double a, double b) { return std::abs(a) < std::abs(b); });
    const Bound bound = tolerance::recurrence(DType::f32, T, H, tolerance::activation_units(DType::f32));
    EXPECT_LE(distance(got, wanted),
              (bound.of_element + bound.of_largest) * std::max(1.0, std::abs(largest_c)));
    const Result<float> again = run(GetParam(), p, 2);
    EXPECT_TRUE(again.y == got.y && again.cT == got.cT);
  }
  static void check_equal_lengths(int H, int B, int T) {
    check(H, T, std::vector<int>(static_cast<size_t>(B), T));
  }
};

TEST_P(LstmStudy, one_row) {
  check_equal_lengths(24, 1, 17);
}

TEST_P(LstmStudy, one_step) {
  check_equal_lengths(40, 5, 1);
}

TEST_P(LstmStudy, a_few_rows) {
  check_equal_lengths(40, 5, 17);
}

TEST_P(LstmStudy, several_tiles_of_rows) {
  check_equal_lengths(24, 33, 3);
}

TEST_P(LstmStudy, many_steps) {
  check_equal_lengths(24, 5, 60);
}

// More than one round of the parts of k.
TEST_P(LstmStudy, more_units) {
  check_equal_lengths(76, 2, 3);
}

class RaggedLstmStudy : public LstmStudy {};

// Padding holds NaN in x_pre, and must be left alone in y.
TEST_P(RaggedLstmStudy, leaves_padding_alone) {
  check(40, 17, {17, 16, 16, 9, 5, 5, 5, 2, 1, 1, 0});
  check(24, 6, {5, 3, 0, 0});
  check(24, 3, {0, 0, 0});
  std::vector<int> lengths(160);  // several rows to a group, also on a large GPU
  for (int b = 0; b < 160; ++b) lengths[static_cast<size_t>(b)] = (160 - b) / 20;
  check(24, 8, lengths);
}

TEST(LstmStudyProblem, refuses_a_shape_that_is_none) {
  EXPECT_THROW(make_problem(10, 3, {3}), std::invalid_argument);
  EXPECT_THROW(make_problem(8, 3, {}), std::invalid_argument);
  EXPECT_THROW(make_problem(8, 3, {2, 3}), std::invalid_argument);
  EXPECT_THROW(make_problem(8, 3, {4}), std::invalid_argument);
}

TEST(LstmStudyDistance, keeps_what_is_no_number) {
  EXPECT_TRUE(std::isnan(distance({{1.0f, std::nanf(""), 1.0f}, {1.0f}}, {{1.0, 1.0, 2.0}, {3.0}})));
  EXPECT_EQ(distance({{1.0f, 2.5f}, {1.0f}}, {{1.0, 2.0}, {1.25}}), 0.5);
}

std::string name_of(const testing::TestParamInfo<Version>& test) {
  return test.param.name;
}

std::vector<Version> ragged_versions() {
  std::vector<Version> all = versions();
  all.erase(std::remove_if(all.begin(), all.end(), [](const Version& v) { return !v.ragged; }), all.end());
  return all;
}

INSTANTIATE_TEST_SUITE_P(, LstmStudy, testing::ValuesIn(versions()), name_of);
INSTANTIATE_TEST_SUITE_P(, RaggedLstmStudy, testing::ValuesIn(ragged_versions()), name_of);

}  // namespace
}  // namespace sluice::study
