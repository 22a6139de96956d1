// What others have measured of cuDNN's algorithms and made public.
#pragma once

#include <vector>

#include "engine/recurrence.h"

namespace sluice {

// An LSTM of one layer and direction, all sequences equally long; its product with W is in the time.
struct PublicFigure {
  CudnnAlgorithm algorithm;
  DType dtype;
  int hidden, batch, steps;
  double forward;   // microseconds a step
  const char* gpu;  // as the source names it
  const char* source;
};
const std::vector<PublicFigure>& public_figures();

}  // namespace sluice
