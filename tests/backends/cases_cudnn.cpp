#include <cstdlib>

#include "tests/backends/cases.h"

namespace sluice {
namespace {

// A virtual cuDNN then fills with NaN whatever lies between the parameters of a weight space, at each call.
[[maybe_unused]] const int kPoisoned = setenv("VGPU_POISON", "1", 1);

}  // namespace

std::vector<BackendCase> all_backends() {
  return {{"cuda",
           Device::cuda,
           {RnnPath::step, RnnPath::cudnn, RnnPath::persistent},
           {DType::f32, DType::f64, DType::bf16, DType::f16}}};
}

}  // namespace sluice
