#include <algorithm>
#include <cstring>
#include <fstream>
#include <thread>

#include "bench/frame.h"
#include "engine/backend.h"

namespace sluice::bench {
namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

double best_of(int times, const std::function<void()>& f) {
  double best = time_of(f);
  for (int i = 1; i < times; ++i) best = std::min(best, time_of(f));
  return best;
}

double gemm_rate(int threads) {
  const auto backend = make_backend({.device = Device::cpu, .threads = threads});
  constexpr int64_t kSize = 2048;
  Buffer memory(*backend, (3 * kSize * kSize + kSize) * sizeof(float), "matrices");
  auto* x = static_cast<float*>(memory.data());
  const auto matrix = [&](int64_t k) { return Tensor(x + k * kSize * kSize, DType::f32, {kSize, kSize}); };
  for (int64_t i = 0; i < 2 * kSize * kSize; ++i) x[i] = static_cast<float>(i % 7) - 3.0f;
  const Tensor bias(x + 3 * kSize * kSize, DType::f32, {kSize});
  const double seconds = best_of(
      5, [&] { backend->linear_forward({.x = matrix(0), .W = matrix(1), .b = bias, .y = matrix(2)}); });
  return 2.0 * kSize * kSize * kSize / seconds / 1e9;
}

double copy_rate(int threads) {
  constexpr size_t kBytes = size_t{256} << 20;  // larger than any cache
  std::vector<char> from(kBytes, 1), to(kBytes, 2);
  const auto count = static_cast<size_t>(threads);
  const double seconds = best_of(5, [&] {
    std::vector<std::jthread> workers;
    for (size_t w = 0; w < count; ++w)
      workers.emplace_back([&, w] {
        const size_t begin = kBytes * w / count, end = kBytes * (w + 1) / count;
        memcpy(to.data() + begin, from.data() + begin, end - begin);
      });
  });
  return 2.0 * static_cast<double>(kBytes) / seconds / 1e9;
}

}  // namespace

Machine measure_machine(int threads) {
  const int count = threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency());
  return {.processor = processor_name(),
          .threads = count,
          .gemm_gflops = gemm_rate(count),
          .bandwidth_gbs = copy_rate(count)};
}

}  // namespace sluice::bench
