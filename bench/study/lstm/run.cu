// Runs a version on the device: the frame's only part that knows CUDA.
#include <algorithm>
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

// A HostProblem in device memory, and room for its results.
struct OnDevice {
  const HostProblem& host;
  size_t states, outputs;
  std::shared_ptr<float> x_pre, R, h0, c0, y, cT;
  std::shared_ptr<int> lengths;

  explicit OnDevice(const HostProblem& p)
      : host(p),
        states(p.h0.size()),
        outputs(states * static_cast<size_t>(p.T)),
        x_pre(upload(p.x_pre)),
        R(upload(p.R)),
        h0(upload(p.h0)),
        c0(upload(p.c0)),
        y(upload(std::vector<float>(outputs, kUntouched))),
        cT(device_array<float>(states)),
        lengths(upload(p.lengths)) {}
  Problem view() const {
    return {.H = host.H,
            .B = host.B,
            .T = host.T,
            .x_pre = x_pre.get(),
            .R = R.get(),
            .h0 = h0.get(),
            .c0 = c0.get(),
            .lengths = lengths.get(),
            .y = y.get(),
            .cT = cT.get()};
  }
};

std::shared_ptr<CUstream_st> make_stream() {
  cudaStream_t stream = nullptr;
  check_cuda("cudaStreamCreate", cudaStreamCreate(&stream));
  return {stream, [](cudaStream_t s) { cudaStreamDestroy(s); }};
}

std::shared_ptr<CUevent_st> make_event() {
  cudaEvent_t event = nullptr;
  check_cuda("cudaEventCreate", cudaEventCreate(&event));
  return {event, [](cudaEvent_t e) { cudaEventDestroy(e); }};
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
  const OnDevice problem(host);
  const auto stream = make_stream();
  const Pass pass = version.prepare(problem.view());
  for (int i = 0; i < passes; ++i) pass(stream.get());
  check_cuda("cudaStreamSynchronize", cudaStreamSynchronize(stream.get()));
  return {download(problem.y.get(), problem.outputs), download(problem.cT.get(), problem.states)};
}

double time_of_step(const Version& version, const HostProblem& host, int passes) {
  const OnDevice problem(host);
  const auto stream = make_stream();
  const auto begin = make_event(), end = make_event();
  const Pass pass = version.prepare(problem.view());
  pass(stream.get());
  check_cuda("cudaEventRecord", cudaEventRecord(begin.get(), stream.get()));
  for (int i = 0; i < passes; ++i) pass(stream.get());
  check_cuda("cudaEventRecord", cudaEventRecord(end.get(), stream.get()));
  check_cuda("cudaEventSynchronize", cudaEventSynchronize(end.get()));
  float milliseconds = 0;
  check_cuda("cudaEventElapsedTime", cudaEventElapsedTime(&milliseconds, begin.get(), end.get()));
  return milliseconds * 1e-3 / passes / std::max(1, host.lengths.front());
}

}  // namespace sluice::study
