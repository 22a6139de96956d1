#include "tests/backends/cases.h"

namespace sluice {

std::vector<BackendCase> all_backends() {
  return {{"cpu", Device::cpu, {RnnPath::cpu, RnnPath::onednn}, {DType::f32, DType::f64}}};
}

}  // namespace sluice
