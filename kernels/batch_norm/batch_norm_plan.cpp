#include "kernels/batch_norm/batch_norm.h"

namespace sluice::cuda {

Planned<BatchNormPlan> plan_batch_norm(const BatchNormShape& s, const DeviceProps& device) {
  BatchNormPlan plan;
  plan.chunks = s.sums ? column_chunks(s.rows) : 0;
  plan.sum = column_plan(s.columns, plan.chunks);
  plan.finish = column_plan(s.columns, 1);
  plan.apply = row_plan(s.rows, s.columns / s.width);
  plan.apply.width = s.width;
  for (const Plan& part : {plan.sum, plan.finish, plan.apply})
    if (const PlanResult fits = fitted(part, device); const auto* refusal = std::get_if<Refusal>(&fits))
      return *refusal;
  return plan;
}

}  // namespace sluice::cuda
