#include "tests/backends/rig.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sluice {
namespace {

constexpr size_t kGuard = 256;  // keeps the alignment that backends promise
constexpr uint8_t kPoison = 0xff;

Tensor bytes_at(void* data, size_t bytes) {
  return Tensor(data, DType::u8, {static_cast<int64_t>(bytes)});
}

template <class To, class From>
std::vector<To> converted(const std::vector<From>& values) {
  std::vector<To> result;
  for (From v : values) result.push_back(static_cast<To>(v));
  return result;
}

std::vector<uint8_t> to_bytes(DType dtype, const Values& values) {
  return dispatch_stored(dtype, [&]<class T>() {
    std::vector<uint8_t> bytes(values.size() * sizeof(T));
    for (size_t k = 0; k < values.size(); ++k) {
      const T value = static_cast<T>(static_cast<arithmetic_t<T>>(values[k]));
      memcpy(bytes.data() + k * sizeof(T), &value, sizeof(T));
    }
    return bytes;
  });
}

Values from_bytes(DType dtype, const std::vector<uint8_t>& bytes) {
  return dispatch_stored(dtype, [&]<class T>() {
    Values values(bytes.size() / sizeof(T));
    for (size_t k = 0; k < values.size(); ++k) {
      T value;
      memcpy(&value, bytes.data() + k * sizeof(T), sizeof(T));
      values[k] = static_cast<double>(static_cast<arithmetic_t<T>>(value));
    }
    return values;
  });
}

}  // namespace

oracle::Format format_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return oracle::kF32;
    case DType::bf16:
      return oracle::kBf16;
    case DType::f16:
      return oracle::kF16;
    default:
      return oracle::kExact;
  }
}

double rounded_to(DType dtype, double value) {
  return oracle::rounded(value, format_of(dtype));
}

Values rounded_to(DType dtype, const Values& values) {
  return oracle::rounded(values, format_of(dtype));
}

Values Random::reals(size_t count, DType dtype, double low, double high) {
  Values values;
  for (size_t k = 0; k < count; ++k) {
    const double uniform = static_cast<double>(engine_() >> 11) * 0x1p-53;
    values.push_back(rounded_to(dtype, low + (high - low) * uniform));
  }
  return values;
}

Ints Random::ints(size_t count, int low, int high) {
  Ints values;
  for (size_t k = 0; k < count; ++k)
    values.push_back(low + static_cast<int>(engine_() % static_cast<uint64_t>(high - low + 1)));
  return values;
}

Values Random::whole(size_t count, int low, int high) {
  return converted<double>(ints(count, low, high));
}

Rig::~Rig() {
  backend_.synchronize();
  for (size_t k = 0; k < arrays_.size(); ++k) {
    const Array& array = arrays_[k];
    const std::vector<uint8_t> now = get_bytes(bytes_at(array.memory.data(), array.memory.bytes()));
    const auto begin = now.begin(), end = now.end();
    const auto is_poison = [](uint8_t byte) { return byte == kPoison; };
    EXPECT_TRUE(std::all_of(begin, begin + kGuard, is_poison))
        << "array " << k << ": written before its start";
    EXPECT_TRUE(std::all_of(end - kGuard, end, is_poison)) << "array " << k << ": written past its end";
    EXPECT_TRUE(std::equal(array.content.begin(), array.content.end(), begin + kGuard))
        << "array " << k << ": an input was changed";
  }
}

Tensor Rig::place(DType dtype, const void* values, bool input, std::initializer_list<int64_t> dims) {
  Tensor tensor(nullptr, dtype, dims);
  const size_t bytes = tensor.bytes();
  std::vector<uint8_t> image(bytes + 2 * kGuard, kPoison);
  if (values && bytes) memcpy(image.data() + kGuard, values, bytes);
  Buffer memory(backend_, image.size(), "test array");
  backend_.copy_to_device(bytes_at(memory.data(), image.size()), image.data());
  tensor.data = static_cast<char*>(memory.data()) + kGuard;
  std::vector<uint8_t> content;
  if (input) content.assign(image.begin() + kGuard, image.end() - kGuard);
  arrays_.push_back({std::move(memory), std::move(content)});
  return tensor;
}

