// Backward through all steps in one launch, in bf16 and f16; maths, bytes and synchronisation: backward.cuh.
#include "kernels/recurrence_persistent/backward.cuh"

namespace sluice::cuda {

template <>
void launch(const PersistentBackwardParams<bf16>& p, cudaStream_t stream) {
  if (p.shape.cell == CellKind::gru)
    launch_gru(p, stream);
  else
    launch_lstm<kMmaRegisterK>(p, stream);
}

template <>
void launch(const PersistentBackwardParams<f16>& p, cudaStream_t stream) {
  if (p.shape.cell == CellKind::gru)
    launch_gru(p, stream);
  else
    launch_lstm<kMmaRegisterK>(p, stream);
}

}  // namespace sluice::cuda
