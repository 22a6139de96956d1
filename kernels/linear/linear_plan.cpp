#include "kernels/batch/rows.h"
#include "kernels/linear/linear.h"

namespace sluice::cuda {

PlanResult plan_bias(int64_t rows, int64_t columns, int width, const DeviceProps& device) {
  Plan plan = row_plan(rows, columns / width);
  plan.width = width;
  return fitted(plan, device);
}

Planned<ColumnSumPlan> plan_column_sum(int64_t rows, int64_t columns, const DeviceProps& device) {
  ColumnSumPlan plan;
  plan.chunks = column_chunks(rows);
  plan.sum = column_plan(columns, plan.chunks);
  plan.add = column_plan(columns, 1);
  if (const PlanResult sum = fitted(plan.sum, device); const auto* refusal = std::get_if<Refusal>(&sum))
    return *refusal;
  return plan;
}

}  // namespace sluice::cuda
