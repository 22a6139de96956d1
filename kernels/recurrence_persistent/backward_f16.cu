// Backward of an LSTM through all steps in one launch, in f16; maths, bytes and synchronisation:
// backward.cuh.
#include "kernels/recurrence_persistent/backward.cuh"

namespace sluice::cuda {

template <>
void launch(const PersistentBackwardParams<f16>& p, cudaStream_t stream) {
  if (p.shape.cell == CellKind::gru)
    launch_gru(p, stream);
  else
    launch_cell<Lstm, kMmaRegisterK>(p, stream);
}

}  // namespace sluice::cuda
