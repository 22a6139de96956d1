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
// Unless it has memory and is f32 or f64.
void real(const char* what, const Tensor& tensor);
void same(const char* what, const Tensor& a, const Tensor& b);

void rnn(const RnnForward& args);
void rnn(const RnnBackward& args);

}  // namespace sluice::checks
