// Linked into the mutants: before the first test, makes every kernel the mutant that SLUICE_MUTANT names.
#include "tests/mutants/choose.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

namespace sluice::mutants {
namespace {

std::vector<Choose>& translation_units() {
  static std::vector<Choose> all;
  return all;
}

class ChooseMutant : public testing::Environment {
  void SetUp() override {
    const char* name = std::getenv("SLUICE_MUTANT");
    ASSERT_FALSE(translation_units().empty());
    for (const Choose choose : translation_units()) ASSERT_EQ(choose(name ? hash(name) : 0), 0);
  }
};
const testing::Environment* const kChooseMutant = testing::AddGlobalTestEnvironment(new ChooseMutant);

}  // namespace

void add_translation_unit(Choose choose) {
  translation_units().push_back(choose);
}

}  // namespace sluice::mutants
