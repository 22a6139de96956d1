// sluice_bench FAMILY [options]: runs one family of cases and reports it.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <string>

#include "bench/families.h"
#include "engine/error.h"

namespace sluice::bench {
namespace {

std::map<std::string, RnnPath> paths() {
  std::map<std::string, RnnPath> paths;
  for (const RnnPath path :
       {RnnPath::cpu, RnnPath::onednn, RnnPath::step, RnnPath::persistent, RnnPath::cudnn})
    paths[name_of(path)] = path;
  return paths;
}

std::map<std::string, CudnnAlgorithm> algorithms() {
  std::map<std::string, CudnnAlgorithm> algorithms;
  for (const CudnnAlgorithm algorithm : kCudnnAlgorithms) algorithms[name_of(algorithm)] = algorithm;
  return algorithms;
}

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
  app.add_option("--device", settings.device, "cpu or cuda, of kernels, layers and end_to_end")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Device>{{"cpu", Device::cpu}, {"cuda", Device::cuda}}));
  app.add_option("--type", settings.type, "f32, f64, bf16 or f16, of kernels, layers and end_to_end")
      ->transform(CLI::CheckedTransformer(std::map<std::string, DType>{
          {"f32", DType::f32}, {"f64", DType::f64}, {"bf16", DType::bf16}, {"f16", DType::f16}}));
  app.add_flag("--rehearse", settings.rehearsal,
               "Small shapes: walks through all of it; timings mean nothing");
  app.add_flag("--list", settings.list, "kernels: names the cases and the least bytes of their kernels");
  app.add_option("--only", settings.only, "kernels: runs one case once and times nothing");
  app.add_option("--threads", settings.threads, "Threads of the CPU; 0: as many as the machine lends")
      ->capture_default_str();
  app.add_option("--python", settings.python, "Interpreter with PyTorch: adds the rival");
  app.add_option("--out", out, "Writes OUT.csv and OUT.json, anew after every case");
  app.add_option("--shape", settings.shapes,
                 "H:B:D of a layer, adding:T or copying:T of long_memory; may be repeated");
  app.add_option("--path", settings.paths, "Of layers and end_to_end, these paths alone; may be repeated")
      ->transform(CLI::CheckedTransformer(paths()));
  app.add_option("--cudnn", settings.algorithms,
                 "Of a layer's path cudnn, these algorithms alone; may be repeated")
      ->transform(CLI::CheckedTransformer(algorithms()));
  app.add_option("--lengths", settings.lengths, "fixed:N or uniform:LOW:HIGH")->capture_default_str();
  app.add_option("--data", settings.data, "Labelled text of end_to_end");
  app.fallthrough();
  void (*family)(const Settings&, Report&) = nullptr;
  const auto add = [&](const char* name, const char* what, void (*f)(const Settings&, Report&)) {
    app.add_subcommand(name, what)->callback([&family, f] { family = f; });
  };
  for (const CellKind cell : kCells)
    app.add_subcommand(fmt::format("{}_layer", name_of(cell)), "One such layer with its input product")
        ->callback([&family, &settings, cell] {
          family = recurrent_layer;
          settings.cell = cell;
        });
  add("kernels", "Every verb's kernels on one shape", kernels);
  add("end_to_end", "Training steps of the classifier on real text", end_to_end);
  add("long_memory", "Adding and copying problems over T steps", long_memory);
  CLI11_PARSE(app, argc, argv);
  Report report(settings.device, settings.threads, settings.rehearsal, out);
  family(settings, report);
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
