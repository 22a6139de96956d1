// cudnn_probe [--quick]: what the cuDNN at hand takes. Runs one training step of a recurrent network
// (inference, forward, gradients of the data, gradients of the weights) for every algorithm, cell, type,
// layout, number of directions and layers, hidden and batch size, and writes one line of CSV for each: the
// first call that was refused with its status and cuDNN's own words, or status 0. Values are zeros: what is
// asked is what is taken, not how fast or how well. --quick walks a few sizes.
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/backends/cuda/device.h"
#include "engine/backends/cuda/queue.h"
#include "engine/backends/cudnn/net.h"
#include "kernels/cells/cells.h"

namespace sluice::bench {
namespace {

using cuda::Cudnn;
using cuda::CudnnError;
using cuda::NetBatch;
using cuda::NetBytes;
using cuda::NetPass;
using cuda::NetShape;

constexpr int kSteps = 4;

// Sequences of one length or of two, which algorithms without ragged batches refuse.
enum class Lengths { equal, ragged };

struct Combination {
  NetShape net;
  Layout layout;
  Lengths lengths;
  int sequences;
};

std::vector<int32_t> lengths_of(const Combination& c) {
  std::vector<int32_t> lengths(static_cast<size_t>(c.sequences), kSteps);
  if (c.lengths == Lengths::ragged) lengths.back() = kSteps - 1;
  return lengths;
}

class Probe {
 public:
  explicit Probe(Backend& backend) : backend_(backend), cudnn_(queue_) {}

  // One training step; throws CudnnError at the first call refused.
  void run(const Combination& c) {
    const std::vector<int32_t> lengths = lengths_of(c);
    const NetBatch batch{c.layout, kSteps, c.sequences, lengths.data()};
    const NetShape& net = c.net;
    const size_t weights = cudnn_.weight_bytes(net);
    const NetBytes bytes = cudnn_.bytes(net, batch, true);
    const size_t rows = static_cast<size_t>(kSteps) * static_cast<size_t>(c.sequences) * size_of(net.dtype);
    const size_t x = rows * static_cast<size_t>(net.input_size);
    const size_t y = rows * static_cast<size_t>(net.directions * net.hidden_size);
    const size_t states = rows / kSteps * static_cast<size_t>(net.pseudo_layers() * net.hidden_size);
    Blocks blocks(backend_);
    const NetPass pass{.shape = net,
                       .batch = batch,
                       .x = blocks.take(x),
                       .hx = blocks.take(states),
                       .cx = traits_of(net.cell).states == 2 ? blocks.take(states) : nullptr,
                       .weights = blocks.take(weights),
                       .reserve = blocks.take(bytes.reserve)};
    void *dx = blocks.take(x), *out = blocks.take(y), *dy = blocks.take(y), *d_weights = blocks.take(weights);
    backend_.synchronize();  // its zeros, before another queue reads them
    cudnn_.forward(pass, false, out, nullptr, nullptr);
    cudnn_.forward(pass, true, out, nullptr, nullptr);
    cudnn_.backward_data(pass, out, dy, nullptr, nullptr, dx, nullptr, nullptr);
    cudnn_.backward_weights(pass, out, d_weights);
    queue_.synchronize();
  }

 private:
  class Blocks {
   public:
    explicit Blocks(Backend& backend) : backend_(backend) {}
    void* take(size_t bytes) { return blocks_.emplace_back(backend_, bytes, "the probe").data(); }

   private:
    Backend& backend_;
    std::vector<Buffer> blocks_;
  };

  Backend& backend_;
  cuda::Memory memory_{0};
  DeviceProps device_ = cuda::open_device(0);
  cuda::Queue queue_{device_, memory_, "the probe's workspace"};
  Cudnn cudnn_;
};

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + '"';
}

struct Counts {
  int taken = 0, refused = 0, failed = 0;
};

void report(const Combination& c, Probe& probe, Counts& counts) {
  std::string verdict = "0,CUDNN_STATUS_SUCCESS,,";
  try {
    probe.run(c);
    ++counts.taken;
  } catch (const CudnnError& error) {
    verdict = fmt::format("{},{},{},{}", error.status(), error.name(), error.call(), quoted(error.words()));
    ++(error.not_supported() ? counts.refused : counts.failed);
  }
  fmt::print("{},{},{},{},{},{},{},{},{},{}\n", name_of(c.net.cell), name_of(c.net.algorithm),
             name_of(c.net.dtype), c.layout == Layout::packed ? "packed" : "unpacked",
             c.lengths == Lengths::equal ? "equal" : "ragged", c.net.directions, c.net.layers,
             c.net.hidden_size, c.sequences, verdict);
}

struct Sweep {
  std::vector<int> hidden_sizes, sequences;
};

Counts run(Backend& backend, const Sweep& sweep) {
  Probe probe(backend);
  Counts counts;
  fmt::print(
      "cell,algorithm,type,layout,lengths,directions,layers,hidden_size,sequences,status,name,call,words\n");
  for (const CellKind cell : kCells)
    for (CudnnAlgorithm algorithm : {CudnnAlgorithm::standard, CudnnAlgorithm::persist_static,
                                     CudnnAlgorithm::persist_dynamic, CudnnAlgorithm::persist_static_small_h})
      for (DType dtype : {DType::f32, DType::f64})
        for (Layout layout : {Layout::packed, Layout::padded})
          for (Lengths lengths : {Lengths::equal, Lengths::ragged})
            for (int directions : {1, 2})
              for (int layers : {1, 2})
                for (int H : sweep.hidden_sizes)
                  for (int B : sweep.sequences)
                    report({{.cell = cell,
                             .dtype = dtype,
                             .algorithm = algorithm,
                             .input_size = H,
                             .hidden_size = H,
                             .layers = layers,
                             .directions = directions},
                            layout,
                            lengths,
                            B},
                           probe, counts);
  return counts;
}

int main(bool quick) {
  const auto backend = make_backend({.device = Device::cuda});
  if (const std::string reason = Cudnn::missing(); !reason.empty()) throw UserError("{}", reason);
  fmt::print(stderr, "{}; cuDNN {}\n", backend->describe(), Cudnn::version());
  const Sweep all{{64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048}, {1, 4, 8, 16, 32, 64, 128, 256}};
  const Counts counts = run(*backend, quick ? Sweep{{8, 136}, {2}} : all);
  fmt::print(stderr, "{} taken, {} refused, {} failed\n", counts.taken, counts.refused, counts.failed);
  return counts.failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  const bool quick = argc == 2 && std::strcmp(argv[1], "--quick") == 0;
  if (argc > 1 && !quick) {
    fprintf(stderr, "usage: cudnn_probe [--quick] > matrix.csv\n");
    return 2;
  }
  try {
    return sluice::bench::main(quick);
  } catch (const sluice::Error& error) {
    fprintf(stderr, "cudnn_probe: error: %s\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    fprintf(stderr, "cudnn_probe: error: %s\n", error.what());
    return 1;
  }
}
