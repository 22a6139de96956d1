// f32 rounded to a storage type of 16 bits.
//
// Maths:   convert.h.
// Shapes:  flat [n].
// Grid:    8 elements a thread: two loads and one store of 128 bits where both arrays are aligned.
// Bytes:   6 n.
// Bound:   memory.
// Sync:    none: each element has one reader and one writer.
#include "kernels/core/launch.cuh"
#include "kernels/optim/convert.h"
#include "kernels/optim/flat.cuh"

namespace sluice::cuda {
namespace {

template <class To>
__global__ void __launch_bounds__(kFlatThreads) convert(ConvertParams<To> p, bool aligned) {
  constexpr int W = kVecWidth<To>;
  const int64_t begin = flat_begin<To>(), n = p.to.dims[0];
  if (aligned && begin + W <= n) return store<W>(p.to.data + begin, load<W>(p.from.data + begin));
  for (int64_t i = begin; i < begin + W && i < n; ++i) p.to(i) = static_cast<To>(p.from(i));
}

}  // namespace

template <class To>
void launch(const ConvertParams<To>& p, cudaStream_t stream) {
  if (p.to.dims[0] == 0) return;
  launch_kernel("convert", convert<To>, dim3(flat_blocks<To>(p.to.dims[0])), dim3(kFlatThreads), 0, stream, p,
                aligned_to_vec(p.from.data, p.to.data));
}

template void launch(const ConvertParams<bf16>&, cudaStream_t);
template void launch(const ConvertParams<f16>&, cudaStream_t);

}  // namespace sluice::cuda
