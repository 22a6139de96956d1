#include "engine/backends/cudnn/pass.h"

#include <span>

#include "engine/backends/cuda/views.h"
#include "engine/backends/segments.h"
#include "kernels/batch/step_block.h"
#include "kernels/cells/cells.h"
#include "kernels/embedding/embedding.h"
#include "kernels/recurrence_step/recurrence_step.h"

namespace sluice::cuda {
namespace {

// One network runs both directions of a ragged batch; in segments each direction has its own.
bool in_segments(const RnnShape& shape) {
  return shape.cudnn_algorithm != CudnnAlgorithm::standard;
}

}  // namespace

NetShape net_shape(const RnnShape& s) {
  return {.cell = s.cell,
          .dtype = s.dtype,
          .algorithm = s.cudnn_algorithm,
          .input_size = s.input_size,
          .hidden_size = s.hidden_size,
          .directions = in_segments(s) ? 1 : s.directions};
}

CudnnSize cudnn_size(Cudnn& cudnn, const RnnShape& s, const MaxShape& max) {
  return {.B = max.sequences,
          .N = max.rows,
          .U = max.distinct,
          .E = s.input_size,
          .H = s.hidden_size,
          .D = s.directions,
          .states = in_segments(s) ? most_segment_rows(max) : max.sequences,
          .weights = aligned(cudnn.weight_bytes(net_shape(s))),
          .nets = in_segments(s) ? s.directions : 1};
}

template <class T>
CudnnSaved<T>::CudnnSaved(Carver& carver, const CudnnSize& s)
    : weights(carver.take<char>(s.nets * static_cast<int64_t>(s.weights))),
      h_in(carver.take<T>(s.D * s.states * s.H)),
      c_in(carver.take<T>(s.D * s.states * s.H)) {}

template <class T>
CudnnScratch<T>::CudnnScratch(Carver& carver, const CudnnSize& s)
    : d_weights(carver.take<char>(s.nets * static_cast<int64_t>(s.weights))) {
  for (A** states : {&h, &c, &dh, &dc}) *states = carver.take<A>(s.D * s.B * s.H);
  for (T** states : {&h_out, &c_out, &dh_in, &dc_in}) *states = carver.take<T>(s.D * s.B * s.H);
  x_rows = carver.take<T>(s.U > 0 ? s.N * s.E : 0);
  for (T** rows : {&dx_rows, &x, &dx}) *rows = carver.take<T>(s.N * s.E);
  for (T** rows : {&y, &dy}) *rows = carver.take<T>(s.N * s.D * s.H);
}

template <class T>
CudnnPass<T>::CudnnPass(Cudnn& cudnn, Queue& queue, const RnnForward& p)
    : cudnn_(cudnn),
      queue_(queue),
      p_(p),
      host_(*p.batch->host),
      net_(net_shape(p.shape)),
      size_(cudnn_size(cudnn, p.shape,
                       {p.batch->sequences, p.batch->steps, p.batch->rows,
                        p.x_index ? static_cast<int>(p.x.dims[0]) : 0})),
      saved_carver_(p.saved.data),
      scratch_carver_(p.scratch.data),
      saved_(saved_carver_, size_),
      scratch_(scratch_carver_, size_) {
  make_calls();
}

// ---- the calls

template <class T>
void CudnnPass<T>::make_calls() {
  if (!in_segments(p_.shape)) {
    const int active = host_.steps > 0 ? host_.active[0] : 0;
    if (active > 0) add_call({.steps = host_.steps, .active = active});
    return;
  }
  const std::vector<Segment> segments = segments_of(host_);
  for (int64_t d = 0; d < size_.D; ++d) {
    int64_t states = d * size_.states;
    for (size_t i = 0; i < segments.size(); ++i) {
      const Segment& s = segments[d == 0 ? i : segments.size() - 1 - i];
      add_call({.first = s.first,
                .steps = s.steps,
                .active = s.active,
                .net = d,
                .reverse = d == 1,
                .states = states,
                .lengths = std::vector<int32_t>(static_cast<size_t>(s.active), s.steps)});
      states += s.active;
    }
  }
}

template <class T>
void CudnnPass<T>::add_call(NetCall call) {
  call.reserve = reserve_;
  reserve_ += aligned(cudnn_.bytes(net_, batch_of(call), true).reserve);
  calls_.push_back(std::move(call));
}

template <class T>
NetBatch CudnnPass<T>::batch_of(const NetCall& call) const {
  return {.layout = in_segments(p_.shape) ? Layout::padded : p_.batch->layout,
          .steps = call.steps,
          .sequences = call.active,
          .lengths = in_segments(p_.shape) ? call.lengths.data() : host_.lengths.data()};
}

template <class T>
NetPass CudnnPass<T>::net_pass(const NetCall& call, const T* x, char* reserve) const {
  return {.shape = net_,
          .batch = batch_of(call),
          .x = x,
          .hx = saved_.h_in + call.states * size_.H,
          .cx = has_c() ? saved_.c_in + call.states * size_.H : nullptr,
          .weights = saved_.weights + call.net * static_cast<int64_t>(size_.weights),
          .reserve = reserve ? reserve + call.reserve : nullptr};
}

// ---- weights

namespace {

// One of cuDNN's parameters in the engine's terms: gate `gate` of W or of R, its bias entry `bias` of b, if
// any.
struct Place {
  int id;  // linLayerID
  bool recurrent;
  int gate, bias;
};

// i f g o both there and here. cuDNN's second biases stay zero: ours are the sums.
constexpr Place kLstm[] = {{0, false, 0, 0}, {1, false, 1, 1}, {2, false, 2, 2}, {3, false, 3, 3},
                           {4, true, 0, -1}, {5, true, 1, -1}, {6, true, 2, -1}, {7, true, 3, -1}};
// r z n there; here W holds n r z, R holds r z m, b holds n r z m (kernels/cells/gru.h). cuDNN's second
// biases of r and z stay zero, too.
constexpr Place kGru[] = {{0, false, 1, 1}, {1, false, 2, 2}, {2, false, 0, 0},
                          {3, true, 0, -1}, {4, true, 1, -1}, {5, true, 2, 3}};

std::span<const Place> places_of_cell(CellKind cell) {
  if (cell == CellKind::gru) return kGru;
  return kLstm;
}

}  // namespace

// Calls copy_matrix(theirs, ours, columns) and copy_bias(theirs, ours) for each parameter, of H rows.
template <class T>
template <class CopyMatrix, class CopyBias>
void CudnnPass<T>::for_parameters(char* spaces, const Parameters& ours, const CopyMatrix& copy_matrix,
                                  const CopyBias& copy_bias) const {
  const CellTraits cell = traits_of(net_.cell);
  const int64_t H = size_.H;
  for (int64_t d = 0; d < size_.D; ++d) {
    char* space = spaces + d / net_.directions * static_cast<int64_t>(size_.weights);
    for (const Place& place : places_of_cell(net_.cell)) {
      const NetParameter theirs =
          cudnn_.parameter(net_, space, static_cast<int>(d % net_.directions), place.id);
      const int64_t columns = place.recurrent ? H : size_.E;
      SLUICE_CHECK(theirs.rows == H && theirs.columns == columns,
                   "cuDNN's parameter {} is [{},{}], not [{},{}]", place.id, theirs.rows, theirs.columns, H,
                   columns);
      copy_matrix(theirs.matrix, place.recurrent ? ours.R : ours.W,
                  (d * cell.gates + place.gate) * H * columns, columns);
      if (place.bias >= 0) copy_bias(theirs.bias, (d * cell.saved + place.bias) * H);
    }
  }
}

template <class T>
void CudnnPass<T>::weights_in(const Parameters& ours, char* spaces) const {
  queue_.zero(spaces, static_cast<size_t>(size_.nets) * size_.weights);
  for_parameters(
      spaces, ours,
      [&](void* theirs, const Tensor& mine, int64_t first, int64_t columns) {
        copy_parameter(mine.as<T>() + first, static_cast<T*>(theirs), size_.H, columns, false);
      },
      [&](void* theirs, int64_t first) {
        copy_parameter(ours.b.template as<A>() + first, static_cast<T*>(theirs), 1, size_.H, false);
      });
}

template <class T>
void CudnnPass<T>::weights_out(char* spaces, const Parameters& gradients) const {
  for_parameters(
      spaces, gradients,
      [&](const void* theirs, const Tensor& mine, int64_t first, int64_t columns) {
        copy_parameter(static_cast<const T*>(theirs), mine.as<A>() + first, size_.H, columns, true);
      },
      [&](const void* theirs, int64_t first) {
        copy_parameter(static_cast<const T*>(theirs), gradients.b.template as<A>() + first, 1, size_.H, true);
      });
}

// to [rows,columns] = from, or += .
template <class T>
template <class From, class To>
void CudnnPass<T>::copy_parameter(const From* from, To* to, int64_t rows, int64_t columns, bool add) const {
  launch(CopyStepsParams<From, To>{.rows = rows,
                                   .width = columns,
                                   .add = add,
                                   .from = {.data = from, .row = columns},
                                   .to = {.data = to, .row = columns}},
         queue_.stream());
}

// ---- rows

template <class T>
const T* CudnnPass<T>::input_rows() const {
  if (!p_.x_index) return p_.x.as<T>();
  launch(GatherParams<T, T>{.table = reading<T, 2>(p_.x),
                            .ids = reading<int32_t, 1>(p_.x_index),
                            .y = matrix(scratch_.x_rows, size_.N, size_.E)},
         queue_.stream());
  return scratch_.x_rows;
}

// Whole rows in time's order, one step's right after another's.
template <class T>
bool CudnnPass<T>::in_place(const NetCall& call, const Columns& c) const {
  return !call.reverse && c.width == c.of &&
         (host_.layout == Layout::packed || call.active == host_.sequences);
}

// Steps of a segment, and of a padded batch, stand equally far apart.
template <class T>
template <class V>
StepRows<V> CudnnPass<T>::rows_of(const NetCall& call, V* all, const Columns& c) const {
  const int64_t apart = host_.layout == Layout::packed ? call.active : host_.sequences;
  return {.data = all + host_.row(call.first, 0) * c.of + c.first, .step = apart * c.of, .row = c.of};
}

template <class T>
template <class V>
StepRows<V> CudnnPass<T>::dense(const NetCall& call, V* data, int64_t width) const {
  return {.data = data, .step = call.active * width, .row = width};
}

template <class T>
const T* CudnnPass<T>::rows_in(const NetCall& call, const T* all, const Columns& c, T* scratch) const {
  if (in_place(call, c)) return rows_of(call, all, c).data;
  launch(CopyStepsParams<T, T>{.steps = call.steps,
                               .rows = call.active,
                               .width = c.width,
                               .reverse = call.reverse,
                               .from = rows_of(call, all, c),
                               .to = dense(call, scratch, c.width)},
         queue_.stream());
  return scratch;
}

template <class T>
T* CudnnPass<T>::rows_out(const NetCall& call, T* all, const Columns& c, T* scratch) const {
  return in_place(call, c) ? rows_of(call, all, c).data : scratch;
}

template <class T>
void CudnnPass<T>::rows_back(const NetCall& call, const T* from, T* all, const Columns& c, bool add) const {
  if (in_place(call, c)) return;
  launch(CopyStepsParams<T, T>{.steps = call.steps,
                               .rows = call.active,
                               .width = c.width,
                               .reverse = call.reverse,
                               .add = add,
                               .from = dense(call, from, c.width),
                               .to = rows_of(call, all, c)},
         queue_.stream());
}

template <class T>
Columns CudnnPass<T>::output_columns(const NetCall& call) const {
  const int64_t width = net_.directions * size_.H;
  return {.first = call.net * width, .width = width, .of = size_.D * size_.H};
}

template <class T>
void CudnnPass<T>::zero_padding(T* rows, int64_t columns) const {
  if (host_.layout == Layout::padded)
    launch(ZeroPaddingParams<T>{places_of(*p_.batch), matrix(rows, size_.N, columns)}, queue_.stream());
}

// ---- states: a "step" of states is a direction

template <class T>
auto CudnnPass<T>::load_states(const Tensor& from, const Tensor& wanted, A* scratch) const -> A* {
  A* states = wanted ? wanted.as<A>() : scratch;
  const size_t bytes = static_cast<size_t>(size_.D * size_.B * size_.H) * sizeof(A);
  if (from)
    queue_.copy(states, from.as<A>(), bytes);
  else
    queue_.zero(states, bytes);
  return states;
}

template <class T>
template <class V>
StepRows<V> CudnnPass<T>::states_of(const NetCall& call, V* all) const {
  return {.data = all + call.net * size_.B * size_.H, .step = size_.B * size_.H, .row = size_.H};
}

template <class T>
template <class From, class To>
void CudnnPass<T>::copy_states(const NetCall& call, const StepRows<const From>& from,
                               const StepRows<To>& to) const {
  launch(
      CopyStepsParams<From, To>{
          .steps = net_.directions, .rows = call.active, .width = size_.H, .from = from, .to = to},
      queue_.stream());
}

template <class T>
void CudnnPass<T>::states_in(const NetCall& call, const A* all, T* to) const {
  copy_states<A, T>(call, states_of(call, all), dense(call, to, size_.H));
}

template <class T>
void CudnnPass<T>::states_back(const NetCall& call, const T* from, A* all) const {
  copy_states<T, A>(call, dense(call, from, size_.H), states_of(call, all));
}

template struct CudnnSaved<float>;
template struct CudnnSaved<double>;
template struct CudnnSaved<bf16>;
template struct CudnnSaved<f16>;
template struct CudnnScratch<float>;
template struct CudnnScratch<double>;
template struct CudnnScratch<bf16>;
template struct CudnnScratch<f16>;
template class CudnnPass<float>;
template class CudnnPass<double>;
template class CudnnPass<bf16>;
template class CudnnPass<f16>;

}  // namespace sluice::cuda
