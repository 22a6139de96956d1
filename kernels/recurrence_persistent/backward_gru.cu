// Backward of a GRU through all steps in one launch; maths, bytes and synchronisation: backward.cuh. One
// version with and without recurrent dropout and zoneout, which are tested for while it runs.
#include "kernels/recurrence_persistent/backward.cuh"

namespace sluice::cuda {
namespace {

template <int kFixedK, class T>
void launch_with(const PersistentBackwardParams<T>& p, cudaStream_t stream) {
  launch_teams("persistent_backward", persistent_backward<Gru, T, kFixedK, true>, p, stream);
}

}  // namespace

template <>
void launch_gru(const PersistentBackwardParams<float>& p, cudaStream_t stream) {
  if (p.plan.register_k == kRegisterK<4>[0])
    launch_with<kRegisterK<4>[0]>(p, stream);
  else
    launch_with<kRegisterK<4>[1]>(p, stream);
}

template <>
void launch_gru(const PersistentBackwardParams<bf16>& p, cudaStream_t stream) {
  launch_with<kMmaRegisterK>(p, stream);
}

template <>
void launch_gru(const PersistentBackwardParams<f16>& p, cudaStream_t stream) {
  launch_with<kMmaRegisterK>(p, stream);
}

}  // namespace sluice::cuda
