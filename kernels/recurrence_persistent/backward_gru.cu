// Backward of a GRU through all steps in one launch; maths, bytes and synchronisation: backward.cuh.
#include "kernels/recurrence_persistent/backward.cuh"

namespace sluice::cuda {

template <>
void launch_gru(const PersistentBackwardParams<float>& p, cudaStream_t stream) {
  if (p.plan.register_k == kRegisterK<4>[0])
    launch_cell<Gru, kRegisterK<4>[0]>(p, stream);
  else
    launch_cell<Gru, kRegisterK<4>[1]>(p, stream);
}

template <>
void launch_gru(const PersistentBackwardParams<bf16>& p, cudaStream_t stream) {
  launch_cell<Gru, kMmaRegisterK>(p, stream);
}

template <>
void launch_gru(const PersistentBackwardParams<f16>& p, cudaStream_t stream) {
  launch_cell<Gru, kMmaRegisterK>(p, stream);
}

}  // namespace sluice::cuda
