#include <fmt/core.h>

#include "kernels/recurrence_step/recurrence_step.h"

namespace sluice::cuda {

PlanResult plan_step(const StepShape& s, const DeviceProps& device) {
  constexpr int64_t kMost = 0x7fffffff;  // a thread counts its place, and the units of a row, in int
  const int64_t threads = s.active * (s.hidden / s.width);
  if (s.slots * s.hidden > kMost || threads > kMost - kStepThreads)
    return Refusal{fmt::format("{} units of {} slots in {} sequences are more than a step counts", s.hidden,
                               s.slots, s.active)};
  Plan plan;
  plan.grid.x = s.normed ? blocks_for(s.active, 1) : blocks_for(threads, kStepThreads);
  plan.block.x = s.normed ? kNormThreads : kStepThreads;
  plan.width = s.width;
  return fitted(plan, device);
}

}  // namespace sluice::cuda
