// Which evaluation is the best so far, and when to stop waiting for a better one.
#pragma once

#include <cstdint>
#include <optional>

namespace sluice {

struct EarlyStoppingConfig {
  bool higher_is_better = true;
  int64_t patience = 0;  // evaluations in a row without a gain of min_delta; 0: never stop
  double min_delta = 0;  // what counts as a gain for the patience; any gain makes a new best
};

class EarlyStopping {
 public:
  // Saved in checkpoints.
  struct State {
    std::optional<double> best;       // of all evaluations
    std::optional<double> best_loss;  // the log loss of that evaluation
    std::optional<double> reference;  // the last value that was a gain of min_delta
    int64_t stale = 0;                // evaluations since
  };

  explicit EarlyStopping(const EarlyStoppingConfig& config) : config_(config) {}

  // True when the evaluation is the best so far. Of equal values the one with the lower log loss is better,
  // and the first where that is equal, too; patience is about the value alone. A value that is not a number
  // is never better.
  bool observe(double value, double log_loss);
  bool exhausted() const { return config_.patience > 0 && state_.stale >= config_.patience; }

  const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  bool better(double value, const std::optional<double>& than, double margin) const;

  EarlyStoppingConfig config_;
  State state_;
};

}  // namespace sluice
