// What a backend test works with: device arrays between guards, ragged batches, random numbers, comparison.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/batch.h"
#include "tests/oracle/rounding.h"
#include "tests/tolerance.h"

namespace sluice {

using Values = std::vector<double>;
using Ints = std::vector<int32_t>;

// Reproducible numbers that `dtype` holds exactly, so that oracle and backend read the same inputs.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  Values reals(size_t count, DType dtype, double low = -1, double high = 1);
  Values whole(size_t count, int low, int high);  // integers, as doubles
  Ints ints(size_t count, int low, int high);     // in [low, high]

 private:
  std::mt19937_64 engine_;
};

oracle::Format format_of(DType dtype);
// To the nearest number that `dtype` holds.
double rounded_to(DType dtype, double value);
Values rounded_to(DType dtype, const Values& values);

// Device arrays. Each lies between two guards of NaN bytes: a read outside poisons the result, a write
// outside is found by the destructor, which also finds any change of an array that was given as input.
class Rig {
 public:
  Rig(Backend& backend, DType real) : backend_(backend), real_(real) {}
  ~Rig();
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  Backend& backend() { return backend_; }

  // Inputs; they must be the same in the end.
  Tensor in(const Values& values, std::initializer_list<int64_t> dims);  // REAL
  Tensor in(const Ints& values, std::initializer_list<int64_t> dims);
  Tensor in_as(DType dtype, const Values& values, std::initializer_list<int64_t> dims);
  Tensor in_acc(const Values& values,
                std::initializer_list<int64_t> dims) {  // ACC: Note [Types] in verbs.h
    return in_as(accumulator_of(real_), values, dims);
  }
  // Arrays that the verb adds to or updates.
  Tensor inout(const Values& values, std::initializer_list<int64_t> dims);  // REAL
  Tensor inout(const Ints& values, std::initializer_list<int64_t> dims);
  Tensor inout_as(DType dtype, const Values& values, std::initializer_list<int64_t> dims);
  Tensor inout_acc(const Values& values, std::initializer_list<int64_t> dims) {
    return inout_as(accumulator_of(real_), values, dims);
  }
  // Outputs: every byte 0xff, which is NaN in every real type and -1 in i32.
  Tensor out(std::initializer_list<int64_t> dims);  // REAL
  Tensor out_as(DType dtype, std::initializer_list<int64_t> dims);
  Tensor out_acc(std::initializer_list<int64_t> dims) { return out_as(accumulator_of(real_), dims); }
  // Fills with 0xff what exists already.
  void poison(Tensor tensor);

  Values get(Tensor tensor);  // of real numbers
  Ints get_ints(Tensor tensor);
  std::vector<uint8_t> get_bytes(Tensor tensor);

  // The batch in device memory; `host` must outlive the rig.
  Batch upload(const HostBatch& host);

 private:
  struct Array {
    Buffer memory;
    std::vector<uint8_t> content;  // empty unless it is an input
  };
  Tensor place(DType dtype, const void* values, bool input, std::initializer_list<int64_t> dims);

  Backend& backend_;
  DType real_;
  std::vector<Array> arrays_;
};

// A batch of random ids, already sorted or not; classes[b] becomes each document's class when given.
HostBatch ragged(const std::vector<int>& lengths, Layout layout, int vocabulary = 7, uint64_t seed = 1,
                 const Ints& classes = {});

// Step and sequence of each row, worked out from layout and lengths alone, not from the batch's offsets.
struct Place {
  size_t t, b;
  bool valid;  // else padding
};
std::vector<Place> places_of(const HostBatch& batch);

// [N,C] <-> the [len,C] block of each sequence. Padding is set to `padding`.
Values rows_from_sequences(const HostBatch& batch, const std::vector<Values>& sequences, size_t columns,
                           double padding = 0);
std::vector<Values> sequences_from_rows(const HostBatch& batch, const Values& rows, size_t columns);
// Sets the padding rows of [N,C] to what inputs may hold there: NaN, or `with`, which the type holds, and its
// negative.
void spoil_padding(const HostBatch& batch, Values& rows, size_t columns, double with = std::nan(""));
// Zeroes them: what outputs must hold there.
void clear_padding(const HostBatch& batch, Values& rows, size_t columns);

// Passes where every |got - want| is within `bound` (engine dtype included); NaN equals only NaN.
testing::AssertionResult near(const Values& got, const Values& want, Bound bound);
// Passes where the errors' largest and their root mean square are within `error`.
testing::AssertionResult near_as_a_whole(const Values& got, const Values& want, const TensorBound& error);
// Bit for bit, of f32 or f64 values read back as doubles.
testing::AssertionResult same_bits(const Values& got, const Values& want);

}  // namespace sluice
