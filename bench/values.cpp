#include "bench/values.h"

#include <cmath>
#include <vector>

namespace sluice::bench {
namespace {

template <class T>
void upload(Backend& backend, const Tensor& tensor, double scale) {
  std::vector<T> values(static_cast<size_t>(tensor.size()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = T(static_cast<float>(scale * std::sin(static_cast<double>(i) * 0.7371 + 0.1)));
  backend.copy_to_device(tensor, values.data());
}

}  // namespace

void fill(Backend& backend, const Tensor& tensor, double scale) {
  switch (tensor.dtype) {
    case DType::f32:
      return upload<float>(backend, tensor, scale);
    case DType::f64:
      return upload<double>(backend, tensor, scale);
    case DType::bf16:
      return upload<bf16>(backend, tensor, scale);
    case DType::f16:
      return upload<f16>(backend, tensor, scale);
    default:
      throw UserError("--type: {} is not a type of layers and kernels", name_of(tensor.dtype));
  }
}

}  // namespace sluice::bench
