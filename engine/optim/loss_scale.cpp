#include "engine/optim/loss_scale.h"

#include <algorithm>

namespace sluice {

LossScale::LossScale(double configured, DType real) : dynamic_(configured == 0 && real == DType::f16) {
  if (configured > 0)
    state_.scale = configured;
  else if (dynamic_)
    state_.scale = kFirst;
}

double LossScale::begin(int64_t update) {
  if (state_.pending_update <= update - 2) heed();
  return state_.scale;
}

bool LossScale::outcome(int64_t update, double scale, bool finite) {
  if (!dynamic_) return finite;
  heed();  // what came before is for the next update to begin
  state_.pending_update = update;
  state_.pending_scale = scale;
  state_.pending_finite = finite;
  return finite || scale > 1;
}

void LossScale::heed() {
  if (state_.pending_update == 0) return;
  const bool finite = state_.pending_finite != 0, of_this_scale = state_.pending_scale == state_.scale;
  state_.pending_update = 0;
  if (!of_this_scale) return;  // begun before the scale changed
  state_.good = finite ? state_.good + 1 : 0;
  if (finite && state_.good < kGrowAfter) return;
  state_.good = 0;
  state_.scale = finite ? std::min(state_.scale * 2, kMost) : state_.scale / 2;
}

}  // namespace sluice
