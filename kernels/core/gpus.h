// GPUs that plans and models are asked about where none is present.
#pragma once

#include <vector>

#include "kernels/core/plan.h"

namespace sluice {

const std::vector<DeviceProps>& known_gpus();

// What models reckon with: figures of data sheets, none of them measured here.
struct GpuSpeeds {
  double clock = 0;    // Hz, boost
  double memory = 0;   // bytes a second of device memory
  int f32_fma = 0;     // multiply-adds a cycle and multiprocessor, in f32
  int tensor_fma = 0;  // the same of bf16 and f16 by tensor cores, dense, summed in f32
};
// Of one of known_gpus(), by its name; null for another.
const GpuSpeeds* speeds_of(const std::string& name);

}  // namespace sluice
