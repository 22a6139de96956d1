#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>

#include "bench/study/lstm/study.h"

namespace sluice::study {
namespace {

double logistic(double x) {
  return 1 / (1 + std::exp(-x));
}

// Numbers in [-scale, scale) from a linear congruential generator (Knuth's MMIX).
class Numbers {
 public:
  Numbers(uint64_t seed, double scale) : state_(seed), scale_(scale) {}
  float next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<float>((static_cast<double>(state_ >> 11) * 0x1p-52 - 1) * scale_);
  }
  std::vector<float> next(size_t count) {
    std::vector<float> all(count);
    for (float& x : all) x = next();
    return all;
  }

 private:
  uint64_t state_;
  double scale_;
};

}  // namespace

HostProblem make_problem(int H, int T, const std::vector<int>& lengths) {
  if (H < 4 || H % 4 != 0 || H > kMostHidden || T < 1 || lengths.empty())
    throw std::invalid_argument("H is a multiple of 4 up to 512, T and B are at least 1");
  if (lengths.front() > T || lengths.back() < 0 || !std::is_sorted(lengths.rbegin(), lengths.rend()))
    throw std::invalid_argument("lengths descend, from at most T to at least 0");
  HostProblem p{.H = H, .B = static_cast<int>(lengths.size()), .T = T, .lengths = lengths};
  const size_t h = static_cast<size_t>(H), rows = lengths.size();
  p.R = Numbers(1, 1 / std::sqrt(H)).next(4 * h * h);
  p.h0 = Numbers(2, 0.5).next(rows * h);
  p.c0 = Numbers(3, 0.9).next(rows * h);
  p.x_pre = Numbers(4, 1.5).next(static_cast<size_t>(T) * rows * 4 * h);
  for (size_t t = 0; t < static_cast<size_t>(T); ++t)
    for (size_t b = 0; b < rows; ++b)
      if (static_cast<int>(t) >= lengths[b])
        for (size_t q = 0; q < 4 * h; ++q) p.x_pre[(t * rows + b) * 4 * h + q] = std::nanf("");
  return p;
}

Result<double> reference(const HostProblem& p) {
  const size_t H = static_cast<size_t>(p.H), B = static_cast<size_t>(p.B);
  Result<double> result{std::vector<double>(static_cast<size_t>(p.T) * B * H, kUntouched),
                        {p.c0.begin(), p.c0.end()}};
  for (size_t b = 0; b < B; ++b) {
    std::vector<double> h(p.h0.begin() + static_cast<std::ptrdiff_t>(b * H),
                          p.h0.begin() + static_cast<std::ptrdiff_t>((b + 1) * H));
    for (size_t t = 0; t < static_cast<size_t>(p.lengths[b]); ++t) {
      std::vector<double> sums(4 * H);
      for (size_t q = 0; q < 4 * H; ++q) {
        sums[q] = p.x_pre[(t * B + b) * 4 * H + q];
        for (size_t k = 0; k < H; ++k) sums[q] += p.R[q * H + k] * h[k];
      }
      for (size_t j = 0; j < H; ++j) {
        double& c = result.cT[b * H + j];
        c = logistic(sums[H + j]) * c + logistic(sums[j]) * std::tanh(sums[2 * H + j]);
        h[j] = result.y[(t * B + b) * H + j] = logistic(sums[3 * H + j]) * std::tanh(c);
      }
    }
  }
  return result;
}

double distance(const Result<float>& got, const Result<double>& wanted) {
  double largest = 0;
  const auto add = [&](const std::vector<float>& a, const std::vector<double>& b) {
    for (size_t i = 0; i < b.size(); ++i) {
      const double difference = std::abs(a[i] - b[i]);
      if (!std::isnan(largest) && !(difference <= largest)) largest = difference;  // NaN, once there, stays
    }
  };
  add(got.y, wanted.y);
  add(got.cT, wanted.cT);
  return largest;
}

}  // namespace sluice::study
