// The launches of a pass: as many teams at once as the GPU holds.
#pragma once

#include <algorithm>

#include "kernels/core/launch.cuh"
#include "kernels/recurrence_persistent/layout.h"

namespace sluice::cuda {

template <class Params>
void launch_teams(const char* name, void (*kernel)(Params, int), const Params& p, cudaStream_t stream) {
  const int teams = p.shape.directions * p.plan.groups;
  for (int first = 0; first < teams; first += p.plan.teams_at_once) {
    const int blocks = std::min(p.plan.teams_at_once, teams - first) * p.plan.blocks;
    check_cuda("cudaMemsetAsync", cudaMemsetAsync(p.exchange.flags, 0, sizeof(uint32_t) * blocks, stream));
    launch_kernel(name, kernel,
                  Plan{.grid = {.x = blocks},
                       .block = {.x = kPersistentThreads},
                       .shared = p.plan.shared,
                       .cooperative = true},
                  stream, p, first);
  }
}

}  // namespace sluice::cuda
