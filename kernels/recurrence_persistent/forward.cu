// Forward of an LSTM through all steps in one launch, in f32; maths, bytes and synchronisation: forward.cuh.
#include "kernels/recurrence_persistent/forward.cuh"

namespace sluice::cuda {

template <>
void launch(const PersistentForwardParams<float>& p, cudaStream_t stream) {
  if (p.shape.cell == CellKind::gru)
    launch_gru(p, stream);
  else if (p.plan.register_k == kRegisterK<4>[0])
    launch_cell<Lstm, kRegisterK<4>[0]>(p, stream);
  else
    launch_cell<Lstm, kRegisterK<4>[1]>(p, stream);
}

}  // namespace sluice::cuda
