#include "engine/models/model_config.h"

#include "engine/error.h"
#include "kernels/cells/cells.h"

namespace sluice {

int hidden_size(const ModelConfig& config, int layer) {
  return config.hidden_size.size() == 1 ? config.hidden_size[0]
                                        : config.hidden_size[static_cast<size_t>(layer)];
}

const ModelConfig& checked(const ModelConfig& config, const Backend& backend) {
  if (!backend.takes(config.dtype))
    throw UserError("model.dtype = {}: needs a GPU; use --device cuda, or model.dtype = f32",
                    name_of(config.dtype));
  const auto sizes = static_cast<int>(config.hidden_size.size());
  if (config.num_layers > kMaxLayers)
    throw UserError("model.num_layers: {} is more than {}; use fewer layers", config.num_layers, kMaxLayers);
  if (config.num_layers > 0 && sizes != 1 && sizes != config.num_layers)
    throw UserError("model.hidden_size: {} sizes for {} layers; give one size or one for each layer", sizes,
                    config.num_layers);
  if (config.zoneout_cell > 0 && config.num_layers > 0 && traits_of(config.cell).states < 2)
    throw UserError("model.zoneout_cell: a {} has no cell state; use model.zoneout_hidden",
                    name_of(config.cell));
  if (config.pooling.empty())
    throw UserError("model.pooling: empty; give at least one of last, mean, max, sqrtn");
  return config;
}

}  // namespace sluice
