#include "engine/backends/cuda/memory.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "kernels/core/check.cuh"

namespace sluice::cuda {
namespace {

double megabytes(size_t bytes) {
  return static_cast<double>(bytes) / 1e6;
}

}  // namespace

Memory::Memory(int index) {
  check_cuda("cudaDeviceGetDefaultMemPool", cudaDeviceGetDefaultMemPool(&pool_, index));
  uint64_t everything = UINT64_MAX;
  check_cuda("cudaMemPoolSetAttribute",
             cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &everything));
}

void* Memory::allocate(size_t bytes, const char* what, cudaStream_t stream) {
  void* data = nullptr;
  const cudaError_t error = cudaMallocFromPoolAsync(&data, bytes, pool_, stream);
  if (error == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    throw Failure(
        "no memory on the GPU for {}: {:.1f} MB wanted, {:.1f} MB left; in use: {}; make batch.tokens or the "
        "model smaller, or end what else uses the GPU",
        what, megabytes(bytes), megabytes(available()), blocks_.empty() ? "nothing" : holders());
  }
  check_cuda("cudaMallocFromPoolAsync", error);
  blocks_.emplace(data, Block{what, bytes});
  return data;
}

void Memory::release(void* data, cudaStream_t stream) noexcept {
  blocks_.erase(data);
  cudaFreeAsync(data, stream);
}

size_t Memory::available() const {
  size_t free = 0, total = 0;
  uint64_t reserved = 0, used = 0;
  check_cuda("cudaMemGetInfo", cudaMemGetInfo(&free, &total));
  check_cuda("cudaMemPoolGetAttribute",
             cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrReservedMemCurrent, &reserved));
  check_cuda("cudaMemPoolGetAttribute", cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrUsedMemCurrent, &used));
  return free + (reserved - used);
}

std::string Memory::holders() const {
  std::map<std::string, size_t> by_name;
  for (const auto& [data, block] : blocks_) by_name[block.what] += block.bytes;
  std::vector<std::pair<std::string, size_t>> sorted(by_name.begin(), by_name.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  constexpr size_t kNamed = 6;
  std::string text;
  for (size_t i = 0; i < std::min(sorted.size(), kNamed); ++i)
    text += fmt::format("{}{} {:.1f} MB", i ? ", " : "", sorted[i].first, megabytes(sorted[i].second));
  if (sorted.size() > kNamed) text += fmt::format(" and {} more", sorted.size() - kNamed);
  return text;
}

}  // namespace sluice::cuda
