// The only file that sees cuDNN's header.
#include <cudnn.h>
#include <dlfcn.h>

#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "engine/backends/cuda/queue.h"
#include "engine/backends/cuda/shared_library.h"
#include "engine/backends/cudnn/net.h"

namespace sluice::cuda {
namespace {

static_assert(CUDNN_MAJOR == 9, "written for cuDNN 9");

// A function of the library; throws CudnnError where it fails.
template <class F>
class Function {
 public:
  Function(void* library, const char* name)
      : name_(name), address_(reinterpret_cast<F*>(dlsym(library, name))) {
    if (!address_) throw Failure("the cuDNN installed has no {}: install cuDNN 9", name);
  }
  template <class... Args>
  void operator()(Args&&... args) const;
  F* address() const { return address_; }

 private:
  const char* name_;
  F* address_;
};

class Library {
  static void* open() {
    std::string because;
    void* library = load_library("libcudnn.so.9", because);
    if (!library) throw Failure("cuDNN 9 is not installed ({})", because);
    return library;
  }
  void* it = open();

 public:
  // By the first who needs it; stays for good.
  static const Library& get() {
    static const Library library;
    return library;
  }

  Function<decltype(cudnnGetErrorString)> status_name{it, "cudnnGetErrorString"};
  Function<decltype(cudnnGetLastErrorString)> last_words{it, "cudnnGetLastErrorString"};
  Function<decltype(cudnnGetVersion)> version{it, "cudnnGetVersion"};
  Function<decltype(cudnnCreate)> create{it, "cudnnCreate"};
  Function<decltype(cudnnDestroy)> destroy{it, "cudnnDestroy"};
  Function<decltype(cudnnSetStream)> set_stream{it, "cudnnSetStream"};
  Function<decltype(cudnnCreateTensorDescriptor)> create_tensor{it, "cudnnCreateTensorDescriptor"};
  Function<decltype(cudnnDestroyTensorDescriptor)> destroy_tensor{it, "cudnnDestroyTensorDescriptor"};
  Function<decltype(cudnnSetTensorNdDescriptor)> set_tensor{it, "cudnnSetTensorNdDescriptor"};
  Function<decltype(cudnnGetTensorNdDescriptor)> get_tensor{it, "cudnnGetTensorNdDescriptor"};
  Function<decltype(cudnnCreateDropoutDescriptor)> create_dropout{it, "cudnnCreateDropoutDescriptor"};
  Function<decltype(cudnnDestroyDropoutDescriptor)> destroy_dropout{it, "cudnnDestroyDropoutDescriptor"};
  Function<decltype(cudnnSetDropoutDescriptor)> set_dropout{it, "cudnnSetDropoutDescriptor"};
  Function<decltype(cudnnCreateRNNDescriptor)> create_rnn{it, "cudnnCreateRNNDescriptor"};
  Function<decltype(cudnnDestroyRNNDescriptor)> destroy_rnn{it, "cudnnDestroyRNNDescriptor"};
  Function<decltype(cudnnSetRNNDescriptor_v8)> set_rnn{it, "cudnnSetRNNDescriptor_v8"};
  Function<decltype(cudnnBuildRNNDynamic)> build_dynamic{it, "cudnnBuildRNNDynamic"};
  Function<decltype(cudnnCreateRNNDataDescriptor)> create_data{it, "cudnnCreateRNNDataDescriptor"};
  Function<decltype(cudnnDestroyRNNDataDescriptor)> destroy_data{it, "cudnnDestroyRNNDataDescriptor"};
  Function<decltype(cudnnSetRNNDataDescriptor)> set_data{it, "cudnnSetRNNDataDescriptor"};
  Function<decltype(cudnnGetRNNWeightSpaceSize)> weight_bytes{it, "cudnnGetRNNWeightSpaceSize"};
  Function<decltype(cudnnGetRNNWeightParams)> weight_place{it, "cudnnGetRNNWeightParams"};
  Function<decltype(cudnnGetRNNTempSpaceSizes)> pass_bytes{it, "cudnnGetRNNTempSpaceSizes"};
  Function<decltype(cudnnRNNForward)> forward{it, "cudnnRNNForward"};
  Function<decltype(cudnnRNNBackwardData_v8)> backward_data{it, "cudnnRNNBackwardData_v8"};
  Function<decltype(cudnnRNNBackwardWeights_v8)> backward_weights{it, "cudnnRNNBackwardWeights_v8"};
};

const Library& cudnn() {
  return Library::get();
}

// cuDNN's words, which may be several lines, as one.
std::string last_words() {
  char words[1024] = {};
  cudnn().last_words.address()(words, sizeof words);
  std::string line;
  for (const char* c = words; *c; ++c) {
    if (*c != '\n' && *c != '\r')
      line += *c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

template <class F>
template <class... Args>
void Function<F>::operator()(Args&&... args) const {
  const cudnnStatus_t status = address_(std::forward<Args>(args)...);
  if (status != CUDNN_STATUS_SUCCESS)
    throw CudnnError(name_, static_cast<int>(status), cudnn().status_name.address()(status), last_words());
}

// A descriptor made and unmade by these members of Library.
template <class T, auto kCreate, auto kDestroy>
class Owned {
 public:
  Owned() { (cudnn().*kCreate)(&descriptor_); }
  ~Owned() {
    if (descriptor_) static_cast<void>((cudnn().*kDestroy).address()(descriptor_));
  }
  Owned(Owned&& other) noexcept : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  operator T() const { return descriptor_; }

 private:
  T descriptor_ = nullptr;
};
using Tensor3 = Owned<cudnnTensorDescriptor_t, &Library::create_tensor, &Library::destroy_tensor>;
using DropoutDescriptor =
    Owned<cudnnDropoutDescriptor_t, &Library::create_dropout, &Library::destroy_dropout>;
using RnnDescriptor = Owned<cudnnRNNDescriptor_t, &Library::create_rnn, &Library::destroy_rnn>;
using DataDescriptor = Owned<cudnnRNNDataDescriptor_t, &Library::create_data, &Library::destroy_data>;

// ---- what things are called there

// The type of x, h and weights; the type of sums; how products may be computed.
struct Types {
  cudnnDataType_t data, sums;
  cudnnMathType_t math;
};
Types types_of(DType type) {
  switch (type) {
    case DType::f32:
      return {CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT, CUDNN_FMA_MATH};  // no TF32
    case DType::f64:
      return {CUDNN_DATA_DOUBLE, CUDNN_DATA_DOUBLE, CUDNN_DEFAULT_MATH};
    case DType::bf16:
      return {CUDNN_DATA_BFLOAT16, CUDNN_DATA_FLOAT, CUDNN_TENSOR_OP_MATH};
    case DType::f16:
      return {CUDNN_DATA_HALF, CUDNN_DATA_FLOAT, CUDNN_TENSOR_OP_MATH};
    default:
      throw Failure("no computation in {} by cuDNN", name_of(type));
  }
}

cudnnRNNAlgo_t algorithm_of(CudnnAlgorithm algorithm) {
  switch (algorithm) {
    case CudnnAlgorithm::standard:
      return CUDNN_RNN_ALGO_STANDARD;
    case CudnnAlgorithm::persist_static:
      return CUDNN_RNN_ALGO_PERSIST_STATIC;
    case CudnnAlgorithm::persist_dynamic:
      return CUDNN_RNN_ALGO_PERSIST_DYNAMIC;
    case CudnnAlgorithm::persist_static_small_h:
      return CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H;
  }
  throw Failure("an unknown algorithm of cuDNN");
}

struct Cell {
  cudnnRNNMode_t mode;
  bool has_c;
};
Cell cell_of(CellKind cell) {
  switch (cell) {
    case CellKind::lstm:
      return {CUDNN_LSTM, true};
    case CellKind::gru:
      return {CUDNN_GRU, false};
  }
  throw Failure("no such cell in cuDNN");
}

cudnnRNNDataLayout_t layout_of(Layout layout) {
  return layout == Layout::packed ? CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED
                                  : CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED;
}

void set_data(const DataDescriptor& descriptor, const NetShape& shape, const NetBatch& batch, int columns) {
  cudnn().set_data(descriptor, types_of(shape.dtype).data, layout_of(batch.layout), batch.steps,
                   batch.sequences, columns, batch.lengths, nullptr);
}

}  // namespace

CudnnError::CudnnError(const char* function, int status, const std::string& name, const std::string& words)
    : Failure("{}: {}{}{}", function, name, words.empty() ? "" : ": ", words),
      call_(function),
      name_(name),
      words_(words),
      status_(status) {}

bool CudnnError::not_supported() const {
  return CUDNN_STATUS_CATEGORY(status_) == CUDNN_STATUS_NOT_SUPPORTED;
}

// A cuDNN handle on a stream, and the networks that were asked for.
class Cudnn::Handle {
 public:
  explicit Handle(cudaStream_t stream) {
    cudnn().create(&handle_);
    try {
      cudnn().set_stream(handle_, stream);
      // Nothing between layers is dropped out: p = 0 needs no states.
      dropout_ = std::make_unique<DropoutDescriptor>();
      cudnn().set_dropout(*dropout_, handle_, 0.0f, nullptr, size_t{0}, 0ull);
    } catch (...) {
      close();
      throw;
    }
  }
  ~Handle() {
    nets_.clear();
    close();
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  operator cudnnHandle_t() const { return handle_; }

  // The descriptor of a network, good until the next is asked for. sequences: 0 where no batch is at hand;
  // PERSIST_DYNAMIC is compiled for each number of them.
  cudnnRNNDescriptor_t net(const NetShape& s, Layout layout, int sequences) {
    const bool dynamic = s.algorithm == CudnnAlgorithm::persist_dynamic && sequences > 0;
    const Key key{s.cell,   s.dtype,      s.algorithm, s.input_size,           s.hidden_size,
                  s.layers, s.directions, layout,      dynamic ? sequences : 0};
    if (const auto found = nets_.find(key); found != nets_.end()) return found->second;
    constexpr size_t kMost = 512;
    if (nets_.size() >= kMost) nets_.clear();
    RnnDescriptor made;
    const Types types = types_of(s.dtype);
    const Cell cell = cell_of(s.cell);
    // Two biases: without the second one, the persistent algorithms take no network (9.19).
    cudnn().set_rnn(made, algorithm_of(s.algorithm), cell.mode, CUDNN_RNN_DOUBLE_BIAS,
                    s.directions == 2 ? CUDNN_BIDIRECTIONAL : CUDNN_UNIDIRECTIONAL, CUDNN_LINEAR_INPUT,
                    types.data, types.sums, types.math, s.input_size, s.hidden_size, s.hidden_size, s.layers,
                    *dropout_,
                    layout == Layout::packed ? CUDNN_RNN_PADDED_IO_DISABLED : CUDNN_RNN_PADDED_IO_ENABLED);
    if (dynamic) cudnn().build_dynamic(handle_, made, sequences);
    return nets_.emplace(key, std::move(made)).first->second;
  }

 private:
  using Key = std::tuple<CellKind, DType, CudnnAlgorithm, int, int, int, int, Layout, int>;

  void close() {
    dropout_.reset();
    static_cast<void>(cudnn().destroy.address()(handle_));
  }

  cudnnHandle_t handle_ = nullptr;
  std::unique_ptr<DropoutDescriptor> dropout_;
  std::map<Key, RnnDescriptor> nets_;
};

std::string Cudnn::missing() {
  try {
    Library::get();
    return {};
  } catch (const Failure& failure) {
    return failure.what();
  }
}

std::string Cudnn::version() {
  const size_t number = cudnn().version.address()();
  return fmt::format("{}.{}.{}", number / 10000, number / 100 % 100, number % 100);
}

Cudnn::Cudnn(Queue& queue) : queue_(queue) {}
Cudnn::~Cudnn() = default;

Cudnn::Handle& Cudnn::handle() {
  if (!handle_) handle_ = std::make_unique<Handle>(queue_.stream());
  return *handle_;
}

// The weight space is the network's, whatever the layout of its batches.
size_t Cudnn::weight_bytes(const NetShape& shape) {
  size_t bytes = 0;
  cudnn().weight_bytes(handle(), handle().net(shape, Layout::padded, 0), &bytes);
  return bytes;
}

NetBytes Cudnn::bytes(const NetShape& shape, const NetBatch& batch, bool training) {
  const DataDescriptor x;
  set_data(x, shape, batch, shape.input_size);
  NetBytes result;
  cudnn().pass_bytes(handle(), handle().net(shape, batch.layout, batch.sequences),
                     training ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE, x, &result.work,
                     &result.reserve);
  return result;
}

namespace {

// Rows and columns of a parameter [1,rows,columns]; of one that is not there, 0.
std::pair<int64_t, int64_t> size_of(const Tensor3& descriptor) {
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  int rank = 0, sizes[3] = {}, strides[3] = {};
  cudnn().get_tensor(descriptor, 3, &type, &rank, sizes, strides);
  if (rank == 0) return {0, 0};
  SLUICE_CHECK(rank == 3 && sizes[0] == 1 && strides[2] == 1 && (sizes[1] == 1 || strides[1] == sizes[2]),
               "cuDNN lays a parameter out as no dense matrix");
  return {sizes[1], sizes[2]};
}

}  // namespace

NetParameter Cudnn::parameter(const NetShape& shape, void* weights, int pseudo_layer, int id) {
  const Tensor3 matrix, bias;
  const size_t bytes = weight_bytes(shape);
  NetParameter result;
  cudnn().weight_place(handle(), handle().net(shape, Layout::padded, 0), pseudo_layer, bytes, weights, id,
                       matrix, &result.matrix, bias, &result.bias);
  std::tie(result.rows, result.columns) = size_of(matrix);
  return result;
}

// What every call over a batch takes beside its arrays.
struct Cudnn::Call {
  cudnnHandle_t handle;
  DataDescriptor x, y;
  Tensor3 h, c;
  cudnnTensorDescriptor_t c_or_null;
  size_t weights;
  NetBytes bytes;
  void* work;
  cudnnRNNDescriptor_t net;  // last: asking for other things of the network may drop it

  Call(Cudnn& owner, const NetPass& p, bool training)
      : handle(owner.handle()),
        c_or_null(cell_of(p.shape.cell).has_c ? static_cast<cudnnTensorDescriptor_t>(c) : nullptr),
        weights(owner.weight_bytes(p.shape)),
        bytes(owner.bytes(p.shape, p.batch, training)),
        work(owner.queue_.workspace(bytes.work)),
        net(owner.handle().net(p.shape, p.batch.layout, p.batch.sequences)) {
    const NetShape& s = p.shape;
    set_data(x, s, p.batch, s.input_size);
    set_data(y, s, p.batch, s.directions * s.hidden_size);
    const int B = p.batch.sequences, H = s.hidden_size;
    const int sizes[] = {s.pseudo_layers(), B, H}, strides[] = {B * H, H, 1};
    for (const Tensor3* state : {&h, &c})
      cudnn().set_tensor(*state, types_of(s.dtype).data, 3, sizes, strides);
  }
};

void Cudnn::forward(const NetPass& p, bool training, void* y, void* hy, void* cy) {
  const Call c(*this, p, training);
  cudnn().forward(c.handle, c.net, training ? CUDNN_FWD_MODE_TRAINING : CUDNN_FWD_MODE_INFERENCE, nullptr,
                  c.x, p.x, c.y, y, c.h, p.hx, hy, c.c_or_null, p.cx, cy, c.weights, p.weights, c.bytes.work,
                  c.work, c.bytes.reserve, training ? p.reserve : nullptr);
}

void Cudnn::backward_data(const NetPass& p, const void* y, const void* dy, const void* dhy, const void* dcy,
                          void* dx, void* dhx, void* dcx) {
  const Call c(*this, p, true);
  cudnn().backward_data(c.handle, c.net, nullptr, c.y, y, dy, c.x, dx, c.h, p.hx, dhy, dhx, c.c_or_null, p.cx,
                        dcy, dcx, c.weights, p.weights, c.bytes.work, c.work, c.bytes.reserve, p.reserve);
}

void Cudnn::backward_weights(const NetPass& p, const void* y, void* d_weights) {
  const Call c(*this, p, true);
  cudnn().backward_weights(c.handle, c.net, CUDNN_WGRAD_MODE_ADD, nullptr, c.x, p.x, c.h, p.hx, c.y, y,
                           c.weights, d_weights, c.bytes.work, c.work, c.bytes.reserve, p.reserve);
}

}  // namespace sluice::cuda
