// lstm_study: runs the versions of the recurrence beside each other.
//
//     lstm_study check H B T           every version against the reference
//     lstm_study model H B SMS         MODEL: version, launches, bytes of global and of shared memory a step;
//                                      microseconds a step, and where rows end evenly over time
//     lstm_study time H B T            microseconds a step on this GPU, beside MODEL's for an H100
//     lstm_study run VERSION H B T     one pass of one version: for a virtual GPU's counters or a profiler
#include <fmt/core.h>

#include <cstdlib>
#include <cstring>
#include <exception>

#include "bench/study/lstm/study.h"

namespace sluice::study {
namespace {

HostProblem equal_lengths(char** shape) {
  const int B = std::atoi(shape[1]), T = std::atoi(shape[2]);
  return make_problem(std::atoi(shape[0]), T, std::vector<int>(static_cast<size_t>(B > 0 ? B : 0), T));
}

void check(const HostProblem& p) {
  const Result<double> wanted = reference(p);
  for (const Version& v : versions())
    fmt::print("{:<14} differs from the reference by at most {:.1e}\n", v.name,
               distance(run(v, p, 1), wanted));
}

void time(const HostProblem& p) {
  constexpr int kPasses = 20, kH100Multiprocessors = 132;
  for (const Version& v : versions())
    fmt::print("{:<14} {:8.2f} us, MODEL {:8.2f}\n", v.name, time_of_step(v, p, kPasses) * 1e6,
               model_step(v.name, p.H, p.B, p.B, kH100Multiprocessors).seconds() * 1e6);
}

void model(int H, int B, int multiprocessors) {
  for (const Version& v : versions()) {
    const StepModel all = model_step(v.name, H, B, B, multiprocessors);
    double ragged = 0;  // the mean over B steps, at each of which one row ends
    for (int active = 1; active <= B; ++active)
      ragged += model_step(v.name, H, B, active, multiprocessors).seconds() / B;
    fmt::print("{}\t{:.0f}\t{:.0f}\t{:.0f}\t{:.3g}\t{:.3g}\n", v.name, all.launches, all.global, all.shared,
               all.seconds() * 1e6, ragged * 1e6);
  }
}

int main_of(int argc, char** argv) {
  if (argc == 5 && !std::strcmp(argv[1], "check")) {
    check(equal_lengths(argv + 2));
  } else if (argc == 6 && !std::strcmp(argv[1], "run")) {
    run(version_named(argv[2]), equal_lengths(argv + 3), 1);
  } else if (argc == 5 && !std::strcmp(argv[1], "time")) {
    time(equal_lengths(argv + 2));
  } else if (argc == 5 && !std::strcmp(argv[1], "model")) {
    model(std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]));
  } else {
    fmt::print(stderr, "usage: lstm_study check H B T | time H B T | model H B SMS | run VERSION H B T\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace sluice::study

int main(int argc, char** argv) {
  try {
    return sluice::study::main_of(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "lstm_study: {}\n", e.what());
    return 1;
  }
}
