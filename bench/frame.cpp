#include "bench/frame.h"

#include <algorithm>
#include <chrono>

namespace sluice::bench {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n == 0 ? 0 : n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

}  // namespace

double time_of(const std::function<void()>& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::vector<Timing> measure(const Case& subject, std::vector<Contender>& contenders,
                            const FrameOptions& options) {
  std::vector<Timing> timings;
  for (Contender& c : contenders) {
    timings.push_back({.subject = subject, .contender = c.name});
    for (int i = 0; i < options.warmup; ++i) c.repeat();
  }
  for (int i = 0; i < options.repetitions; ++i)
    for (size_t k = 0; k < contenders.size(); ++k) timings[k].seconds.push_back(contenders[k].repeat());
  for (Timing& t : timings) {
    t.median = median(t.seconds);
    t.low = *std::min_element(t.seconds.begin(), t.seconds.end());
    t.high = *std::max_element(t.seconds.begin(), t.seconds.end());
    std::vector<double> ratios;
    for (size_t i = 0; i < t.seconds.size(); ++i) ratios.push_back(timings[0].seconds[i] / t.seconds[i]);
    t.ratio = median(ratios);
  }
  return timings;
}

}  // namespace sluice::bench
