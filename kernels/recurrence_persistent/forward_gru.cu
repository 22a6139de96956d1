// Forward of a GRU through all steps in one launch; maths, bytes and synchronisation: forward.cuh. One
// version with and without recurrent dropout and zoneout, which are tested for while it runs.
#include "kernels/recurrence_persistent/forward.cuh"

namespace sluice::cuda {
namespace {

template <int kFixedK, class T>
void launch_with(const PersistentForwardParams<T>& p, cudaStream_t stream) {
  launch_teams("persistent_forward", persistent_forward<Gru, T, kFixedK, true>, p, stream);
}

}  // namespace

template <>
void launch_gru(const PersistentForwardParams<float>& p, cudaStream_t stream) {
  if (p.plan.register_k == kRegisterK<3>[0])
    launch_with<kRegisterK<3>[0]>(p, stream);
  else
    launch_with<kRegisterK<3>[1]>(p, stream);
}

template <>
void launch_gru(const PersistentForwardParams<bf16>& p, cudaStream_t stream) {
  launch_with<kMmaRegisterK>(p, stream);
}

template <>
void launch_gru(const PersistentForwardParams<f16>& p, cudaStream_t stream) {
  launch_with<kMmaRegisterK>(p, stream);
}

}  // namespace sluice::cuda