Tensor Rig::in(const Values& values, std::initializer_list<int64_t> dims) {
  return in_as(real_, values, dims);
}
Tensor Rig::inout(const Values& values, std::initializer_list<int64_t> dims) {
  return inout_as(real_, values, dims);
}
Tensor Rig::in(const Ints& values, std::initializer_list<int64_t> dims) {
  return place(DType::i32, values.data(), true, dims);
}
Tensor Rig::inout(const Ints& values, std::initializer_list<int64_t> dims) {
  return place(DType::i32, values.data(), false, dims);
}
Tensor Rig::in_as(DType dtype, const Values& values, std::initializer_list<int64_t> dims) {
  EXPECT_EQ(static_cast<int64_t>(values.size()), Tensor(nullptr, dtype, dims).size());
  return place(dtype, to_bytes(dtype, values).data(), true, dims);
}
Tensor Rig::inout_as(DType dtype, const Values& values, std::initializer_list<int64_t> dims) {
  Tensor tensor = in_as(dtype, values, dims);
  arrays_.back().content.clear();
  return tensor;
}
Tensor Rig::out(std::initializer_list<int64_t> dims) {
  return place(real_, nullptr, false, dims);
}
Tensor Rig::out_as(DType dtype, std::initializer_list<int64_t> dims) {
  return place(dtype, nullptr, false, dims);
}

void Rig::poison(Tensor tensor) {
  const std::vector<uint8_t> image(tensor.bytes(), kPoison);
  backend_.copy_to_device(tensor, image.data());
}

std::vector<uint8_t> Rig::get_bytes(Tensor tensor) {
  std::vector<uint8_t> bytes(tensor.bytes());
  backend_.copy_to_host(bytes.data(), tensor);
  backend_.synchronize();
  return bytes;
}

Values Rig::get(Tensor tensor) {
  return from_bytes(tensor.dtype, get_bytes(tensor));
}

