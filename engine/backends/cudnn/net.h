// cuDNN's recurrent networks without cuDNN's types: library.cpp alone sees its header. The library is loaded
// when the first network is asked for; a program that asks for none starts without it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/backend.h"

namespace sluice::cuda {

class Queue;

// A call that cuDNN refused or that failed. what() is one line: call, status and cuDNN's own words.
class CudnnError : public Failure {
 public:
  CudnnError(const char* call, int status, const std::string& name, const std::string& words);
  const std::string& call() const { return call_; }
  int status() const { return status_; }               // a cudnnStatus_t
  const std::string& name() const { return name_; }    // of the status
  const std::string& words() const { return words_; }  // cudnnGetLastErrorString, in one line; may be empty
  bool not_supported() const;                          // as opposed to misuse and failure

 private:
  std::string call_, name_, words_;
  int status_;
};

struct NetShape {
  CellKind cell = CellKind::lstm;
  DType dtype = DType::f32;
  CudnnAlgorithm algorithm = CudnnAlgorithm::standard;
  int input_size = 0, hidden_size = 0;
  int layers = 1, directions = 1;

  int pseudo_layers() const { return layers * directions; }  // layer l, direction d: l * directions + d
};

// packed: SEQ_MAJOR_PACKED, the rows of each step one after another; padded: SEQ_MAJOR_UNPACKED, [steps,
// sequences] rows.
struct NetBatch {
  Layout layout = Layout::packed;
  int steps = 0, sequences = 0;
  const int32_t* lengths = nullptr;  // [sequences] in host memory, at least 1; descending when packed
};

// cuDNN sizes these by steps and sequences, by rules of its own: they are asked for each batch.
struct NetBytes {
  size_t work = 0;     // within one call
  size_t reserve = 0;  // from forward to backward; 0 when not training
};

// A matrix with its bias, where cuDNN wants them in a weight space. Null where the network has none.
struct NetParameter {
  void* matrix = nullptr;  // [rows,columns]
  int64_t rows = 0, columns = 0;
  void* bias = nullptr;  // [rows]
};

// What forward and backward of one batch share. All pointers into device memory, values of shape.dtype.
struct NetPass {
  NetShape shape;
  NetBatch batch;
  const void* x = nullptr;                  // [rows,E]
  const void *hx = nullptr, *cx = nullptr;  // [L*D,B,H] or null (zero)
  void* weights = nullptr;                  // weight_bytes()
  void* reserve = nullptr;                  // bytes().reserve
};

class Cudnn {
 public:
  // Why the library cannot be used; empty when it can.
  static std::string missing();
  static std::string version();  // as 9.19.0

  // Works in the queue's order and in its scratch memory.
  explicit Cudnn(Queue&);
  ~Cudnn();

  size_t weight_bytes(const NetShape&);
  NetBytes bytes(const NetShape&, const NetBatch&, bool training);
  // id: 0.. the input matrices of the gates, gates.. the recurrent ones, as cudnnGetRNNWeightParams counts
  // them.
  NetParameter parameter(const NetShape&, void* weights, int pseudo_layer, int id);

  // y [rows,D*H] =; hy, cy [L*D,B,H] = or null. Rows that are padding are left undefined.
  void forward(const NetPass&, bool training, void* y, void* hy, void* cy);
  // After a forward pass in training. dy as y; dhy, dcy or null (zero); dx as x =; dhx, dcx = or null.
  void backward_data(const NetPass&, const void* y, const void* dy, const void* dhy, const void* dcy,
                     void* dx, void* dhx, void* dcx);
  // After backward_data. d_weights, laid out as weights, +=.
  void backward_weights(const NetPass&, const void* y, void* d_weights);

 private:
  class Handle;
  struct Call;
  Handle& handle();

  Queue& queue_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace sluice::cuda
