// One recurrent layer, in one or both directions: y [N,D*H] of x.
#pragma once

#include <string>

#include "engine/arena.h"
#include "engine/layers/embedding.h"
#include "engine/params.h"

namespace sluice {

struct RecurrentConfig {
  std::string name;  // of its parameters: NAME.weight_input, NAME.weight_recurrent, NAME.bias, NAME.norm_*
  RnnShape shape;
  RnnPath path = RnnPath::automatic;
  double forget_bias = 1;  // of cells that have a forget gate
  bool orthogonal = true;  // R; else Glorot
};

class RecurrentLayer {
 public:
  // Chooses the path. Throws UserError where the path asked for refuses the shape.
  RecurrentLayer(const RecurrentConfig& config, Backend& backend);

  void declare(Params& params);
  void bind(Arena& arena, const MaxShape& max, Backend& backend);
  // out [N,D*H] =
  void forward(Backend& backend, const Params& params, const Batch& batch, const StepInfo& step,
               const Rows& in, Tensor out);
  // After forward() of the same batch: d_out as out; d_in as in.x =, or null.
  void backward(Backend& backend, const Params& params, Tensor d_out, Tensor d_in);

  int outputs() const { return config_.shape.directions * config_.shape.hidden_size; }
  RnnPath path() const { return path_; }
  int directions() const { return config_.shape.directions; }
  // One line: the path taken and why those before it in the table were refused.
  std::string path_line() const;

 private:
  RecurrentConfig config_;
  std::string refusals_;  // before path_, whose choice writes here
  RnnPath path_;

  // Values or gradients of the gains of layer normalisation, which are null without it.
  template <class Get>
  RnnNorms norms(const Get& get) const;

  ParamId W_ = -1, R_ = -1, b_ = -1;
  ParamId norm_input_ = -1, norm_recurrent_ = -1, norm_cell_ = -1, norm_cell_bias_ = -1;
  Tensor saved_, scratch_;
  RnnForward last_;  // arguments of the last forward(), which backward() refers to
};

}  // namespace sluice
