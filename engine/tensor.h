// A tensor with its type and shape known at run time: a non-owning, contiguous, row-major window on device
// memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "engine/error.h"
#include "kernels/core/arithmetic.h"
#include "kernels/core/view.h"

namespace sluice {

enum class DType : uint8_t { f32, f64, bf16, f16, i32, u8 };

constexpr size_t size_of(DType type) {
  switch (type) {
    case DType::f32:
      return 4;
    case DType::f64:
      return 8;
    case DType::bf16:
    case DType::f16:
      return 2;
    case DType::i32:
      return 4;
    case DType::u8:
      return 1;
  }
  return 0;
}
const char* name_of(DType type);

// Bytes up to where the next tensor of one allocation begins: any kernel's widest access is aligned there.
constexpr size_t aligned(size_t bytes) {
  constexpr size_t kAlignment = 256;
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Stored only: what is computed of them is computed and accumulated in f32.
constexpr bool is_half(DType type) {
  return type == DType::bf16 || type == DType::f16;
}
// The type that values of `type` are computed and accumulated in.
constexpr DType accumulator_of(DType type) {
  return is_half(type) ? DType::f32 : type;
}

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<bf16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<f16> {
  static constexpr DType value = DType::f16;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::u8;
};

struct Tensor {
  static constexpr int kMaxRank = 4;

  void* data = nullptr;
  DType dtype = DType::f32;
  int rank = 0;
  int64_t dims[kMaxRank] = {};

  Tensor() = default;
  Tensor(void* memory, DType type, std::initializer_list<int64_t> shape);

  explicit operator bool() const { return data != nullptr; }
  int64_t size() const;
  size_t bytes() const { return static_cast<size_t>(size()) * size_of(dtype); }

  // The first `rows` of dimension 0: how a batch takes its part of memory bound for the largest batch.
  Tensor narrow(int64_t rows) const;
  // Entry `index` of dimension 0, one rank lower.
  Tensor at(int64_t index) const;
  // The same memory under another shape of no more elements.
  Tensor reshape(std::initializer_list<int64_t> shape) const;

  // Typed window; a null tensor gives a null view. Throws Failure on another type or rank.
  template <class T, int Rank>
  View<T, Rank> view() const {
    View<T, Rank> v;
    if (!data) return v;
    check_is(DTypeOf<T>::value, Rank);
    v.data = static_cast<T*>(data);
    for (int d = 0; d < Rank; ++d) v.dims[d] = dims[d];
    return v;
  }
  template <class T>
  T* as() const {
    if (data) check_is(DTypeOf<T>::value, rank);
    return static_cast<T*>(data);
  }

 private:
  void check_is(DType type, int wanted_rank) const;
};

// Calls f.template operator()<T>() with the C++ type of a floating-point dtype that is computed in.
template <class F>
decltype(auto) dispatch_real(DType type, F&& f) {
  switch (type) {
    case DType::f32:
      return f.template operator()<float>();
    case DType::f64:
      return f.template operator()<double>();
    default:
      throw Failure("no computation in {} on this backend", name_of(type));
  }
}

// The same with every floating-point dtype.
template <class F>
decltype(auto) dispatch_stored(DType type, F&& f) {
  switch (type) {
    case DType::bf16:
      return f.template operator()<bf16>();
    case DType::f16:
      return f.template operator()<f16>();
    default:
      return dispatch_real(type, f);
  }
}

}  // namespace sluice
