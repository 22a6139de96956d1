// Shape checks of the backend's public verbs.
#pragma once

#include <initializer_list>

#include "engine/backend.h"

namespace sluice::checks {

constexpr int64_t kAny = -1;

// Throws Failure, naming `what`, unless the tensor has memory (or no elements), this type and this shape.
void shape(const char* what, const Tensor& tensor, DType type, std::initializer_list<int64_t> dims);
// As shape(), but a null tensor passes.
void optional(const char* what, const Tensor& tensor, DType type, std::initializer_list<int64_t> dims);
// Unless it has memory and is of a floating-point type. Note [Types] in engine/verbs.h: REAL.
void real(const char* what, const Tensor& tensor);
// Unless it has memory and is f32 or f64: ACC.
void accumulator(const char* what, const Tensor& tensor);
// Unless it has memory and is of `type` or of the type that `type` is accumulated in.
void real_or_accumulator(const char* what, const Tensor& tensor, DType type);
void same(const char* what, const Tensor& a, const Tensor& b);

void rnn(const RnnForward& args);
void rnn(const RnnBackward& args);

}  // namespace sluice::checks
