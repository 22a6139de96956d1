#include "engine/params.h"

#include <algorithm>
#include <cmath>

namespace sluice {
namespace {

int64_t product(const std::vector<int64_t>& shape) {
  int64_t result = 1;
  for (int64_t extent : shape) result *= extent;
  return result;
}

// FNV-1a of the name: a parameter's seed depends on what it is called, not on what was declared before it.
uint64_t seed_of(uint64_t seed, const std::string& name) {
  uint64_t hash = 14695981039346656037ull;
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash ^ (seed * 0x9E3779B97F4A7C15ull);
}

// Rows of a gradient and their ids lie beside each other, each aligned.
size_t id_bytes(int capacity) {
  return aligned(static_cast<size_t>(capacity) * sizeof(int32_t));
}

}  // namespace

ParamId Params::declare_entry(const std::string& name, std::vector<int64_t> shape, Kind kind, Init init) {
  SLUICE_CHECK(!values_.data(), "parameter {} declared after allocation", name);
  entries_.push_back({name, std::move(shape), kind, std::move(init)});
  return static_cast<ParamId>(entries_.size()) - 1;
}

ParamId Params::declare(const std::string& name, std::vector<int64_t> shape, bool decay, Init init) {
  return declare_entry(name, std::move(shape), decay ? Kind::decayed : Kind::plain, std::move(init));
}

ParamId Params::declare_table(const std::string& name, int64_t rows, int64_t columns, Init init) {
  const ParamId id = declare_entry(name, {rows, columns}, Kind::table, std::move(init));
  rows_.emplace_back().table = id;
  return id;
}

ParamId Params::declare_buffer(const std::string& name, std::vector<int64_t> shape, Init init) {
  return declare_entry(name, std::move(shape), Kind::buffer, std::move(init));
}

void Params::freeze(ParamId id) {
  entries_[static_cast<size_t>(id)].frozen = true;
}

Params::Layout Params::measure() const {
  Layout layout;
  for (const Entry& entry : entries_) layout.begin[place(entry) + 1] += product(entry.shape);
  for (int k = 0; k < kKinds; ++k) layout.begin[k + 1] += layout.begin[k];
  return layout;
}

// Frozen parameters lie with the buffers: no gradient, no update.
int Params::place(const Entry& entry) const {
  return static_cast<int>(entry.frozen ? Kind::buffer : entry.kind);
}

size_t Params::bytes(bool dense_tables, int row_capacity) const {
  const Layout layout = measure();
  const int64_t dense = dense_tables ? layout.end(Kind::table) : layout.end(Kind::plain);
  return static_cast<size_t>(layout.end(Kind::buffer) + dense) * size_of(dtype_) + operand_bytes(layout) +
         (dense_tables ? 0 : rows_bytes(row_capacity));
}

size_t Params::operand_bytes(const Layout& layout) const {
  return is_half(real_) ? static_cast<size_t>(layout.end(Kind::decayed)) * size_of(real_) : 0;
}

void Params::allocate(uint64_t seed, bool dense_tables, int row_capacity) {
  layout_ = measure();
  dense_tables_ = dense_tables;
  int64_t used[kKinds] = {};
  for (Entry& entry : entries_) {
    const int k = place(entry);
    entry.offset = layout_.begin[k] + used[k];
    used[k] += product(entry.shape);
  }
  values_ = Buffer(backend_, static_cast<size_t>(layout_.end(Kind::buffer)) * size_of(dtype_), "parameters");
  operands_ = Buffer(backend_, operand_bytes(layout_), "parameters in 16 bits");
  gradients_ = Buffer(backend_, static_cast<size_t>(dense_end()) * size_of(dtype_), "gradients");
  if (!dense_tables) allocate_rows(row_capacity);
  initialise(seed);
}

size_t Params::row_bytes(const RowGradient& r, int capacity) const {
  return aligned(static_cast<size_t>(capacity * columns(r.table)) * size_of(dtype_));
}

size_t Params::rows_bytes(int capacity) const {
  size_t bytes = 0;
  for (const RowGradient& r : rows_)
    if (trained(r.table)) bytes += row_bytes(r, capacity) + id_bytes(capacity);
  return bytes;
}

void Params::allocate_rows(int capacity) {
  row_memory_ = Buffer(backend_, rows_bytes(capacity), "embedding gradients");
  char* next = static_cast<char*>(row_memory_.data());
  for (RowGradient& r : rows_) {
    if (!trained(r.table)) continue;
    r.values = Tensor(next, dtype_, {capacity, columns(r.table)});
    next += row_bytes(r, capacity);
    r.device_ids = Tensor(next, DType::i32, {capacity});
    next += id_bytes(capacity);
  }
}

void Params::initialise(uint64_t seed) {
  std::vector<double> values;
  std::vector<float> narrowed;
  for (const Entry& entry : entries_) {
    values.assign(static_cast<size_t>(product(entry.shape)), 0.0);
    entry.init(values, entry.shape, seed_of(seed, entry.name));
    const Tensor tensor = slice(values_, dtype_, entry);
    if (dtype_ == DType::f64) {
      backend_.copy_to_device(tensor, values.data());
    } else {
      narrowed.assign(values.begin(), values.end());
      backend_.copy_to_device(tensor, narrowed.data());
    }
  }
  refresh();
}

Tensor Params::slice(const Buffer& from, DType type, const Entry& entry) const {
  char* data = static_cast<char*>(from.data()) + static_cast<size_t>(entry.offset) * size_of(type);
  const auto& s = entry.shape;
  switch (s.size()) {
    case 1:
      return Tensor(data, type, {s[0]});
    case 2:
      return Tensor(data, type, {s[0], s[1]});
    case 3:
      return Tensor(data, type, {s[0], s[1], s[2]});
    default:
      throw Failure("parameter {} has rank {}", entry.name, s.size());
  }
}

Tensor Params::value(ParamId id) const {
  return slice(values_, dtype_, entries_[static_cast<size_t>(id)]);
}

Tensor Params::operand(ParamId id) const {
  if (!is_half(real_)) return value(id);
  const Entry& entry = entries_[static_cast<size_t>(id)];
  SLUICE_CHECK(place(entry) == static_cast<int>(Kind::decayed), "parameter {} is no operand", entry.name);
  return slice(operands_, real_, entry);
}

void Params::refresh() {
  const int64_t n = layout_.end(Kind::decayed);
  if (is_half(real_) && n > 0)
    backend_.convert(
        {.from = Tensor(values_.data(), dtype_, {n}), .to = Tensor(operands_.data(), real_, {n})});
}

Tensor Params::gradient(ParamId id) const {
  const Entry& entry = entries_[static_cast<size_t>(id)];
  if (entry.offset >= dense_end()) throw Failure("parameter {} has no dense gradient", entry.name);
  return slice(gradients_, dtype_, entry);
}

bool Params::trained(ParamId id) const {
  const Entry& entry = entries_[static_cast<size_t>(id)];
  return !entry.frozen && entry.kind != Kind::buffer;
}

int64_t Params::columns(ParamId table) const {
  return entries_[static_cast<size_t>(table)].shape[1];
}

RowGradient& Params::rows_of(ParamId table) {
  return *std::find_if(rows_.begin(), rows_.end(), [&](const RowGradient& r) { return r.table == table; });
}

void Params::place_rows(ParamId table, const Batch& batch, Tensor slots) {
  if (dense_tables_) return;
  RowGradient& r = rows_of(table);
  const auto capacity = static_cast<int>(r.values.dims[0]);
  std::vector<int32_t> chosen;
  r.ids.resize(static_cast<size_t>(r.count));
  for (int32_t id : batch.host->distinct) {
    if (id < 0) {
      chosen.push_back(-1);
      continue;
    }
    const auto [place, fresh] = r.slot_of.try_emplace(id, r.count);
    if (fresh) {
      SLUICE_CHECK(r.count < capacity, "more than {} distinct tokens between two updates", capacity);
      r.ids.push_back(id);
      ++r.count;
    }
    chosen.push_back(place->second);
  }
  r.in_use =
      batch.layout == sluice::Layout::bucketed ? std::min(bucketed_distinct(r.count), capacity) : r.count;
  r.ids.resize(static_cast<size_t>(r.in_use), -1);
  backend_.upload(slots.narrow(batch.distinct), chosen.data());
  backend_.upload(r.device_ids.narrow(r.in_use), r.ids.data());
}

void Params::add_rows(ParamId table, const Batch& batch, Tensor slots, Tensor x) {
  if (dense_tables_)
    backend_.scatter_add({.x = x, .slots = batch.distinct_ids, .y = gradient(table)});
  else
    backend_.scatter_add({.x = x, .slots = slots.narrow(batch.distinct), .y = rows_of(table).values});
}

void Params::zero_gradients() {
  backend_.zero(Tensor(gradients_.data(), dtype_, {dense_end()}));
  for (const RowGradient& r : rows_)
    if (r.in_use) backend_.zero(r.values.narrow(r.in_use));
}

void Params::forget_rows() {
  for (RowGradient& r : rows_) {
    r.count = r.in_use = 0;
    r.ids.clear();
    r.slot_of.clear();
  }
}

std::vector<Params::Dense> Params::dense() const {
  std::vector<Dense> pieces;
  for (Kind kind : {Kind::decayed, Kind::plain, Kind::table}) {
    const int64_t begin = layout_.begin[static_cast<int>(kind)],
                  end = std::min(layout_.end(kind), dense_end());
    if (begin >= end) continue;
    const size_t skip = static_cast<size_t>(begin) * size_of(dtype_);
    pieces.push_back({Tensor(static_cast<char*>(values_.data()) + skip, dtype_, {end - begin}),
                      Tensor(static_cast<char*>(gradients_.data()) + skip, dtype_, {end - begin}), begin,
                      kind});
  }
  return pieces;
}

int64_t Params::trained_parameters() const {
  return measure().end(Kind::table);
}

std::vector<NamedTensor> Params::named() const {
  std::vector<NamedTensor> result;
  for (const Entry& entry : entries_) result.push_back({entry.name, slice(values_, dtype_, entry)});
  return result;
}

}  // namespace sluice
