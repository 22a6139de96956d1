// persistent_steps: the persistent kernels on rows of equal lengths, and what the model says of their steps.
//
//     persistent_steps model CELL TYPE EXCHANGE H B D    for each pass by its plan, a line of: pass, blocks
//     of
//                                                        all launches, share of R in registers, bytes read
//                                                        and written in a step by all blocks: MODEL
//     persistent_steps run CELL TYPE EXCHANGE H B D T    a layer forward and backward, T steps: for a virtual
//                                                        GPU's counters
//
// CELL: lstm or gru; TYPE: f32, bf16 or f16; EXCHANGE: flags or cluster; H units, a multiple of a block's, B
// sequences, D directions.
#include <fmt/core.h>

#include <cstdlib>
#include <vector>

#include "bench/random_batch.h"
#include "engine/backends/cuda/device.h"
#include "engine/device_batch.h"
#include "engine/error.h"
#include "kernels/cells/cells.h"
#include "kernels/recurrence_persistent/recurrence_persistent.h"

namespace sluice::bench {
namespace {

RnnShape shape_of(const std::string& cell, const std::string& type, const std::string& exchange, int hidden,
                  int directions) {
  RnnShape shape{.input_size = 1, .hidden_size = hidden, .directions = directions};
  for (CellKind kind : kCells)
    if (cell == name_of(kind)) shape.cell = kind;
  if (cell != name_of(shape.cell)) throw UserError("{} is no cell", cell);
  if (exchange != "flags" && exchange != "cluster") throw UserError("{} is no exchange", exchange);
  shape.persistent_exchange = exchange == "flags" ? PersistentExchange::flags : PersistentExchange::cluster;
  for (DType t : {DType::f32, DType::bf16, DType::f16})
    if (type == name_of(t)) return shape.dtype = t, shape;
  throw UserError("{} is none of f32, bf16 and f16", type);
}

// The layer's tensors, all zero: what is counted does not depend on values.
class Layer {
 public:
  Layer(const RnnShape& shape, int sequences, int steps)
      : host_(random_batch(std::vector<int>(static_cast<size_t>(sequences), steps), 2, 2, 1)),
        max_{host_.sequences, host_.steps, host_.rows, static_cast<int>(host_.distinct.size())},
        batch_(*backend_, max_, Layout::packed, 0) {
    const RnnBytes bytes = backend_->rnn_bytes(shape, RnnPath::persistent, max_);
    const int64_t N = host_.rows, E = shape.input_size, H = shape.hidden_size, D = shape.directions;
    const int64_t G = traits_of(shape.cell).gates * H, S = traits_of(shape.cell).saved * H;
    const DType type = shape.dtype, sums = accumulator_of(type);
    backward_.forward = {.shape = shape,
                         .path = RnnPath::persistent,
                         .step = {.training = true},
                         .batch = &batch_.load(host_)};
    RnnForward& f = backward_.forward;
    f.x = zeros(type, {N, E});
    f.W = zeros(type, {D, G, E});
    f.R = zeros(type, {D, G, H});
    f.b = zeros(sums, {D, S});
    f.y = zeros(type, {N, D * H});
    f.saved = zeros(DType::u8, {static_cast<int64_t>(bytes.saved)});
    f.scratch = zeros(DType::u8, {static_cast<int64_t>(bytes.scratch)});
    backward_.dy = zeros(type, {N, D * H});
    backward_.dx = zeros(type, {N, E});
    backward_.dW = zeros(sums, {D, G, E});
    backward_.dR = zeros(sums, {D, G, H});
    backward_.db = zeros(sums, {D, S});
  }

  void run() {
    backend_->rnn_forward(backward_.forward);
    backend_->rnn_backward(backward_);
    backend_->synchronize();
  }

 private:
  Tensor zeros(DType type, std::initializer_list<int64_t> shape) {
    Tensor t(nullptr, type, shape);
    t.data = memory_.emplace_back(*backend_, t.bytes(), "persistent_steps").data();
    return t;
  }

  std::unique_ptr<Backend> backend_ = make_backend({.device = Device::cuda});
  HostBatch host_;
  MaxShape max_;
  DeviceBatch batch_;
  std::vector<Buffer> memory_;
  RnnBackward backward_;
};

void print_model(cuda::Pass pass, const RnnShape& shape, int sequences) {
  const cuda::PersistentShape s{shape.cell,
                                shape.hidden_size,
                                sequences,
                                shape.directions,
                                static_cast<int>(size_of(shape.dtype)),
                                shape.persistent_exchange};
  const auto planned = cuda::plan(pass, s, cuda::open_device(0));
  if (const auto* refused = std::get_if<Refusal>(&planned)) throw UserError("{}", refused->reason);
  const auto& plan = std::get<cuda::PersistentPlan>(planned);
  if (shape.hidden_size % plan.units != 0)
    throw UserError("{} units are no multiple of a block's {}", shape.hidden_size, plan.units);
  int64_t read = 0, written = 0;
  for (int group = 0; group < plan.groups; ++group) {
    const int rows = (sequences - group - 1) / plan.groups + 1;
    const cuda::StepCounts step = cuda::step_counts(pass, s, plan, rows);
    read += step.read() * plan.blocks * shape.directions;
    written += step.written() * plan.blocks * shape.directions;
  }
  fmt::print("{}\t{}\t{:.3f}\t{}\t{}\n", pass == cuda::Pass::forward ? "forward" : "backward",
             plan.blocks * plan.groups * shape.directions,
             static_cast<double>(plan.register_k) / (plan.register_k + plan.shared_k), read, written);
}

int main_of(int argc, char** argv) {
  const bool run = argc == 9 && argv[1] == std::string("run");
  if (!run && (argc != 8 || argv[1] != std::string("model"))) {
    fmt::print(stderr,
               "usage: persistent_steps model CELL TYPE EXCHANGE H B D | run CELL TYPE EXCHANGE H B D T\n");
    return 2;
  }
  const RnnShape shape = shape_of(argv[2], argv[3], argv[4], std::atoi(argv[5]), std::atoi(argv[7]));
  const int sequences = std::atoi(argv[6]);
  if (run)
    Layer(shape, sequences, std::atoi(argv[8])).run();
  else
    for (cuda::Pass pass : {cuda::Pass::forward, cuda::Pass::backward}) print_model(pass, shape, sequences);
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  try {
    return sluice::bench::main_of(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "persistent_steps: {}\n", e.what());
    return 1;
  }
}
