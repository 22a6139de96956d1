// sluice_bench FAMILY [options]: runs one family of cases and reports it.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "bench/families.h"
#include "engine/error.h"

namespace sluice::bench {
namespace {

int run(int argc, char** argv) {
  CLI::App app("Benchmarks of Sluice: ratios taken side by side in one run.");
  app.require_subcommand(1);
  Settings settings;
  std::string out;
  settings.rivals = SLUICE_BENCH_RIVALS;
  app.add_option("--repetitions", settings.frame.repetitions, "Repetitions of each contender")
      ->capture_default_str();
  app.add_option("--warmup", settings.frame.warmup, "Repetitions before those that count")
      ->capture_default_str();
  app.add_option("--threads", settings.threads, "Threads; 0: as many as the machine lends")
      ->capture_default_str();
  app.add_option("--python", settings.python, "Interpreter with PyTorch: adds the rival");
  app.add_option("--out", out, "Writes OUT.csv and OUT.json");
  app.add_option("--shape", settings.shapes,
                 "H:B:D of lstm_layer, adding:T or copying:T of long_memory; may be repeated");
  app.add_option("--lengths", settings.lengths, "fixed:N or uniform:LOW:HIGH")->capture_default_str();
  app.add_option("--data", settings.data, "Labelled text of end_to_end");
  app.fallthrough();
  std::vector<Timing> (*family)(const Settings&) = nullptr;
  const auto add = [&](const char* name, const char* what, std::vector<Timing> (*f)(const Settings&)) {
    app.add_subcommand(name, what)->callback([&family, f] { family = f; });
  };
  add("lstm_layer", "One LSTM layer with its input product", lstm_layer);
  add("end_to_end", "Training steps of the classifier on real text", end_to_end);
  add("long_memory", "Adding and copying problems over T steps", long_memory);
  CLI11_PARSE(app, argc, argv);
  const std::vector<Timing> timings = family(settings);
  if (!timings.empty()) report(timings, measure_machine(settings.threads), out);
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  try {
    return sluice::bench::run(argc, argv);
  } catch (const sluice::Error& error) {
    fprintf(stderr, "sluice_bench: error: %s\n", error.what());
    return error.exit_code();
  }
}
