#include "tests/backends/cases.h"

namespace sluice {

std::vector<BackendCase> all_backends() {
  return {{"cuda", Device::cuda, {RnnPath::step}, {DType::f32, DType::f64, DType::bf16, DType::f16}}};
}

}  // namespace sluice
