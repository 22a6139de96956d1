// The recurrent path `onednn`: oneDNN's LSTM primitive, the reference and rival of the path `cpu`.
//
// The primitive knows no ragged batches. A batch is cut into segments of steps with the same number of active
// sequences; one primitive runs a segment, and the state is carried from one to the next (for the reverse
// direction from the last segment to the first).
#pragma once

#include <memory>
#include <string>

#include "engine/backend.h"
#include "engine/backends/cpu/pool.h"

namespace sluice::cpu {

std::string onednn_version();  // of the library in use, as "2.6.3"

class RnnOnednn {
 public:
  explicit RnnOnednn(int threads);
  ~RnnOnednn();

  // Why this path cannot take the shape; empty when it can.
  static std::string refusal(const RnnShape&);

  RnnBytes bytes(const RnnShape&, const MaxShape&);
  void forward(Pool&, const RnnForward&);
  void backward(Pool&, const RnnBackward&);

 private:
  class Cache;
  class Forward;
  class Backward;
  Cache& cache();  // made on first use: it starts oneDNN's engine

  int threads_;
  std::unique_ptr<Cache> cache_;
};

}  // namespace sluice::cpu
