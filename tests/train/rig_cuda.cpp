#include "tests/train/rig_backends.h"

namespace sluice::test {

std::vector<RigBackend> rig_backends() {
  return {{"cuda", [] { return make_backend({.device = Device::cuda}); }}};
}

}  // namespace sluice::test
