#include "kernels/batch/columns.h"
#include "kernels/batch/rows.h"
#include "kernels/pooling/pooling.h"

namespace sluice::cuda {

// Sums and max walk through time: a block a sequence and kColumns columns, its slices every kSlices-th step.
PlanResult plan_pool_forward(const PoolShape& s, const DeviceProps& device) {
  if (s.kind == PoolKind::last) return fitted(row_plan(s.sequences, s.columns), device);
  Plan plan;
  plan.grid = {s.sequences, blocks_for(s.columns, kColumns)};
  plan.block = {kColumns, kSlices};
  return fitted(plan, device);
}

// Sums reach every row, the others one row of each sequence.
PlanResult plan_pool_backward(const PoolShape& s, const DeviceProps& device) {
  if (s.kind == PoolKind::last || s.kind == PoolKind::max)
    return fitted(row_plan(s.sequences, s.columns), device);
  Plan plan = row_plan(s.rows, s.columns / s.width);
  plan.width = s.width;
  return fitted(plan, device);
}

}  // namespace sluice::cuda
