#include "kernels/core/gpus.h"

#include <map>

namespace sluice {

// Compute capability and shared memory per block: CUDA C++ Programming Guide 13.0, "Technical Specifications
// per Compute Capability" (8.0: 163 KB; 8.6 and 8.9: 99 KB; 9.0 and 10.0: 227 KB). Multiprocessors and
// memory: NVIDIA's architecture whitepapers and data sheets of A100 (2020), H100 (2022), H200 (2023),
// Blackwell (2024), Ada GPU architecture (RTX 4090), L4 (2023), GeForce RTX 3060 (2021).
const std::vector<DeviceProps>& known_gpus() {
  constexpr size_t kKB = size_t{1} << 10, kGB = 1000000000;
  static const std::vector<DeviceProps> all = {
      {"A100 SXM 80GB", 8, 0, 108, 163 * kKB, 80 * kGB}, {"H100 SXM", 9, 0, 132, 227 * kKB, 80 * kGB},
      {"H100 PCIe", 9, 0, 114, 227 * kKB, 80 * kGB},     {"H200", 9, 0, 132, 227 * kKB, 141 * kGB},
      {"B200", 10, 0, 148, 227 * kKB, 180 * kGB},        {"L4", 8, 9, 58, 99 * kKB, 24 * kGB},
      {"RTX 4090", 8, 9, 128, 99 * kKB, 24 * kGB},       {"RTX 3060", 8, 6, 28, 99 * kKB, 12 * kGB},
  };
  return all;
}

// Boost clocks, memory bandwidth and lanes: the same whitepapers and data sheets. Tensor cores: their dense
// f16 rate with f32 sums, divided by multiprocessors, clock and 2.
const GpuSpeeds* speeds_of(const std::string& name) {
  static const std::map<std::string, GpuSpeeds> all = {
      {"A100 SXM 80GB", {1.41e9, 2.04e12, 64, 1024}}, {"H100 SXM", {1.83e9, 3.35e12, 128, 2048}},
      {"H100 PCIe", {1.62e9, 2.0e12, 128, 2048}},     {"H200", {1.83e9, 4.8e12, 128, 2048}},
      {"B200", {1.85e9, 8.0e12, 128, 4096}},          {"L4", {2.04e9, 0.3e12, 128, 512}},
      {"RTX 4090", {2.52e9, 1.01e12, 128, 256}},      {"RTX 3060", {1.78e9, 0.36e12, 128, 256}},
  };
  const auto found = all.find(name);
  return found == all.end() ? nullptr : &found->second;
}

}  // namespace sluice
