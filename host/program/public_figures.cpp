#include "host/program/public_figures.h"

namespace sluice {
namespace {

constexpr const char* kSmallSource = "github.com/xwang233/code-snippet, cudnn-rnn-bench-62143";

// A row of that table: milliseconds of the whole pass by both algorithms, before and after
// pytorch/pytorch#62143.
void add_small(std::vector<PublicFigure>& figures, DType dtype, int hidden, int batch, int steps,
               double standard_ms, double small_ms) {
  const auto add = [&](CudnnAlgorithm algorithm, double ms) {
    figures.push_back({algorithm, dtype, hidden, batch, steps, 1e3 * ms / steps, "not named", kSmallSource});
  };
  add(CudnnAlgorithm::standard, standard_ms);
  add(CudnnAlgorithm::persist_static_small_h, small_ms);
}

}  // namespace

const std::vector<PublicFigure>& public_figures() {
  static const std::vector<PublicFigure> all = [] {
    std::vector<PublicFigure> figures;
    add_small(figures, DType::f32, 40, 6, 3047, 20.7, 2.0);
    add_small(figures, DType::f32, 72, 6, 2721, 18.6, 2.4);
    add_small(figures, DType::f32, 128, 16, 3854, 36.6, 10.2);
    add_small(figures, DType::f32, 168, 62, 2058, 29.9, 156.9);
    add_small(figures, DType::f16, 40, 6, 3047, 23.3, 2.0);
    add_small(figures, DType::f16, 72, 6, 2721, 21.1, 2.3);
    add_small(figures, DType::f16, 128, 16, 3854, 29.3, 10.1);
    add_small(figures, DType::f16, 168, 62, 2058, 27.6, 154.5);
    figures.push_back({CudnnAlgorithm::persist_static, DType::f16, 768, 16, 1024, 1e3 * 2.01 / 1024,
                       "H100 SXM", "github.com/NX-AI/flashrnn, its plot over head dimensions"});
    return figures;
  }();
  return all;
}

}  // namespace sluice
