// Parameters and their gradients in flat buffers, so that clipping, updating, averaging and saving are each
// one pass.
//
// Values lie in one buffer: dense parameters that decay, dense parameters that do not (biases,
// normalisation), tables. Gradients of dense parameters lie in one buffer of the same order. A table [V,E]
// has a row gradient instead: the rows that the batches since the last update touched (`ids`) and their sums;
// in dense mode it has a dense gradient like any other parameter.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/backend.h"
#include "engine/tensor.h"

namespace sluice {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

// Fills a parameter of `shape` with its first values, row-major; `seed` is the parameter's own.
using Init =
    std::function<void(std::vector<double>& values, const std::vector<int64_t>& shape, uint64_t seed)>;
Init zeros();
Init constant(double value);
Init uniform(double bound);  // in [-bound, bound)
Init normal(double deviation);
Init glorot_uniform(int64_t fan_in, int64_t fan_out);  // Glorot and Bengio 2010

using ParamId = int;

// Rows of a table's gradient gathered since the last update.
struct RowGradient {
  ParamId table = -1;
  int count = 0;             // rows in use
  std::vector<int32_t> ids;  // [count], distinct
  Tensor device_ids;         // [capacity] i32
  Tensor values;             // [capacity,E]
  std::unordered_map<int32_t, int32_t> slot_of;
};

class Params {
 public:
  Params(Backend& backend, DType dtype) : backend_(backend), dtype_(dtype) {}

  // Before allocate(). `decay`: weight decay applies. Names are unique and become the names in
  // model.safetensors.
  ParamId declare(const std::string& name, std::vector<int64_t> shape, bool decay, Init init);
  ParamId declare_table(const std::string& name, int64_t rows, int64_t columns, Init init);
  // State that is saved with the model and not trained (running statistics).
  ParamId declare_buffer(const std::string& name, std::vector<int64_t> shape, Init init);

  // Allocates and initialises every parameter as a pure function of `seed` and its name. `dense_tables`:
  // tables get dense gradients; `row_capacity`: the most distinct ids between two updates.
  void allocate(uint64_t seed, bool dense_tables, int row_capacity);
  size_t bytes(bool dense_tables, int row_capacity) const;  // what allocate() will take

  Tensor value(ParamId id) const;
  Tensor gradient(ParamId id) const;  // dense ones only
  bool trained(ParamId id) const;
  void freeze(ParamId id);  // its gradient is not formed and no update touches it

  // A batch's distinct-row gradients of a table: x [U,E] is added to the rows `ids`.
  void add_rows(ParamId table, const HostBatch& batch, Tensor slots /* [U] i32 memory */, Tensor x);
  void zero_gradients();

  // Contiguous pieces for the optimiser, all in values' order.
  struct Dense {
    Tensor values, gradients;
    int64_t offset;  // of the first element in values
    bool decay;
  };
  std::vector<Dense> dense() const;
  std::vector<RowGradient>& rows() { return rows_; }
  int64_t size() const { return total_; }  // elements of the values buffer
  int64_t trained_parameters() const;

  std::vector<NamedTensor> named() const;  // every parameter and buffer, in order of declaration
  Backend& backend() { return backend_; }
  DType dtype() const { return dtype_; }

 private:
  enum class Kind { decayed, plain, table, buffer };
  struct Entry {
    std::string name;
    std::vector<int64_t> shape;
    Kind kind;
    Init init;
    int64_t offset = 0;
    bool frozen = false;
  };
  Tensor slice(const Buffer& from, const Entry& entry) const;
  void lay_out();

  Backend& backend_;
  DType dtype_;
  std::vector<Entry> entries_;
  std::vector<RowGradient> rows_;
  int64_t total_ = 0, decayed_ = 0, plain_ = 0, tables_ = 0;
  bool dense_tables_ = false;
  Buffer values_, gradients_, row_memory_;
};

}  // namespace sluice
