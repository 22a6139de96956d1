// sluice explain-kernel: how a GPU would run a recurrent layer, by which paths, and how long by a model.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <numeric>

#include "engine/error.h"
#include "engine/lengths.h"
#include "host/program/commands.h"
#include "host/program/kernel_model.h"
#include "host/program/public_figures.h"
#include "host/readers/words.h"
#include "kernels/cells/cells.h"

namespace sluice {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

const DeviceProps& gpu_named(const std::string& name) {
  std::vector<std::string> names;
  for (const DeviceProps& gpu : known_gpus()) {
    if (!name.empty() && lower(gpu.name).rfind(lower(name), 0) == 0) return gpu;
    names.push_back(gpu.name);
  }
  throw UserError("--gpu: no figures of {}; there are those of {}", in_quotes(name), fmt::join(names, ", "));
}

RnnShape shape_of(const KernelQuestion& q) {
  RnnShape shape;
  for (CellKind cell : {CellKind::lstm, CellKind::gru})
    if (q.cell == name_of(cell)) shape.cell = cell;
  for (DType type : {DType::f32, DType::f64, DType::bf16, DType::f16})
    if (q.dtype == name_of(type)) shape.dtype = type;
  shape.input_size = shape.hidden_size = q.hidden;
  shape.directions = q.directions;
  return shape;
}

cuda::ModelledLayer modelled(const ExplainedLayer& layer) {
  cuda::ModelledLayer m{.cell = layer.shape.cell,
                        .hidden = layer.shape.hidden_size,
                        .directions = layer.shape.directions,
                        .element = static_cast<int>(size_of(layer.shape.dtype)),
                        .active = {}};
  for (int t = 0; t < layer.steps(); ++t)
    m.active.push_back(static_cast<int>(
        std::count_if(layer.lengths.begin(), layer.lengths.end(), [t](int length) { return length > t; })));
  return m;
}

std::string describe(const cuda::PersistentPlan& p, int sequences, size_t most_shared) {
  const double in_registers = 100.0 * p.register_k / (p.register_k + p.shared_k);
  return fmt::format(
      "{} x {} blocks{}, {} group{} of {} rows, R {:.0f} % in registers and {:.0f} % in shared memory "
      "({} of {} KB), {} {}{}",
      p.teams_at_once, p.blocks, p.cluster ? " in clusters" : "", p.groups, p.groups > 1 ? "s" : "",
      p.rows(sequences), in_registers, 100 - in_registers, p.shared >> 10, most_shared >> 10, p.launches,
      p.cluster ? "wave" : "launch",
      p.launches == 1 ? ""
      : p.cluster     ? "s"
                      : "es");
}

ExplainedPath explain_persistent(const ExplainedLayer& layer, const GpuSpeeds& speeds) {
  ExplainedPath path{.name = "persistent", .refusal = persistent_refusal(layer.shape)};
  if (!path.refusal.empty()) return path;
  const int sequences = static_cast<int>(layer.lengths.size());
  const cuda::PersistentShape shape{layer.shape.cell, layer.shape.hidden_size, sequences,
                                    layer.shape.directions, static_cast<int>(size_of(layer.shape.dtype))};
  for (cuda::Pass pass : {cuda::Pass::forward, cuda::Pass::backward}) {
    const auto planned = cuda::plan(pass, shape, layer.gpu);
    if (const auto* refused = std::get_if<Refusal>(&planned)) {
      path.refusal = refused->reason;
      return path;
    }
    const auto& plan = std::get<cuda::PersistentPlan>(planned);
    const bool forward = pass == cuda::Pass::forward;
    (forward ? path.forward : path.backward) = cuda::model_persistent(pass, modelled(layer), plan, speeds);
    (forward ? path.forward_step : path.backward_step) =
        cuda::step_counts(pass, shape, plan, plan.rows(sequences));
    path.plan += fmt::format("{}{}: {}", forward ? "" : "; ", forward ? "forward" : "backward",
                             describe(plan, sequences, layer.gpu.shared_per_block));
    if (forward) continue;
    // The gradient of the input, which is as wide as the layer, is wanted.
    const int chunks = cuda::backward_chunks(
        shape, plan, {.steps = layer.steps(), .rows = layer.tokens(), .columns = 3 * shape.hidden},
        layer.gpu);
    path.plan += fmt::format(", {} chunk{} of time", chunks, chunks > 1 ? "s" : "");
  }
  return path;
}

ExplainedPath explain_step(const ExplainedLayer& layer, const GpuSpeeds& speeds) {
  return {.name = "step",
          .refusal = {},
          .forward = cuda::model_step(cuda::Pass::forward, modelled(layer), layer.gpu, speeds),
          .backward = cuda::model_step(cuda::Pass::backward, modelled(layer), layer.gpu, speeds),
          .plan = "a product with R and a pointwise kernel for each step, R read anew each time"};
}

// Steps with as many active sequences as the one before belong together.
int count_segments(const ExplainedLayer& layer) {
  std::vector<int> lengths = layer.lengths;
  lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  return static_cast<int>(lengths.size()) - (!lengths.empty() && lengths.back() == 0);
}

std::string refusal_by_cudnn(const ExplainedLayer& layer, CudnnAlgorithm algorithm) {
  RnnShape shape = layer.shape;
  shape.cudnn_algorithm = algorithm;
  return cudnn_refusal(shape);
}

ExplainedPath explain_cudnn(const ExplainedLayer& layer, CudnnAlgorithm algorithm) {
  ExplainedPath path{.name = fmt::format("cudnn {}", name_of(algorithm)),
                     .refusal = refusal_by_cudnn(layer, algorithm)};
  if (path.refusal.empty()) {
    const int segments = count_segments(layer);
    path.plan = algorithm == CudnnAlgorithm::standard ? "the ragged batch in one call"
                : segments == 1
                    ? "one call a direction"
                    : fmt::format("{} calls a direction, one for each number of active sequences", segments);
  }
  return path;
}

void print_pass(const char* name, const ExplainedLayer& layer,
                const std::optional<cuda::ModelledPass> ExplainedPath::*pass) {
  fmt::print("\n{}, MODEL, microseconds a step ({} steps)\n", name, layer.steps());
  fmt::print("  {:<12} {:>8} {:>9} {:>9} {:>9} {:>9} {:>10} {:>8}\n", "path", "total", "products", "weights",
             "exchange", "latency", "pointwise", "memory");
  for (const ExplainedPath& path : layer.paths) {
    if (!(path.*pass)) continue;
    const cuda::ModelledPass& m = *(path.*pass);
    const double each = 1e6 / std::max(1, layer.steps());
    fmt::print("  {:<12} {:>8.2f} {:>9.2f} {:>9.2f} {:>9.2f} {:>9.2f} {:>10.2f} {:>8.2f}\n", path.name,
               m.total() * each, m.products * each, m.weights * each, m.exchange * each, m.latency * each,
               m.pointwise * each, m.memory * each);
  }
}

void print_counts(const ExplainedPath& path) {
  if (!path.forward_step || !path.backward_step) return;
  fmt::print("\n{}, MODEL, a step of a block with all its rows: warps' products, synchronisation, bytes\n",
             path.name);
  fmt::print("  {:<9} {:>8} {:>6} {:>8} {:>8} {:>8} {:>10} {:>10} {:>8} {:>6} {:>8} {:>8} {:>10}\n", "pass",
             "fma", "mma", "barriers", "releases", "acquires", "published", "gathered", "sent", "R",
             "fetched", "results", "in shared");
  for (const bool forward : {true, false}) {
    const cuda::StepCounts& s = forward ? *path.forward_step : *path.backward_step;
    fmt::print("  {:<9} {:>8} {:>6} {:>8} {:>8} {:>8} {:>10} {:>10} {:>8} {:>6} {:>8} {:>8} {:>10}\n",
               forward ? "forward" : "backward", s.fma, s.mma, s.barriers, s.releases, s.acquires,
               s.published, s.gathered, s.sent, int64_t{s.kR}, s.fetched, s.results,
               s.gathered + s.sent + s.operands + s.weights + s.sums_out + s.sums_in + s.ring + s.states_in +
                   s.states_out);
  }
}

// cuDNN's times are not modelled: its kernels are its own. Those of the layer's type by algorithms that take
// it.
void print_public_figures(const ExplainedLayer& layer) {
  std::vector<PublicFigure> figures;
  for (const PublicFigure& f : public_figures())
    if (layer.shape.cell == CellKind::lstm && f.dtype == layer.shape.dtype &&
        refusal_by_cudnn(layer, f.algorithm).empty())
      figures.push_back(f);
  if (figures.empty()) {
    fmt::print("\ncuDNN is not modelled, and no public figures of it are known here for {} in {}\n",
               name_of(layer.shape.cell), name_of(layer.shape.dtype));
    return;
  }
  fmt::print(
      "\ncuDNN is not modelled; as others measured it, microseconds a step: forward, one direction, equal "
      "lengths, with the product with W\n  {:<22} {:>5} {:>5} {:>6} {:>8}  {:<10} {}\n",
      "algorithm", "units", "batch", "steps", "us/step", "GPU", "source");
  for (const PublicFigure& f : figures)
    fmt::print("  {:<22} {:>5} {:>5} {:>6} {:>8.2f}  {:<10} {}\n", name_of(f.algorithm), f.hidden, f.batch,
               f.steps, f.forward, f.gpu, f.source);
}

}  // namespace

