// Parameters and their gradients in flat buffers, so that clipping, updating, averaging and saving are each
// one pass.
//
// Values lie in one buffer: dense parameters that decay, dense parameters that do not (biases,
// normalisation), tables. Gradients of dense parameters lie in one buffer of the same order. A table [V,E]
// has a row gradient instead: the rows that the batches since the last update touched (`ids`) and their sums;
// in dense mode it has a dense gradient like any other parameter.
//
// All of them are ACC of Note [Types] in engine/verbs.h. Where REAL has 16 bits, the operands of matrix
// products, which are the parameters that decay, have a working copy in REAL, rounded from the values by
// refresh().
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

// Fills a parameter of `shape` with its first values, row-major; `seed` is the parameter's own. Makers:
// engine/init.h.
using Init =
    std::function<void(std::vector<double>& values, const std::vector<int64_t>& shape, uint64_t seed)>;

using ParamId = int;

// Rows of a table's gradient gathered since the last update.
struct RowGradient {
  ParamId table = -1;
  int count = 0;             // rows in use
  std::vector<int32_t> ids;  // [in_use], distinct
  std::unordered_map<int32_t, int32_t> slot_of;
  // Rows that updates read: `count`, after bucketed batches rounded up to a size that comes again; the last
  // ones' ids are -1, their values zero.
  int in_use = 0;
  Tensor device_ids;  // [capacity] i32
  Tensor values;      // [capacity,E]
};

class Params {
 public:
  // Where a parameter lies in the flat buffers, in this order.
  enum class Kind { decayed, plain, table, buffer };

  // real: REAL.
  Params(Backend& backend, DType real) : backend_(backend), real_(real), dtype_(accumulator_of(real)) {}

  // Before allocate(). `decay`: weight decay applies. Names are unique and become the names in
  // model.safetensors.
  ParamId declare(const std::string& name, std::vector<int64_t> shape, bool decay, Init init);
  ParamId declare_table(const std::string& name, int64_t rows, int64_t columns, Init init);
  // State that is saved with the model and not trained (running statistics).
  ParamId declare_buffer(const std::string& name, std::vector<int64_t> shape, Init init);
  void freeze(ParamId id);  // its gradient is not formed and no update touches it

  // Allocates and initialises every parameter as a pure function of `seed` and its name. `dense_tables`:
  // tables get dense gradients; `row_capacity`: the most distinct ids between two updates.
  void allocate(uint64_t seed, bool dense_tables, int row_capacity);
  size_t bytes(bool dense_tables, int row_capacity) const;  // what allocate() will take

  Tensor value(ParamId id) const;
  // The value as a matrix product takes it, in REAL; of parameters that decay.
  Tensor operand(ParamId id) const;
  // Brings operand() up to date: after updates, and after values were written from elsewhere.
  void refresh();
  Tensor gradient(ParamId id) const;  // dense ones only
  bool trained(ParamId id) const;

  // Finds rows of the table's gradient for a batch's distinct ids and sends their numbers to `slots` ([U] i32
  // or longer). Before add_rows(), and not to be replayed.
  void place_rows(ParamId table, const Batch& batch, Tensor slots);
  // Adds x [U,E], the gradients of a batch's distinct rows.
  void add_rows(ParamId table, const Batch& batch, Tensor slots, Tensor x);
  void zero_gradients();
  void forget_rows();  // that are zero again: after zero_gradients(), and not to be replayed

  // Contiguous pieces for the optimiser, in the values' order.
  struct Dense {
    Tensor values, gradients;  // [n]
    int64_t offset;            // of the first element in the flat values
    Kind kind;
  };
  std::vector<Dense> dense() const;
  std::vector<RowGradient>& rows() { return rows_; }
  const std::vector<RowGradient>& rows() const {
    return rows_;
  }  // `count` is 0 where a table is frozen or dense
  int64_t offset(ParamId id) const { return entries_[static_cast<size_t>(id)].offset; }
  int64_t trained_parameters() const;  // elements that updates move: the first ones of the flat values

  std::vector<NamedTensor> named() const;  // every parameter and buffer, in order of declaration
  Backend& backend() { return backend_; }
  DType dtype() const { return dtype_; }  // of values and gradients

 private:
  static constexpr int kKinds = 4;
  struct Entry {
    std::string name;
    std::vector<int64_t> shape;
    Kind kind;
    Init init;
    int64_t offset = 0;
    bool frozen = false;
  };
  struct Layout {  // first element of each kind in the flat values, and the end of the last
    int64_t begin[kKinds + 1] = {};
    int64_t end(Kind kind) const { return begin[static_cast<int>(kind) + 1]; }
  };

  ParamId declare_entry(const std::string& name, std::vector<int64_t> shape, Kind kind, Init init);
  int place(const Entry& entry) const;
  RowGradient& rows_of(ParamId table);
  Layout measure() const;
  void allocate_rows(int capacity);
  size_t row_bytes(const RowGradient& r, int capacity) const;
  size_t rows_bytes(int capacity) const;
  size_t operand_bytes(const Layout& layout) const;
  void initialise(uint64_t seed);
  Tensor slice(const Buffer& from, DType type, const Entry& entry) const;
  int64_t columns(ParamId table) const;
  int64_t dense_end() const { return layout_.end(dense_tables_ ? Kind::table : Kind::plain); }

  Backend& backend_;
  DType real_, dtype_;
  std::vector<Entry> entries_;
  std::vector<RowGradient> rows_;
  Layout layout_;
  bool dense_tables_ = false;
  Buffer values_, operands_, gradients_, row_memory_;  // operands_: only where REAL has 16 bits
};

}  // namespace sluice
