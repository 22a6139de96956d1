// The backends under test and what each test is run with. Each test program links one cases_x.cpp, which says
// which backends it tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "kernels/cells/cells.h"

namespace sluice {

struct BackendCase {
  const char* name;
  Device device;
  std::vector<RnnPath> paths;
  std::vector<DType> dtypes;
};

std::vector<BackendCase> all_backends();

// One instance of a test. Tests that know no layout, path or cell ignore them.
struct TestCase {
  BackendCase backend;
  DType dtype = DType::f32;
  Layout layout = Layout::packed;
  RnnPath path = RnnPath::cpu;
  CellKind cell = CellKind::lstm;
  CudnnAlgorithm algorithm = CudnnAlgorithm::standard;  // of the path cudnn

  std::unique_ptr<Backend> make(int threads = 2) const {
    return make_backend({.device = backend.device, .threads = threads});
  }
};

inline std::vector<TestCase> for_each_dtype() {
  std::vector<TestCase> cases;
  for (const BackendCase& backend : all_backends())
    for (DType dtype : backend.dtypes) cases.push_back({backend, dtype});
  return cases;
}

// Those of verbs that know ACC only: Note [Types] in engine/verbs.h.
inline std::vector<TestCase> for_each_accumulator() {
  std::vector<TestCase> cases;
  for (const TestCase& c : for_each_dtype())
    if (!is_half(c.dtype)) cases.push_back(c);
  return cases;
}

inline std::vector<TestCase> for_each_dtype_and_layout() {
  std::vector<TestCase> cases;
  for (TestCase c : for_each_dtype())
    for (Layout layout : {Layout::packed, Layout::padded}) {
      c.layout = layout;
      cases.push_back(c);
    }
  return cases;
}

inline std::vector<CudnnAlgorithm> algorithms_of(RnnPath path) {
  if (path != RnnPath::cudnn) return {CudnnAlgorithm::standard};
  return {CudnnAlgorithm::standard, CudnnAlgorithm::persist_static, CudnnAlgorithm::persist_dynamic,
          CudnnAlgorithm::persist_static_small_h};
}

// Whether the case's path knows its cell in its type: oneDNN has the LSTM only, in f32; `persistent` no f64;
// cuDNN f32 and, by `standard`, f64.
inline bool computes(const TestCase& c) {
  if (c.path == RnnPath::onednn) return c.dtype == DType::f32 && c.cell == CellKind::lstm;
  if (c.path == RnnPath::persistent) return c.dtype != DType::f64;
  if (c.path != RnnPath::cudnn) return true;
  return c.dtype == DType::f32 || (c.dtype == DType::f64 && c.algorithm == CudnnAlgorithm::standard);
}

// Whether others stand for it, as a virtual GPU is slow: padding is the same to the path persistent in any
// type.
inline bool spared(const TestCase& c) {
  return c.path == RnnPath::persistent && c.cell == CellKind::gru && c.layout == Layout::padded &&
         is_half(c.dtype);
}

inline std::vector<TestCase> for_each_rnn_path() {
  std::vector<TestCase> cases;
  for (TestCase c : for_each_dtype_and_layout())
    for (RnnPath path : c.backend.paths) {
      c.path = path;
      for (const CellKind cell : kCells) {
        c.cell = cell;
        for (const CudnnAlgorithm algorithm : algorithms_of(path)) {
          c.algorithm = algorithm;
          if (computes(c) && !spared(c)) cases.push_back(c);
        }
      }
    }
  return cases;
}

// Those that take recurrent dropout and zoneout.
inline std::vector<TestCase> for_each_regularised_path() {
  std::vector<TestCase> cases;
  for (const TestCase& c : for_each_rnn_path())
    if (c.path != RnnPath::onednn && c.path != RnnPath::cudnn) cases.push_back(c);
  return cases;
}

// Those that take layer normalisation.
inline std::vector<TestCase> for_each_normed_path() {
  std::vector<TestCase> cases;
  for (const TestCase& c : for_each_regularised_path())
    if (c.path != RnnPath::persistent) cases.push_back(c);
  return cases;
}

inline std::string name_of_case(const TestCase& c) {
  std::string name = std::string(c.backend.name) + "_" + name_of(c.dtype);
  if (c.layout == Layout::padded) name += "_padded";
  if (c.path != RnnPath::cpu) name += std::string("_") + name_of(c.path);
  if (c.cell != CellKind::lstm) name += std::string("_") + name_of(c.cell);
  if (c.path == RnnPath::cudnn) name += std::string("_") + name_of(c.algorithm);
  return name;
}

inline std::string name_of_param(const testing::TestParamInfo<TestCase>& info) {
  return name_of_case(info.param);
}
inline void PrintTo(const TestCase& c, std::ostream* out) {
  *out << name_of_case(c);
}

class BackendTest : public testing::TestWithParam<TestCase> {
 protected:
  std::unique_ptr<Backend> backend_ = GetParam().make();
  DType dtype_ = GetParam().dtype, acc_ = accumulator_of(dtype_);
  Layout layout_ = GetParam().layout;
  CellKind cell_ = GetParam().cell;
};

}  // namespace sluice
