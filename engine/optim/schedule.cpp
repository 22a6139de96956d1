#include "engine/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/error.h"

namespace sluice {

Schedule::Schedule(const ScheduleConfig& config, double learning_rate, int64_t total)
    : config_(config), peak_(learning_rate), total_(total) {
  if (!(peak_ > 0) || !std::isfinite(peak_))
    throw UserError("optim.learning_rate = {}: it must be above 0", learning_rate);
  if (!(config.warmup >= 0) || !std::isfinite(config.warmup))
    throw UserError("optim.warmup = {}: a fraction of all updates below 1, or a number of updates",
                    config.warmup);
  if (!(config.final_fraction >= 0 && config.final_fraction <= 1))
    throw UserError("optim.final_fraction = {}: it must lie in [0, 1]", config.final_fraction);
  const double updates = config.warmup < 1 ? config.warmup * static_cast<double>(total) : config.warmup;
  warmup_ = static_cast<int64_t>(std::llround(std::min(updates, static_cast<double>(total))));
}

double Schedule::rate(int64_t step, double least) const {
  if (step <= warmup_) return peak_ * static_cast<double>(step) / static_cast<double>(warmup_);
  const auto length = static_cast<double>(std::max<int64_t>(total_ - warmup_, 1));
  const double progress = std::clamp(static_cast<double>(step - 1 - warmup_) / length, least, 1.0);
  const double f = config_.final_fraction;
  switch (config_.kind) {
    case ScheduleKind::constant:
      return peak_;
    case ScheduleKind::linear:
      return peak_ * (f + (1 - f) * (1 - progress));
    case ScheduleKind::cosine:
      return peak_ * (f + (1 - f) * (1 + std::cos(std::numbers::pi * progress)) / 2);
    case ScheduleKind::inverse_sqrt:
      return peak_ * std::max(f, std::sqrt(static_cast<double>(std::max<int64_t>(warmup_, 1)) /
                                           static_cast<double>(step)));
  }
  throw Failure("no such schedule");
}

}  // namespace sluice
