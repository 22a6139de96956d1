// lstm_study: runs the versions of the recurrence beside each other.
//
//     lstm_study check H B T           every version against the reference
//     lstm_study run VERSION H B T     one pass of one version: for a virtual GPU's counters or a profiler
#include <fmt/core.h>

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

int main_of(int argc, char** argv) {
  if (argc == 5 && !std::strcmp(argv[1], "check")) {
    check(equal_lengths(argv + 2));
  } else if (argc == 6 && !std::strcmp(argv[1], "run")) {
    run(version_named(argv[2]), equal_lengths(argv + 3), 1);
  } else {
    fmt::print(stderr, "usage: lstm_study check H B T | run VERSION H B T\n");
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
