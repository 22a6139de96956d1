// The learning rate as a pure function of the update's number. Keys of the configuration: `optim.*`.
#pragma once

#include <cstdint>

namespace sluice {

enum class ScheduleKind : uint8_t { constant, linear, cosine, inverse_sqrt };

struct ScheduleConfig {
  ScheduleKind kind = ScheduleKind::constant;
  double warmup = 0;          // below 1: this fraction of all updates; else a number of updates
  double final_fraction = 0;  // of the peak rate: where linear and cosine end, the floor of inverse_sqrt
};

class Schedule {
 public:
  // total: updates of the whole training. Throws UserError naming the key of a value out of range.
  Schedule(const ScheduleConfig& config, double learning_rate, int64_t total);

  // Rate of update `step`, from 1. With w updates of warm-up, n in all, f = final_fraction and
  // p = max((step - 1 - w) / (n - w), least), held to at most 1, where `least` is the share of the way that
  // is gone by other reckoning (a limit of time):
  //   step <= w      peak * step / w
  //   constant       peak
  //   linear         peak * (f + (1 - f) (1 - p))
  //   cosine         peak * (f + (1 - f) (1 + cos(pi p)) / 2)      (Loshchilov and Hutter 2017, one cycle)
  //   inverse_sqrt   peak * max(f, sqrt(max(w, 1) / step))         (Vaswani et al. 2017)
  double rate(int64_t step, double least = 0) const;

 private:
  ScheduleConfig config_;
  double peak_;
  int64_t total_, warmup_;
};

}  // namespace sluice
