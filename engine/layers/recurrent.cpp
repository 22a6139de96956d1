#include "engine/layers/recurrent.h"

#include "engine/init.h"
#include "kernels/cells/cells.h"

namespace sluice {

RecurrentLayer::RecurrentLayer(const RecurrentConfig& config, Backend& backend)
    : config_(config), path_(backend.choose_path(config.path, config.shape, &refusals_)) {}

void RecurrentLayer::declare(Params& params) {
  const RnnShape& s = config_.shape;
  const CellTraits cell = traits_of(s.cell);
  const int64_t G = cell.gates, D = s.directions, H = s.hidden_size, E = s.input_size;
  W_ = params.declare(config_.name + ".weight_input", {D, G * H, E}, true, glorot(E, H));
  R_ = params.declare(config_.name + ".weight_recurrent", {D, G * H, H}, true,
                      config_.orthogonal ? orthogonal_blocks() : glorot(H, H));
  b_ = params.declare(config_.name + ".bias", {D, cell.saved * H}, false,
                      gate_bias(cell.forget_gate, cell.saved, config_.forget_bias));
  if (!s.layer_norm) return;
  norm_input_ = params.declare(config_.name + ".norm_input_gain", {D, G * H}, false, constant(1));
  norm_recurrent_ = params.declare(config_.name + ".norm_recurrent_gain", {D, G * H}, false, constant(1));
  if (cell.states < 2) return;
  norm_cell_ = params.declare(config_.name + ".norm_cell_gain", {D, H}, false, constant(1));
  norm_cell_bias_ = params.declare(config_.name + ".norm_cell_bias", {D, H}, false, constant(0));
}

template <class Get>
RnnNorms RecurrentLayer::norms(const Get& get) const {
  const auto or_null = [&](ParamId id) { return id < 0 ? Tensor() : get(id); };
  return {or_null(norm_input_), or_null(norm_recurrent_), or_null(norm_cell_), or_null(norm_cell_bias_)};
}

void RecurrentLayer::bind(Arena& arena, const MaxShape& max, Backend& backend) {
  const RnnBytes bytes = backend.rnn_bytes(config_.shape, path_, max);
  saved_ = arena.saved(config_.name + " saved state", DType::u8, {static_cast<int64_t>(bytes.saved)});
  arena.open_scratch(config_.name);
  scratch_ = arena.scratch(DType::u8, {static_cast<int64_t>(bytes.scratch)});
}

void RecurrentLayer::forward(Backend& backend, const Params& params, const Batch& batch, const StepInfo& step,
                             const Rows& in, Tensor out) {
  last_ = {.shape = config_.shape,
           .path = path_,
           .step = step,
           .batch = &batch,
           .x = in.x,
           .x_index = in.index,
           .W = params.operand(W_),
           .R = params.operand(R_),
           .b = params.value(b_),
           .norms = norms([&](ParamId id) { return params.value(id); }),
           .y = out,
           .saved = saved_,
           .scratch = scratch_};
  backend.rnn_forward(last_);
}

void RecurrentLayer::backward(Backend& backend, const Params& params, Tensor d_out, Tensor d_in) {
  backend.rnn_backward({.forward = last_,
                        .dy = d_out,
                        .dx = d_in,
                        .dW = params.gradient(W_),
                        .dR = params.gradient(R_),
                        .db = params.gradient(b_),
                        .dnorms = norms([&](ParamId id) { return params.gradient(id); })});
}

std::string RecurrentLayer::path_line() const {
  const RnnShape& s = config_.shape;
  std::string line = fmt::format("{}: path {}{}{}, {}, {} -> {}{}", config_.name, name_of(path_),
                                 path_ == RnnPath::cudnn ? " " : "",
                                 path_ == RnnPath::cudnn ? name_of(s.cudnn_algorithm) : "", name_of(s.dtype),
                                 s.input_size, s.directions == 2 ? "2 x " : "", s.hidden_size);
  return refusals_.empty() ? line : line + "; " + refusals_;
}

}  // namespace sluice
