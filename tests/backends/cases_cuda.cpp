#include "tests/backends/cases.h"

namespace sluice {

std::vector<BackendCase> all_backends() {
  return {{"cuda", Device::cuda, {RnnPath::step}}};
}

}  // namespace sluice
