#include "kernels/model/recurrence_model.h"

#include <algorithm>

#include "kernels/cells/cells.h"
#include "kernels/recurrence_persistent/cycles.h"

namespace sluice::cuda {
namespace {

constexpr double kProductLatency = 3.6e-6;
constexpr double kProductShare = 0.4;
constexpr double kL2 = 5.5e12, kL2Multiprocessors = 132, kL2Clock = 1.83e9;
constexpr double kMostInL2 = 30e6;
constexpr const char* kFitted = "fitted to steps timed on an H200";

double excess(double part, double beside) {
  return std::max(0.0, part - beside);
}

// Bytes of device memory that a step moves for one unit of one sequence: x_pre or the saved gates, what is
// saved, states and outputs.
double bytes_of_unit(Pass pass, const ModelledLayer& layer) {
  const CellTraits cell = traits_of(layer.cell);
  const double forward = cell.gates + cell.saved + 2, backward = 2.0 * cell.saved + 3;
  return (pass == Pass::forward ? forward : backward) * layer.element;
}

}  // namespace

ModelledPass model_persistent(Pass pass, const ModelledLayer& layer, const PersistentPlan& plan,
                              const GpuSpeeds& speeds) {
  const int sequences = layer.active.empty() ? 0 : layer.active.front();
  const PersistentShape shape{layer.cell, layer.hidden, sequences, layer.directions, layer.element};
  const double launches = plan.launches / speeds.clock;
  ModelledPass sum;
  for (int active : layer.active) {
    if (active == 0) break;
    const StepCycles step = step_cycles(pass, shape, plan, plan.rows(active));
    const double memory =
        bytes_of_unit(pass, layer) * active * layer.hidden * layer.directions / speeds.memory;
    sum.products += launches * step.products;
    sum.weights += launches * excess(step.weights, step.products);
    sum.exchange += launches * step.exchange;
    sum.latency += launches * step.latency;
    sum.pointwise += launches * step.pointwise;
    sum.memory += excess(memory, launches * step.total());
  }
  sum.latency += plan.launches * kGraphNode;
  return sum;
}

ModelledPass model_step(Pass pass, const ModelledLayer& layer, const DeviceProps& device,
                        const GpuSpeeds& speeds) {
  const double gates = traits_of(layer.cell).gates, H = layer.hidden, D = layer.directions,
               weight_bytes = gates * H * H * layer.element * D, multiprocessors = device.multiprocessors,
               l2 = kL2 * multiprocessors / kL2Multiprocessors * speeds.clock / kL2Clock,
               lanes = layer.element == 2   ? speeds.tensor_fma
                       : layer.element == 4 ? speeds.f32_fma
                                            : speeds.f32_fma / 2.0,
               fma = kProductShare * multiprocessors * lanes * speeds.clock;
  ModelledPass sum;
  for (int active : layer.active) {
    if (active == 0) break;
    const double products = gates * H * H * active * D / fma,
                 weights = weight_bytes / (weight_bytes > kMostInL2 ? speeds.memory : l2);
    sum.latency += 2 * kGraphNode + kProductLatency;
    sum.products += products;
    sum.weights += excess(weights, products);
    // The sums before activation go out of the product and into the pointwise kernel.
    sum.memory += (bytes_of_unit(pass, layer) + 2 * gates * layer.element) * active * H * D / speeds.memory;
  }
  return sum;
}

const std::vector<ModelConstant>& model_constants() {
  static const std::vector<ModelConstant> all = {
      {"kernel node of a CUDA graph", kGraphNode * 1e6, "us", "public H100 measurements, 1.0 to 1.4 us"},
      {"product with R, latency", kProductLatency * 1e6, "us",
       "of a layer of 128 units replayed on an H200, less two nodes"},
      {"share of the multiply-adds that a product of few rows reaches", kProductShare, "", "estimate"},
      {"reads from L2 by all multiprocessors of an H100", kL2 / 1e12, "TB/s", "Luo et al., arXiv 2501.12084"},
      {"largest R that stays in L2", kMostInL2 / 1e6, "MB", "H100's 50 MB, less what passes through"},
      {"exchange between multiprocessors", kExchangeCycles, "cycles", kFitted},
      {"L2 into one multiprocessor while all read", kL2BytesPerCycle, "bytes/cycle", kFitted},
      {"exchange within a cluster", kClusterCycles, "cycles", kFitted},
      {"shared memory of a cluster into one multiprocessor", kClusterBytesPerCycle, "bytes/cycle", kFitted},
      {"shared memory of a multiprocessor", kSharedBytesPerCycle, "bytes/cycle", kFitted},
      {"f32 multiply-adds of a multiprocessor", kFmaPerCycle, "a cycle", kFitted},
      {"16-bit multiply-adds of a multiprocessor's tensor cores by mma.sync", kMmaPerCycle, "a cycle",
       "public H100 measurements of m16n8k16, 65 % of the data sheet's"},
      {"a step, whatever its rows", kStepCycles, "cycles", kFitted},
      {"a wave of tiles: barriers, latencies", kWaveCycles, "cycles", kFitted},
      {"gates and states of a tile", kTileCycles, "cycles", kFitted},
      {"chunks: share of the multiply-adds that sums over rows reach", kSumShare, "", "estimate"},
      {"chunks: outputs that a block of such a sum computes", kSumTile, "", "estimate: tiles of 128 x 128"},
  };
  return all;
}

}  // namespace sluice::cuda
