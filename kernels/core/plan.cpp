#include "kernels/core/plan.h"

#include <fmt/core.h>

namespace sluice {
namespace {

constexpr int64_t kMaxGridX = 0x7fffffff, kMaxGridYZ = 65535, kMaxThreads = 1024;

std::string refusal_of(const Plan& plan, const DeviceProps& device) {
  if (device.major < kLeastMajor)
    return fmt::format("{} has compute capability {}.{}, the kernels need {}.0", device.name, device.major,
                       device.minor, kLeastMajor);
  if (plan.grid.x > kMaxGridX || plan.grid.y > kMaxGridYZ || plan.grid.z > kMaxGridYZ)
    return fmt::format("{} x {} x {} blocks are more than a grid holds", plan.grid.x, plan.grid.y,
                       plan.grid.z);
  const int64_t threads = plan.block.x * plan.block.y * plan.block.z;
  if (threads > kMaxThreads) return fmt::format("{} threads are more than a block holds", threads);
  if (plan.shared > device.shared_per_block)
    return fmt::format("a block needs {} bytes of shared memory, {} has {}", plan.shared, device.name,
                       device.shared_per_block);
  const unsigned most = most_in_cluster(device);
  if (plan.cluster > 1 && most == 1) return fmt::format("{} has no clusters", device.name);
  if (plan.cluster > most) return fmt::format("a cluster of {} blocks, {} at most", plan.cluster, most);
  return {};
}

}  // namespace

PlanResult fitted(const Plan& plan, const DeviceProps& device) {
  const std::string reason = refusal_of(plan, device);
  if (!reason.empty()) return Refusal{reason};
  return plan;
}

}  // namespace sluice
