#include <algorithm>
#include <cstring>
#include <fstream>
#include <thread>

#include "bench/frame.h"
#include "bench/stopwatch.h"
#include "bench/values.h"

namespace sluice::bench {
namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

double best_of(int times, const std::function<double()>& seconds) {
  double best = seconds();
  for (int i = 1; i < times; ++i) best = std::min(best, seconds());
  return best;
}

// Of an f32 product of square matrices.
double gemm_rate(Backend& backend, Stopwatch& stopwatch, int64_t size) {
  const auto n = static_cast<size_t>(size);
  Buffer memory(backend, (3 * n * n + n) * sizeof(float), "matrices");
  auto* x = static_cast<float*>(memory.data());
  const auto matrix = [&](int64_t k) { return Tensor(x + k * size * size, DType::f32, {size, size}); };
  for (const int64_t k : {0, 1}) fill(backend, matrix(k), 3);
  const Tensor bias(x + 3 * size * size, DType::f32, {size});
  const double seconds = best_of(5, [&] {
    return stopwatch.time(
        [&] { backend.linear_forward({.x = matrix(0), .W = matrix(1), .b = bias, .y = matrix(2)}); });
  });
  const auto edge = static_cast<double>(size);
  return 2 * edge * edge * edge / seconds / 1e9;
}

double gpu_copy_rate(Backend& backend, Stopwatch& stopwatch, size_t bytes) {
  const Buffer from(backend, bytes, "copy"), to(backend, bytes, "copy");
  const auto whole = [&](const Buffer& buffer) {
    return Tensor(buffer.data(), DType::u8, {static_cast<int64_t>(bytes)});
  };
  const double seconds =
      best_of(5, [&] { return stopwatch.time([&] { backend.copy(whole(from), whole(to)); }); });
  return 2.0 * static_cast<double>(bytes) / seconds / 1e9;
}

double copy_rate(int threads, size_t bytes) {
  std::vector<char> from(bytes, 1), to(bytes, 2);
  const auto count = static_cast<size_t>(threads);
  const double seconds = best_of(5, [&] {
    return time_of([&] {
      std::vector<std::jthread> workers;
      for (size_t w = 0; w < count; ++w)
        workers.emplace_back([&, w] {
          const size_t begin = bytes * w / count, end = bytes * (w + 1) / count;
          memcpy(to.data() + begin, from.data() + begin, end - begin);
        });
    });
  });
  return 2.0 * static_cast<double>(bytes) / seconds / 1e9;
}

}  // namespace

Machine measure_machine(Device device, int threads, bool rehearsal) {
  const auto backend = make_backend({.device = device, .threads = threads});
  const auto stopwatch = make_stopwatch(*backend);
  const double gemm = gemm_rate(*backend, *stopwatch, rehearsal ? 64 : device == Device::cuda ? 8192 : 2048);
  const size_t bytes = size_t{rehearsal ? 1u : 256u} << 20;  // larger than any cache
  if (device == Device::cuda)
    return {.processor = backend->describe(),
            .gemm_gflops = gemm,
            .bandwidth_gbs = gpu_copy_rate(*backend, *stopwatch, bytes)};
  const int count = threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency());
  return {.processor = processor_name(),
          .threads = count,
          .gemm_gflops = gemm,
          .bandwidth_gbs = copy_rate(count, bytes)};
}

}  // namespace sluice::bench
