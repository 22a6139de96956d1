#include "engine/recurrence.h"

#include <fmt/format.h>

namespace sluice {

const char* name_of(RnnPath path) {
  switch (path) {
    case RnnPath::automatic:
      return "auto";
    case RnnPath::cpu:
      return "cpu";
    case RnnPath::onednn:
      return "onednn";
    case RnnPath::step:
      return "step";
    case RnnPath::cudnn:
      return "cudnn";
    case RnnPath::persistent:
      return "persistent";
  }
  return "?";
}

const char* name_of(CudnnAlgorithm algorithm) {
  switch (algorithm) {
    case CudnnAlgorithm::standard:
      return "standard";
    case CudnnAlgorithm::persist_static:
      return "persist_static";
    case CudnnAlgorithm::persist_dynamic:
      return "persist_dynamic";
    case CudnnAlgorithm::persist_static_small_h:
      return "persist_static_small_h";
  }
  return "?";
}

std::string cudnn_refusal(const RnnShape& s) {
  // What cuDNN's persistent kernels for small H take when training, as PyTorch has found (RNN.cpp).
  constexpr int kMostSmallH = 128;
  if (s.layer_norm) return "no layer normalisation in the cell";
  if (s.recurrent_dropout > 0) return "no recurrent dropout";
  if (s.zoneout_hidden > 0 || s.zoneout_cell > 0) return "no zoneout";
  if (s.cudnn_algorithm != CudnnAlgorithm::standard && s.dtype == DType::f64)
    return fmt::format("no f64 by {}, only by standard", name_of(s.cudnn_algorithm));
  if (s.cudnn_algorithm == CudnnAlgorithm::persist_static_small_h && s.hidden_size > kMostSmallH)
    return fmt::format("persist_static_small_h trains at most {} units", kMostSmallH);
  return {};
}

std::string persistent_refusal(const RnnShape& s) {
  if (s.dtype == DType::f64) return fmt::format("it has no kernel for {}", name_of(s.dtype));
  if (s.layer_norm) return "no layer normalisation in the cell";
  return {};
}

}  // namespace sluice
