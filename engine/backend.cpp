#include "engine/backend.h"

namespace sluice {
const char* name_of(RnnPath path) {
  switch (path) {
    case RnnPath::automatic:
      return "auto";
    case RnnPath::cpu:
      return "cpu";
    case RnnPath::onednn:
      return "onednn";
  }
  return "?";
}
}  // namespace sluice
