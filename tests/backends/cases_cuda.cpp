#include "tests/backends/cases.h"

namespace sluice {

std::vector<BackendCase> all_backends() {
  return {{"cuda",
           Device::cuda,
           {RnnPath::step, RnnPath::persistent},
           {DType::f32, DType::f64, DType::bf16, DType::f16}}};
}

}  // namespace sluice
