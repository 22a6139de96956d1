// Chooses how a pass is laid out, by a model of the time of a step.
#include <algorithm>
#include <string>

#include "kernels/recurrence_persistent/cycles.h"
#include "kernels/recurrence_persistent/layout.h"

namespace sluice::cuda {
namespace {

constexpr size_t kStaticShared = 1 << 10;  // what the runtime and the kernel's own variables take

// Completes a layout whose units, register_k and tile_rows are given; false where it does not fit.
bool complete(PersistentPlan& p, Pass pass, const PersistentShape& s, const DeviceProps& device) {
  p.blocks = (s.hidden + p.units - 1) / p.units;
  const int teams = device.multiprocessors / p.blocks, sequences = std::max(1, s.sequences),
            most_rows = kMaxTiles * p.tile_rows;
  if (teams == 0) return false;
  p.groups = std::clamp(teams / s.directions, 1, sequences);
  p.groups = std::max(p.groups, (sequences + most_rows - 1) / most_rows);
  p.teams_at_once = std::min(teams, s.directions * p.groups);
  p.launches = (s.directions * p.groups + p.teams_at_once - 1) / p.teams_at_once;
  ProductLayout product = product_layout(pass, s.hidden, p);
  const int each = (product.K + product.parts() - 1) / product.parts();
  p.shared_k = product.shared_k = std::max(0, (each - p.register_k + 3) / 4 * 4);
  p.shared = sizeof(float) * static_cast<size_t>(shared_layout(pass, product, p, sequences).end);
  if (p.shared + kStaticShared > device.shared_per_block) return false;
  p.step = p.launches * step_cycles(pass, s, p, p.rows(sequences)).total();
  return true;
}

}  // namespace

StepCycles step_cycles(Pass pass, const PersistentShape& shape, const PersistentPlan& p, int rows) {
  const ProductLayout product = product_layout(pass, shape.hidden, p);
  const int tiles = (rows + p.tile_rows - 1) / p.tile_rows;
  const double k = p.register_k + p.shared_k, threads = kPersistentThreads;
  return {.products = rows * k * 4 * threads / kFmaPerCycle,
          .weights = tiles * p.shared_k * 16.0 * threads / kSharedBytesPerCycle,
          .exchange = rows * product.K * 4 / kL2BytesPerCycle,
          .latency = p.blocks > 1 ? kExchangeCycles : 0,
          .pointwise = kPointwiseCycles + rows * 2 * 16.0 * threads / kSharedBytesPerCycle};
}

Planned<PersistentPlan> plan(Pass pass, const PersistentShape& shape, const DeviceProps& device) {
  if (shape.cell != CellKind::lstm) return Refusal{"it has no kernel for this cell"};
  if (device.major < kLeastMajor)
    return Refusal{"it needs compute capability 8.0, " + device.name + " has " +
                   std::to_string(device.major) + "." + std::to_string(device.minor)};
  PersistentPlan best;
  for (int units : {32, 16, 8})
    for (int register_k : kRegisterK)
      for (int tile_rows : {8, 4, 2}) {
        PersistentPlan candidate;
        candidate.units = units;
        candidate.register_k = register_k;
        candidate.tile_rows = tile_rows;
        if (!complete(candidate, pass, shape, device)) continue;
        if (best.units == 0 || candidate.step < best.step ||
            (candidate.step == best.step && candidate.register_k > best.register_k))
          best = candidate;
      }
  if (best.units != 0) return best;
  const double bytes = 16.0 * shape.hidden * shape.hidden;
  return Refusal{"R of hidden size " + std::to_string(shape.hidden) + ", " +
                 std::to_string(static_cast<int>(bytes / 1e6)) +
                 " MB in f32, does not stay in registers and " + "shared memory of " +
                 std::to_string(device.multiprocessors) + " multiprocessors of " +
                 std::to_string(device.shared_per_block >> 10) + " KB"};
}

int64_t exchange_size(const PersistentShape& s) {
  return int64_t{2} * s.directions * s.sequences * padded_hidden(s.hidden);
}

}  // namespace sluice::cuda
