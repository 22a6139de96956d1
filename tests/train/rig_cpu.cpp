#include "tests/train/late_backend.h"
#include "tests/train/rig_backends.h"

namespace sluice::test {

std::vector<RigBackend> rig_backends() {
  return {{"cpu", [] { return make_backend({.device = Device::cpu, .threads = 1}); }},
          {"late", [] { return std::make_unique<LateBackend>(); }}};
}

}  // namespace sluice::test
