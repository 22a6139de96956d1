#include "engine/checks.h"

#include <string>

#include "kernels/cells/cells.h"

namespace sluice::checks {
namespace {

std::string text(const int64_t* dims, int rank) {
  std::string result = "[";
  for (int d = 0; d < rank; ++d) result += (d ? "," : "") + (dims[d] == kAny ? "*" : std::to_string(dims[d]));
  return result + "]";
}

void norms(const RnnShape& s, const RnnNorms& norms) {
  if (!s.layer_norm) {
    SLUICE_CHECK(!norms.input.data && !norms.recurrent.data && !norms.cell.data && !norms.cell_bias.data,
                 "rnn: gains without layer normalisation");
    return;
  }
  const CellTraits cell = traits_of(s.cell);
  const int64_t H = s.hidden_size, D = s.directions;
  const DType acc = accumulator_of(s.dtype);
  shape("rnn.norms.input", norms.input, acc, {D, cell.gates * H});
  shape("rnn.norms.recurrent", norms.recurrent, acc, {D, cell.gates * H});
  if (cell.states < 2) return;
  shape("rnn.norms.cell", norms.cell, acc, {D, H});
  shape("rnn.norms.cell_bias", norms.cell_bias, acc, {D, H});
}

}  // namespace

void shape(const char* what, const Tensor& tensor, DType type, std::initializer_list<int64_t> dims) {
  bool fits = tensor.rank == static_cast<int>(dims.size());
  int d = 0;
  for (int64_t extent : dims) {
    if (fits && extent != kAny && tensor.dims[d] != extent) fits = false;
    ++d;
  }
  SLUICE_CHECK(fits && tensor.dtype == type, "{} is {} {}, not {} {}", what, name_of(tensor.dtype),
               text(tensor.dims, tensor.rank), name_of(type),
               text(dims.begin(), static_cast<int>(dims.size())));
  SLUICE_CHECK(tensor.data || tensor.size() == 0, "{} has no memory", what);
}

void optional(const char* what, const Tensor& tensor, DType type, std::initializer_list<int64_t> dims) {
  if (tensor.data) shape(what, tensor, type, dims);
}

namespace {

void has_memory(const char* what, const Tensor& tensor) {
  SLUICE_CHECK(tensor.data || tensor.size() == 0, "{} has no memory", what);
}

bool is_accumulator(DType type) {
  return type == DType::f32 || type == DType::f64;
}

}  // namespace

void real(const char* what, const Tensor& tensor) {
  SLUICE_CHECK(is_accumulator(tensor.dtype) || is_half(tensor.dtype), "{} is {}, not a real number", what,
               name_of(tensor.dtype));
  has_memory(what, tensor);
}

void accumulator(const char* what, const Tensor& tensor) {
  SLUICE_CHECK(is_accumulator(tensor.dtype), "{} is {}, not f32 or f64", what, name_of(tensor.dtype));
  has_memory(what, tensor);
}

void real_or_accumulator(const char* what, const Tensor& tensor, DType type) {
  SLUICE_CHECK(tensor.dtype == type || tensor.dtype == accumulator_of(type), "{} is {}, not {} or {}", what,
               name_of(tensor.dtype), name_of(type), name_of(accumulator_of(type)));
  has_memory(what, tensor);
}

void same(const char* what, const Tensor& a, const Tensor& b) {
  bool equal = a.rank == b.rank && a.dtype == b.dtype;
  for (int d = 0; equal && d < a.rank; ++d) equal = a.dims[d] == b.dims[d];
  SLUICE_CHECK(equal, "{} is {} {}, not {} {}", what, name_of(b.dtype), text(b.dims, b.rank),
               name_of(a.dtype), text(a.dims, a.rank));
  SLUICE_CHECK(b.data || b.size() == 0, "{} has no memory", what);
}

void rnn(const RnnForward& a) {
  SLUICE_CHECK(a.batch, "rnn: no batch");
  SLUICE_CHECK(a.path != RnnPath::automatic, "rnn: the path must be chosen before the call");
  const DType t = a.shape.dtype, acc = accumulator_of(t);
  const int64_t E = a.shape.input_size, H = a.shape.hidden_size, D = a.shape.directions,
                B = a.batch->sequences;
  const CellTraits cell = traits_of(a.shape.cell);
  const int64_t G = cell.gates;
  SLUICE_CHECK(E > 0 && H > 0 && (D == 1 || D == 2), "rnn: input {}, hidden {}, directions {}", E, H, D);
  const int64_t inputs = a.x_index.data ? a.batch->distinct : a.batch->rows;
  shape("rnn.x", a.x, t, {inputs, E});
  optional("rnn.x_index", a.x_index, DType::i32, {a.batch->rows});
  shape("rnn.W", a.W, t, {D, G * H, E});
  shape("rnn.R", a.R, t, {D, G * H, H});
  shape("rnn.b", a.b, acc, {D, cell.saved * H});
  for (const auto& [what, state] :
       {std::pair{"rnn.h0", &a.h0}, {"rnn.c0", &a.c0}, {"rnn.hT", &a.hT}, {"rnn.cT", &a.cT}})
    optional(what, *state, acc, {D, B, H});
  SLUICE_CHECK(cell.states == 2 || (!a.c0.data && !a.cT.data && a.shape.zoneout_cell == 0),
               "rnn: a {} has no cell state", name_of(a.shape.cell));
  norms(a.shape, a.norms);
  shape("rnn.y", a.y, t, {a.batch->rows, D * H});
  shape("rnn.saved", a.saved, DType::u8, {kAny});
  shape("rnn.scratch", a.scratch, DType::u8, {kAny});
}

void rnn(const RnnBackward& a) {
  rnn(a.forward);
  same("rnn.dy", a.forward.y, a.dy);
  if (a.dx.data) same("rnn.dx", a.forward.x, a.dx);
  const DType acc = accumulator_of(a.forward.shape.dtype);
  norms(a.forward.shape, a.dnorms);
  const int64_t H = a.forward.shape.hidden_size, D = a.forward.shape.directions,
                B = a.forward.batch->sequences, E = a.forward.shape.input_size, G = a.forward.W.dims[1];
  shape("rnn.dW", a.dW, acc, {D, G, E});
  shape("rnn.dR", a.dR, acc, {D, G, H});
  shape("rnn.db", a.db, acc, {D, a.forward.b.dims[1]});
  for (const auto& [what, state] :
       {std::pair{"rnn.dhT", &a.dhT}, {"rnn.dcT", &a.dcT}, {"rnn.dh0", &a.dh0}, {"rnn.dc0", &a.dc0}})
    optional(what, *state, acc, {D, B, H});
  SLUICE_CHECK(traits_of(a.forward.shape.cell).states == 2 || (!a.dcT.data && !a.dc0.data),
               "rnn: a {} has no cell state", name_of(a.forward.shape.cell));
}

}  // namespace sluice::checks