int64_t ExplainedLayer::tokens() const {
  return std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
}

ExplainedLayer explain(const KernelQuestion& q) {
  ExplainedLayer layer{.gpu = gpu_named(q.gpu),
                       .shape = shape_of(q),
                       .lengths = draw_lengths(q.lengths, q.batch, 1),
                       .paths = {}};
  std::sort(layer.lengths.begin(), layer.lengths.end(), std::greater<>());
  const GpuSpeeds& speeds = *speeds_of(layer.gpu.name);
  layer.paths = {explain_persistent(layer, speeds), explain_step(layer, speeds)};
  for (CudnnAlgorithm algorithm : {CudnnAlgorithm::standard, CudnnAlgorithm::persist_static,
                                   CudnnAlgorithm::persist_dynamic, CudnnAlgorithm::persist_static_small_h})
    layer.paths.push_back(explain_cudnn(layer, algorithm));
  return layer;
}

void explain_kernel_command(const Arguments& args) {
  if (!args.kernel.grid.empty()) return write_kernel_grid(args.kernel);
  const ExplainedLayer layer = explain(args.kernel);
  fmt::print(
      "{} of {} units, {} direction{}, {}: {} sequences, {} tokens, {} steps; on {} "
      "({} multiprocessors, compute capability {}.{})\n\n",
      name_of(layer.shape.cell), layer.shape.hidden_size, layer.shape.directions,
      layer.shape.directions > 1 ? "s" : "", name_of(layer.shape.dtype), layer.lengths.size(), layer.tokens(),
      layer.steps(), layer.gpu.name, layer.gpu.multiprocessors, layer.gpu.major, layer.gpu.minor);
  for (const ExplainedPath& path : layer.paths)
    fmt::print("  {:<28} {}\n", path.name,
               path.refusal.empty() ? path.plan : fmt::format("refused: {}", path.refusal));
  print_pass("forward", layer, &ExplainedPath::forward);
  print_pass("backward", layer, &ExplainedPath::backward);
  for (const ExplainedPath& path : layer.paths) print_counts(path);
  print_public_figures(layer);
  fmt::print(
      "\nMODEL: predictions of the chain through time alone, which but for an H200 nobody measured, by\n");
  for (const cuda::ModelConstant& c : cuda::model_constants())
    fmt::print("  {:<66} {:>6.4g} {:<12} {}\n", c.what, c.value, c.unit, c.source);
  fmt::print("  and the GPU's clock, memory and lanes as its data sheet has them (kernels/core/gpus.cpp)\n");
}

}  // namespace sluice
