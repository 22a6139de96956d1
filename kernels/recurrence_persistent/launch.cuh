// The launches of a pass: as many teams at once as the GPU holds, or clusters, which it runs as they fit.
#pragma once

#include <algorithm>

#include "kernels/core/launch.cuh"
#include "kernels/recurrence_persistent/layout.h"

namespace sluice::cuda {

// Of the target that device code is compiled for.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
inline constexpr bool kTargetHasClusters = true;
#else
inline constexpr bool kTargetHasClusters = false;
#endif

template <class Params>
void launch_clusters(const char* name, const Layouts& layouts, void (*kernel)(Params, Layouts, int),
                     const Params& p, cudaStream_t stream) {
  launch_kernel(name, kernel,
                Plan{.grid = {.x = int64_t{p.shape.directions} * p.plan.groups * p.plan.blocks},
                     .block = {.x = kPersistentThreads},
                     .shared = p.plan.shared,
                     .cluster = static_cast<unsigned>(p.plan.blocks)},
                stream, p, layouts, 0);
}

template <class Params>
void launch_teams(const char* name, const Layouts& layouts, void (*kernel)(Params, Layouts, int),
                  const Params& p, cudaStream_t stream) {
  if (p.plan.cluster) return launch_clusters(name, layouts, kernel, p, stream);
  const int teams = p.shape.directions * p.plan.groups;
  for (int first = 0; first < teams; first += p.plan.teams_at_once) {
    const int blocks = std::min(p.plan.teams_at_once, teams - first) * p.plan.blocks;
    check_cuda("cudaMemsetAsync", cudaMemsetAsync(p.exchange.flags, 0, sizeof(uint32_t) * blocks, stream));
    launch_kernel(name, kernel,
                  Plan{.grid = {.x = blocks},
                       .block = {.x = kPersistentThreads},
                       .shared = p.plan.shared,
                       .cooperative = true},
                  stream, p, layouts, first);
  }
}

}  // namespace sluice::cuda
