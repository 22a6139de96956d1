// What the classifier does besides its gradients, which gradients_test.cpp holds.
#include <gmock/gmock.h>

#include "engine/device_batch.h"
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

// Such a batch has no distinct token and no bigram.
TEST(Classifier, ABatchMayHoldEmptyDocumentsOnly) {
  const auto backend = make_backend({.device = Device::cpu, .threads = 1});
  for (Layout layout : {Layout::packed, Layout::padded}) {
    Classifier classifier({.vocabulary = 4,
                           .classes = 2,
                           .embedding_size = 3,
                           .hidden_size = {2},
                           .pool_embeddings = true,
                           .bigram_buckets = 5},
                          {}, *backend);
    const MaxShape max = {.sequences = 2, .steps = 3, .rows = 6, .distinct = 4, .bigrams = 5};
    classifier.allocate(max, 7, false, 1);
    DeviceBatch device(*backend, max, layout, 0);
    const std::vector<int32_t> label = {1};
    const std::vector<BatchItem> items = {{{}, label, 0}, {{}, label, 1}};
    const HostBatch host = pack(items, layout, 0, 5);
    const Batch& batch = device.load(host);
    const StepInfo step = {.training = true, .seed = 1, .step = 1};
    classifier.prepare(batch, step, 1);
    classifier.forward(batch, step);
    classifier.backward(batch, step);
    const std::vector<double> p = classifier.probabilities(batch);
    ASSERT_THAT(p, testing::SizeIs(4));
    EXPECT_NEAR(p[0] + p[1], 1, 1e-6);
    EXPECT_EQ(p[0], p[2]);
    const HostBatch without = pack(items, layout);
    EXPECT_THROW(device.load(without), Failure);
  }
}

}  // namespace
}  // namespace sluice
