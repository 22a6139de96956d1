// What the classifier does besides its gradients, which gradients_test.cpp holds.
#include <gmock/gmock.h>

#include "engine/models/classifier.h"

namespace sluice {
namespace {

using testing::ElementsAre;

TEST(Classifier, VectorsMayFillTheFirstNumbersOfARow) {
  const auto backend = make_backend({.device = Device::cpu, .threads = 1});
  Classifier classifier({.vocabulary = 4, .classes = 2, .embedding_size = 3, .hidden_size = {2}}, {},
                        *backend);
  classifier.allocate({.sequences = 1, .steps = 1, .rows = 1, .distinct = 1}, 7, true, 1);
  const Tensor table = classifier.params().named().front().tensor;
  ASSERT_EQ(table.dims[0], 4);
  std::vector<float> before(12), after(12);
  backend->copy_to_host(before.data(), table);
  classifier.set_embeddings(std::vector<int32_t>{3, 1}, std::vector<float>{10, 11, 20, 21});
  backend->copy_to_host(after.data(), table);
  EXPECT_THAT(after, ElementsAre(before[0], before[1], before[2], 20, 21, before[5], before[6], before[7],
                                 before[8], 10, 11, before[11]));
}

}  // namespace
}  // namespace sluice