Ints Rig::get_ints(Tensor tensor) {
  EXPECT_EQ(tensor.dtype, DType::i32);
  const std::vector<uint8_t> bytes = get_bytes(tensor);
  Ints values(static_cast<size_t>(tensor.size()));
  if (!values.empty()) memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

Batch Rig::upload(const HostBatch& host) {
  Batch batch;
  batch.host = &host;
  batch.sequences = host.sequences;
  batch.steps = host.steps;
  batch.rows = host.rows;
  batch.tokens = host.tokens;
  batch.distinct = static_cast<int>(host.distinct.size());
  batch.layout = host.layout;
  const auto all = [this](const Ints& values) { return in(values, {static_cast<int64_t>(values.size())}); };
  batch.ids = all(host.ids);
  batch.lengths = all(host.lengths);
  batch.offsets = all(host.offsets);
  batch.active = all(host.active);
  batch.labels = all(host.labels);
  batch.distinct_ids = all(host.distinct);
  batch.segments = all(host.segments);
  batch.segment_rows = all(host.segment_rows);
  batch.row_distinct = all(host.row_distinct);
  if (host.layout == Layout::padded) {
    batch.mask = out_as(DType::u8, {host.sequences, host.steps});
    backend_.build_mask({batch.lengths, batch.mask});
  }
  return batch;
}

HostBatch ragged(const std::vector<int>& lengths, Layout layout, int vocabulary, uint64_t seed,
                 const Ints& classes) {
  Random random(seed);
  std::vector<Ints> documents;
  for (int length : lengths) documents.push_back(random.ints(static_cast<size_t>(length), 0, vocabulary - 1));
  std::vector<BatchItem> items;
  for (size_t k = 0; k < documents.size(); ++k) {
    BatchItem item{documents[k], {}, static_cast<int32_t>(k)};
    if (!classes.empty()) item.classes = {&classes[k], 1};
    items.push_back(item);
  }
  return pack(items, layout);
}

std::vector<Place> places_of(const HostBatch& batch) {
  std::vector<Place> places;
  for (size_t t = 0; t < static_cast<size_t>(batch.steps); ++t)
    for (size_t b = 0; b < static_cast<size_t>(batch.sequences); ++b) {
      const bool valid = t < static_cast<size_t>(batch.lengths[b]);
      if (valid || batch.layout == Layout::padded) places.push_back({t, b, valid});
    }
  EXPECT_EQ(places.size(), static_cast<size_t>(batch.rows));
  return places;
}

Values rows_from_sequences(const HostBatch& batch, const std::vector<Values>& sequences, size_t columns,
                           double padding) {
  Values rows;
  for (const Place& place : places_of(batch))
    for (size_t c = 0; c < columns; ++c)
      rows.push_back(place.valid ? sequences[place.b].at(place.t * columns + c) : padding);
  return rows;
}

std::vector<Values> sequences_from_rows(const HostBatch& batch, const Values& rows, size_t columns) {
  std::vector<Values> sequences(static_cast<size_t>(batch.sequences));
  const std::vector<Place> places = places_of(batch);
  for (size_t r = 0; r < places.size(); ++r)  // t ascends for each sequence
    for (size_t c = 0; c < columns && places[r].valid; ++c)
      sequences[places[r].b].push_back(rows.at(r * columns + c));
  return sequences;
}

void spoil_padding(const HostBatch& batch, Values& rows, size_t columns, double with) {
  const std::vector<Place> places = places_of(batch);
  for (size_t k = 0; k < rows.size(); ++k)
    if (!places[k / columns].valid) rows[k] = k % 2 ? with : -with;
}

void clear_padding(const HostBatch& batch, Values& rows, size_t columns) {
  const std::vector<Place> places = places_of(batch);
  for (size_t k = 0; k < rows.size(); ++k)
    if (!places[k / columns].valid) rows[k] = 0;
}

testing::AssertionResult near(const Values& got, const Values& want, Bound bound) {
  if (got.size() != want.size())
    return testing::AssertionFailure() << got.size() << " values, not " << want.size();
  double largest = 0;
  for (double v : want)
    if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  for (size_t k = 0; k < got.size(); ++k) {
    const bool same = got[k] == want[k] || (std::isnan(got[k]) && std::isnan(want[k]));
    const double allowed = bound.of_element * std::abs(want[k]) + bound.of_largest * largest + bound.absolute;
    const double error = std::abs(got[k] - want[k]);
    if (same || (std::isfinite(want[k]) && error <= allowed)) continue;
    return testing::AssertionFailure() << "[" << k << "] is " << testing::PrintToString(got[k]) << ", not "
                                       << testing::PrintToString(want[k]) << ": off by " << error
                                       << ", allowed " << allowed << " (largest " << largest << ")";
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult near_as_a_whole(const Values& got, const Values& want, const TensorBound& error) {
  if (got.size() != want.size())
    return testing::AssertionFailure() << got.size() << " values, not " << want.size();
  double squares = 0;
  for (size_t k = 0; k < got.size(); ++k) {
    const double off = std::abs(got[k] - want[k]);
    if (!(off <= error.largest))
      return testing::AssertionFailure() << "[" << k << "] is " << got[k] << ", not " << want[k]
                                         << ": off by " << off << ", allowed " << error.largest;
    squares += off * off;
  }
  const double root = got.empty() ? 0 : std::sqrt(squares / static_cast<double>(got.size()));
  if (root <= error.root_mean_square) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "errors of " << root << " in the root of their mean square, allowed "
                                     << error.root_mean_square;
}

testing::AssertionResult same_bits(const Values& got, const Values& want) {
  if (got.size() != want.size())
    return testing::AssertionFailure() << got.size() << " values, not " << want.size();
  for (size_t k = 0; k < got.size(); ++k)
    if (memcmp(&got[k], &want[k], sizeof(double)) != 0)
      return testing::AssertionFailure() << "[" << k << "] is " << testing::PrintToString(got[k]) << ", not "
                                         << testing::PrintToString(want[k]);
  return testing::AssertionSuccess();
}

}  // namespace sluice
