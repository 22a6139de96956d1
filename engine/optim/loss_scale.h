// What a loss is multiplied by before its gradient is formed, so that gradients stored in f16 do not vanish,
// and what the update divides by again. Key of the configuration: `train.loss_scale`.
#pragma once

#include <cstdint>

#include "engine/tensor.h"

namespace sluice {

// Note [Loss scale]
// Found on the way: where a gradient overflows, its update is left out and the scale halved; after kGrowAfter
// updates without one it is doubled (Micikevicius et al. 2018). An update's outcome is known when the next
// one is under way, on whatever backend; so update u takes what the outcomes of the updates up to u - 2 ask
// for, whenever they were looked at, and a training that is resumed takes the same scales as one that never
// stopped.
class LossScale {
 public:
  static constexpr double kFirst = 0x1p16, kMost = 0x1p24;
  static constexpr int64_t kGrowAfter = 2000;

  struct State {
    double scale = 1;            // as far as outcomes are heeded
    int64_t good = 0;            // updates since it last changed
    int64_t pending_update = 0;  // whose outcome is known and not yet heeded; 0: there is none
    double pending_scale = 0;    // that update's scale
    int64_t pending_finite = 0;  // its outcome
  };

  // configured: 0 for one found on the way in f16, and 1 in the other types; else the scale of every update.
  LossScale(double configured, DType real);

  // The scale of an update, which begins; they are counted from 1. A power of two, unless configured
  // otherwise.
  double begin(int64_t update);
  // The outcomes of the updates begun, in their order: `scale` as begin() gave it, and whether the gradients
  // were finite. Returns false where it is no matter of the scale that they were not.
  bool outcome(int64_t update, double scale, bool finite);

  const State& state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  void heed();

  bool dynamic_;
  State state_;
};

}  // namespace sluice
