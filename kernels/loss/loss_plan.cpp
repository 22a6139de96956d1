#include "kernels/loss/loss.h"

namespace sluice::cuda {

PlanResult plan_xent(int64_t rows, const DeviceProps& device) {
  constexpr int kWarp = 32;
  Plan plan;
  plan.grid.x = blocks_for(rows, kXentRows);
  plan.block = {kWarp, kXentRows};
  return fitted(plan, device);
}

}  // namespace sluice::cuda
