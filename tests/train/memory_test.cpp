// The memory that a training is refused for lack of is the memory that it takes.
#include <gtest/gtest.h>

#include "engine/backends/cpu/cpu_backend.h"
#include "engine/error.h"
#include "engine/models/classifier.h"
#include "engine/optim/optimizer.h"
#include "engine/train/trainer.h"
#include "tests/train/rig.h"

namespace sluice {
namespace {

// A CPU backend that lends `available` bytes and counts those it has lent.
class Meter : public cpu::CpuBackend {
 public:
  explicit Meter(size_t available) : CpuBackend(1), available_(available) {}
  size_t available_memory() const override { return available_ - lent_; }
  size_t lent() const { return lent_; }

 protected:
  void* do_allocate(size_t bytes, const char* what) override {
    lent_ += bytes;
    return CpuBackend::do_allocate(bytes, what);
  }

 private:
  size_t available_, lent_ = 0;
};

struct Case {
  OptimizerConfig optimizer;
  TrainConfig train;
};

// The bytes that a training takes where `available` are there; 0 where it is refused.
size_t taken(const Case& c, size_t available) {
  const ModelConfig model{
      .vocabulary = 5000, .classes = 7, .embedding_size = 40, .num_layers = 2, .hidden_size = {48}};
  Meter backend(available);
  Classifier classifier(model, {}, backend);
  const size_t state =
      Optimizer::bytes(c.optimizer, classifier.params()) + Trainer::bytes(c.train, classifier.params(), true);
  try {
    classifier.allocate({.sequences = 8, .steps = 50, .rows = 400, .distinct = 300}, 1,
                        !c.optimizer.lazy_embeddings, 2, state);
  } catch (const UserError&) {
    EXPECT_EQ(backend.lent(), 0u) << "refused, but not before allocating";
    return 0;
  }
  Optimizer optimizer(c.optimizer, classifier.params());
  test::InMemoryBatches documents({{{1}, {0}}}, 1);  // their memory is within the slack below
  const Trainer trainer(c.train, classifier, optimizer, documents, &documents);
  return backend.lent();
}

TEST(Memory, WhatIsSaidToBeNeededIsWhatIsTaken) {
  for (const Case& c : {Case{}, Case{.train = {.keep_best = false}}, Case{.train = {.average_from = 0.5}},
                        Case{{.lazy_embeddings = false}}, Case{{.kind = OptimizerKind::sgd}}}) {
    const size_t bytes = taken(c, size_t{1} << 40);
    const size_t slack = bytes / 1000;
    EXPECT_EQ(taken(c, bytes - slack), 0u);
    EXPECT_EQ(taken(c, bytes + slack), bytes);
  }
}

}  // namespace
}  // namespace sluice
