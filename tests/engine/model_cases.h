// A classifier's options, each in turn and all together: what must hold for any of them is tested with all.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "engine/models/classifier.h"

namespace sluice {

struct ModelCase {
  std::string name;
  std::function<void(ModelConfig&, LossConfig&)> change;  // of three classes
  Layout layout = Layout::packed;
};
std::span<const ModelCase> model_cases();

}  // namespace sluice
