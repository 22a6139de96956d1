// The backends that trainings are tested on. Each test program links one rig_x.cpp, which lists them.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "tests/train/rig.h"

namespace sluice::test {

struct RigBackend {
  std::string name;
  std::function<std::unique_ptr<Backend>()> make;
};

std::vector<RigBackend> rig_backends();

inline void PrintTo(const RigBackend& backend, std::ostream* out) {
  *out << backend.name;
}

}  // namespace sluice::test
