// Forward of an LSTM through all steps in one launch, in bf16; maths, bytes and synchronisation: forward.cuh.
#include "kernels/recurrence_persistent/forward.cuh"

namespace sluice::cuda {

template <>
void launch(const PersistentForwardParams<bf16>& p, cudaStream_t stream) {
  if (p.shape.cell == CellKind::gru)
    launch_gru(p, stream);
  else
    launch_cell<Lstm, kMmaRegisterK>(p, stream);
}

}  // namespace sluice::cuda
