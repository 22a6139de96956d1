// One frame for every benchmark: cases with contenders, warmed up, repeated in turn, reported as medians with
// their spread.
//
// Contenders of a case run interleaved, A B C A B C ..., so that a busy moment of a shared machine strikes
// all of them alike; what is claimed is a ratio within one run. A contender is a function of this process or
// a rival program driven over a pipe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/backend.h"

namespace sluice::bench {

// What is measured: enough to find the same case again in another run's results.
struct Case {
  std::string family;  // "lstm_layer"
  std::string name;    // "H128 B32 T200 D2 f32 fixed:200"
  double flops = 0;    // of one repetition; 0: not counted
  double tokens = 0;   // of one repetition
  double bytes = 0;    // that one repetition must move at least
};

struct Contender {
  std::string name;                // backend and path, "cuda:step"; a rival's, "pytorch packed"
  std::function<double()> repeat;  // one repetition; returns its seconds
};

struct Timing {
  Case subject;
  std::string contender;
  std::vector<double> seconds;           // in the order measured
  double median = 0, low = 0, high = 0;  // low, high: the fastest and slowest repetition
  double ratio = 0;  // median of seconds[i] of the first contender / seconds[i] of this one
};

struct FrameOptions {
  int warmup = 2;
  int repetitions = 7;
};

// Runs the contenders of one case in turn.
std::vector<Timing> measure(const Case& subject, std::vector<Contender>& contenders,
                            const FrameOptions& options);

// Seconds that f() takes.
double time_of(const std::function<void()>& f);

// What this machine can do at most, measured in the same run as the cases.
struct Machine {
  std::string processor;
  int threads = 0;           // of a CPU; 0: a GPU
  double gemm_gflops = 0;    // the backend's largest f32 matrix product
  double bandwidth_gbs = 0;  // bytes read and written by copies larger than any cache
};
// rehearsal: by sizes that are soon done; the figures mean nothing.
Machine measure_machine(Device device, int threads, bool rehearsal);

// A rival: one process, which serves every case of a family over a pipe. What is said there:
// bench/rivals/serve.py. Throws Failure when it ends or answers something else.
class Rival {
 public:
  explicit Rival(const std::vector<std::string>& command);
  ~Rival();
  Rival(Rival&&) noexcept;

  // Names hold no spaces; `options` are the rival program's own. Throws UserError with the rival's words
  // where it refuses the case.
  void prepare(const std::string& name, const std::string& options);
  double repeat(const std::string& name);
  void drop(const std::string& name);

 private:
  std::string ask(const std::string& line);
  std::string read_line();
  struct Pipes;
  std::unique_ptr<Pipes> pipes_;
};

// The timings of a run, kept as they come: one that is cut off has lost nothing but the case under way.
class Report {
 public:
  // path: of PATH.csv and PATH.json; empty: none are written. A rehearsal's are marked as such.
  Report(Device device, int threads, bool rehearsal, std::string path);
  // One case: prints its lines to stdout and writes the files anew (temporary name, then rename).
  void add(const std::vector<Timing>& timings);

 private:
  Device device_;
  int threads_;
  bool rehearsal_;
  std::string path_;
  std::optional<Machine> machine_;  // measured with the first case
  std::vector<Timing> all_;
};

}  // namespace sluice::bench
