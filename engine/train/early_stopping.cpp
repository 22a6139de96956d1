#include "engine/train/early_stopping.h"

#include <cmath>

namespace sluice {

bool EarlyStopping::better(double value, const std::optional<double>& than, double margin) const {
  if (std::isnan(value)) return false;
  if (!than) return true;
  return config_.higher_is_better ? value > *than + margin : value < *than - margin;
}

bool EarlyStopping::observe(double value, double log_loss) {
  if (better(value, state_.reference, config_.min_delta)) {
    state_.reference = value;
    state_.stale = 0;
  } else {
    ++state_.stale;
  }
  const bool is_best = better(value, state_.best, 0) || (value == state_.best && log_loss < state_.best_loss);
  if (is_best) {
    state_.best = value;
    state_.best_loss = log_loss;
  }
  return is_best;
}

}  // namespace sluice
