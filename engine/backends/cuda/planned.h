// Launching what has a plan.
#pragma once

#include <variant>

#include "engine/backends/cuda/queue.h"
#include "engine/error.h"
#include "kernels/core/plan.h"

namespace sluice::cuda {

// Throws Failure with the reason where no plan takes the shape.
template <class Params>
void launch_planned(const Queue& queue, const Params& p) {
  const auto planned = plan(p, queue.device());
  if (const auto* refusal = std::get_if<Refusal>(&planned)) throw Failure("{}", refusal->reason);
  launch(p, std::get<0>(planned), queue.stream());
}

}  // namespace sluice::cuda
