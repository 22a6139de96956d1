#include "engine/tensor.h"

namespace sluice {

const char* name_of(DType type) {
  switch (type) {
    case DType::f32:
      return "f32";
    case DType::f64:
      return "f64";
    case DType::bf16:
      return "bf16";
    case DType::f16:
      return "f16";
    case DType::i32:
      return "i32";
    case DType::u8:
      return "u8";
  }
  return "?";
}

Tensor::Tensor(void* memory, DType type, std::initializer_list<int64_t> shape)
    : data(memory), dtype(type), rank(static_cast<int>(shape.size())) {
  SLUICE_CHECK(rank <= kMaxRank, "a tensor of rank {}: at most {} are possible", rank, kMaxRank);
  int d = 0;
  for (int64_t extent : shape) dims[d++] = extent;
}

int64_t Tensor::size() const {
  int64_t product = 1;
  for (int d = 0; d < rank; ++d) product *= dims[d];
  return product;
}

Tensor Tensor::narrow(int64_t rows) const {
  SLUICE_CHECK(rank >= 1 && rows >= 0 && rows <= dims[0], "{} rows wanted of a tensor that has {}", rows,
               dims[0]);
  Tensor result = *this;
  result.dims[0] = rows;
  return result;
}

Tensor Tensor::at(int64_t index) const {
  SLUICE_CHECK(rank >= 1 && index >= 0 && index < dims[0], "entry {} of a tensor that has {}", index,
               dims[0]);
  Tensor result;
  result.dtype = dtype;
  result.rank = rank - 1;
  for (int d = 1; d < rank; ++d) result.dims[d - 1] = dims[d];
  if (data)
    result.data = static_cast<char*>(data) + static_cast<size_t>(index * result.size()) * size_of(dtype);
  return result;
}

Tensor Tensor::reshape(std::initializer_list<int64_t> shape) const {
  Tensor result(data, dtype, shape);
  SLUICE_CHECK(result.size() <= size(), "{} elements seen through a shape of {}", size(), result.size());
  return result;
}

void Tensor::check_is(DType type, int wanted_rank) const {
  SLUICE_CHECK(dtype == type, "a tensor of {} used as {}", name_of(dtype), name_of(type));
  SLUICE_CHECK(rank == wanted_rank, "a tensor of rank {} used with rank {}", rank, wanted_rank);
}

}  // namespace sluice
