#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "bench/frame.h"
#include "engine/error.h"

namespace sluice::bench {
namespace {

void write_file(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".tmp";
  std::ofstream file(temporary);
  file << text;
  file.close();
  if (!file || rename(temporary.c_str(), path.c_str()) != 0) throw UserError("--out: cannot write {}", path);
}

double gflops(const Timing& t) {
  return t.subject.flops / t.median / 1e9;
}
double gigabytes_per_second(const Timing& t) {
  return t.subject.bytes / t.median / 1e9;
}
double tokens_per_second(const Timing& t) {
  return t.subject.tokens / t.median;
}

constexpr const char* kRehearsal = "a rehearsal: its timings mean nothing";

std::string heading(const Machine& machine, bool rehearsal) {
  std::string text = rehearsal ? fmt::format("{}\n", kRehearsal) : "";
  const std::string threads = machine.threads ? fmt::format(", {} threads", machine.threads) : "";
  text += fmt::format("{}{}: GEMM {:.0f} GFLOP/s, copy {:.1f} GB/s, in this run\n", machine.processor,
                      threads, machine.gemm_gflops, machine.bandwidth_gbs);
  text += "ratio: time of the case's first contender / time of this one, median of the pairs\n";
  return text + fmt::format("{:<58} {:<42} {:>10} {:>10} {:>10} {:>9} {:>9} {:>10} {:>7}\n", "case",
                            "contender", "median ms", "fastest", "slowest", "GFLOP/s", "GB/s", "tokens/s",
                            "ratio");
}

std::string line(const Timing& t) {
  return fmt::format("{:<58} {:<42} {:>10.3f} {:>10.3f} {:>10.3f} {:>9.1f} {:>9.1f} {:>10.0f} {:>7.2f}\n",
                     t.subject.family + " " + t.subject.name, t.contender, t.median * 1e3, t.low * 1e3,
                     t.high * 1e3, gflops(t), gigabytes_per_second(t), tokens_per_second(t), t.ratio);
}

std::string csv(const std::vector<Timing>& timings, bool rehearsal) {
  std::string text = rehearsal ? fmt::format("# {}\n", kRehearsal) : "";
  text += "family,case,contender,repetition,seconds\n";
  for (const Timing& t : timings)
    for (size_t i = 0; i < t.seconds.size(); ++i)
      text +=
          fmt::format("{},{},{},{},{:.9f}\n", t.subject.family, t.subject.name, t.contender, i, t.seconds[i]);
  return text;
}

std::string json(const std::vector<Timing>& timings, const Machine& machine, bool rehearsal) {
  nlohmann::ordered_json root;
  if (rehearsal) root["note"] = kRehearsal;
  root["machine"] = {{"processor", machine.processor},
                     {"threads", machine.threads},
                     {"gemm_gflops", machine.gemm_gflops},
                     {"copy_gbs", machine.bandwidth_gbs}};
  for (const Timing& t : timings)
    root["timings"].push_back({{"family", t.subject.family},
                               {"case", t.subject.name},
                               {"contender", t.contender},
                               {"median_seconds", t.median},
                               {"fastest_seconds", t.low},
                               {"slowest_seconds", t.high},
                               {"gflops", gflops(t)},
                               {"gigabytes_per_second", gigabytes_per_second(t)},
                               {"tokens_per_second", tokens_per_second(t)},
                               {"ratio_to_first", t.ratio}});
  return root.dump(2) + "\n";
}

}  // namespace

Report::Report(Device device, int threads, bool rehearsal, std::string path)
    : device_(device), threads_(threads), rehearsal_(rehearsal), path_(std::move(path)) {}

void Report::add(const std::vector<Timing>& timings) {
  if (timings.empty()) return;  // every contender refused
  if (!machine_) {
    machine_ = measure_machine(device_, threads_, rehearsal_);
    fputs(heading(*machine_, rehearsal_).c_str(), stdout);
  }
  for (const Timing& t : timings) fputs(line(t).c_str(), stdout);
  fflush(stdout);
  all_.insert(all_.end(), timings.begin(), timings.end());
  if (path_.empty()) return;
  write_file(path_ + ".csv", csv(all_, rehearsal_));
  write_file(path_ + ".json", json(all_, *machine_, rehearsal_));
}

}  // namespace sluice::bench
