// Forward of a GRU through all steps in one launch; maths, bytes and synchronisation: forward.cuh.
#include "kernels/recurrence_persistent/forward.cuh"

namespace sluice::cuda {

template <>
void launch_gru(const PersistentForwardParams<float>& p, cudaStream_t stream) {
  if (p.plan.register_k == kRegisterK<3>[0])
    launch_cell<Gru, kRegisterK<3>[0]>(p, stream);
  else
    launch_cell<Gru, kRegisterK<3>[1]>(p, stream);
}

template <>
void launch_gru(const PersistentForwardParams<bf16>& p, cudaStream_t stream) {
  launch_cell<Gru, kMmaRegisterK>(p, stream);
}

template <>
void launch_gru(const PersistentForwardParams<f16>& p, cudaStream_t stream) {
  launch_cell<Gru, kMmaRegisterK>(p, stream);
}

}  // namespace sluice::cuda
