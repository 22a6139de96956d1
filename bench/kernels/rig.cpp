#include "bench/kernels/case.h"
#include "bench/random_batch.h"
#include "bench/values.h"
#include "engine/lengths.h"

namespace sluice::bench {

KernelRig::KernelRig(Backend& backend, const KernelSizes& sizes, DType type)
    : backend_(backend),
      sizes_(sizes),
      type_(type),
      acc_(accumulator_of(type)),
      s_(static_cast<double>(size_of(type))),
      a_(static_cast<double>(size_of(acc_))) {
  const std::vector<int> lengths = draw_lengths(sizes.lengths, sizes.sequences, 1);
  packed_ = random_batch(lengths, sizes.vocabulary, sizes.classes, 2, Layout::packed);
  padded_ = random_batch(lengths, sizes.vocabulary, sizes.classes, 2, Layout::padded);
}

const Batch& KernelRig::batch(Layout layout) {
  const Batch*& bound = batches_[static_cast<int>(layout)];
  if (!bound) {
    const HostBatch& host = layout == Layout::packed ? packed_ : padded_;
    const MaxShape max = {host.sequences, host.steps, host.rows, static_cast<int>(host.distinct.size())};
    bound =
        &device_batches_.emplace_back(std::make_unique<DeviceBatch>(backend_, max, layout, 0))->load(host);
  }
  return *bound;
}

Tensor KernelRig::zeros(DType type, std::initializer_list<int64_t> shape) {
  Tensor t(nullptr, type, shape);
  t.data = memory_.emplace_back(backend_, t.bytes(), "kernel case").data();
  return t;
}

Tensor KernelRig::values(DType type, std::initializer_list<int64_t> shape) {
  const Tensor t = zeros(type, shape);
  fill(backend_, t, 0.5);
  return t;
}

void KernelRig::add(const char* name, std::vector<KernelLine> kernels, std::function<void()> run,
                    bool timed) {
  cases_.push_back({fmt::format("{} {}", name, name_of(type_)), std::move(kernels), std::move(run), timed});
}

}  // namespace sluice::bench
