// Runs a version on the device: the frame's only part that knows CUDA.
#include <stdexcept>

#include "bench/study/lstm/device.cuh"

namespace sluice::study {
namespace {

template <class T>
std::shared_ptr<T> upload(const std::vector<T>& values) {
  std::shared_ptr<T> device = device_array<T>(values.size());
  check_cuda("cudaMemcpy",
             cudaMemcpy(device.get(), values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
  return device;
}

std::vector<float> download(const float* device, size_t count) {
  std::vector<float> values(count);
  check_cuda("cudaMemcpy", cudaMemcpy(values.data(), device, count * sizeof(float), cudaMemcpyDeviceToHost));
  return values;
}

}  // namespace

const std::vector<Version>& versions() {
  static const std::vector<Version> all = {
      {"v1_naive", v1_naive},           {"v2_fused", v2_fused},         {"v3_graph", v3_graph},
      {"v4_persistent", v4_persistent}, {"v5_registers", v5_registers}, {"v6_groups", v6_groups},
      {"v7_ragged", v7_ragged, true},
  };
  return all;
}

const Version& version_named(const std::string& name) {
  for (const Version& v : versions())
    if (v.name == name) return v;
  throw std::invalid_argument("there is no version " + name);
}

Result<float> run(const Version& version, const HostProblem& host, int passes) {
  const size_t states = host.h0.size(), outputs = states * static_cast<size_t>(host.T);
  const auto x_pre = upload(host.x_pre), R = upload(host.R), h0 = upload(host.h0), c0 = upload(host.c0),
             y = upload(std::vector<float>(outputs, kUntouched)), cT = device_array<float>(states);
  const auto lengths = upload(host.lengths);
  cudaStream_t stream = nullptr;
  check_cuda("cudaStreamCreate", cudaStreamCreate(&stream));
  const std::shared_ptr<CUstream_st> owner(stream, [](cudaStream_t s) { cudaStreamDestroy(s); });
  const Pass pass = version.prepare({.H = host.H,
                                     .B = host.B,
                                     .T = host.T,
                                     .x_pre = x_pre.get(),
                                     .R = R.get(),
                                     .h0 = h0.get(),
                                     .c0 = c0.get(),
                                     .lengths = lengths.get(),
                                     .y = y.get(),
                                     .cT = cT.get()});
  for (int i = 0; i < passes; ++i) pass(stream);
  check_cuda("cudaStreamSynchronize", cudaStreamSynchronize(stream));
  return {download(y.get(), outputs), download(cT.get(), states)};
}

}  // namespace sluice::study
