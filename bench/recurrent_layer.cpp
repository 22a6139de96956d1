// One recurrent layer with its input product, forward and backward, on random data.
#include "bench/families.h"

#include <algorithm>

#include "bench/random_batch.h"
#include "bench/stopwatch.h"
#include "bench/values.h"
#include "engine/device_batch.h"
#include "engine/lengths.h"
#include "kernels/cells/cells.h"

namespace sluice::bench {
namespace {

struct Shape {
  int hidden = 0, sequences = 0, directions = 0;
};

Shape parse(const std::string& text) {
  Shape s;
  int used = 0;
  if (sscanf(text.c_str(), "%d:%d:%d%n", &s.hidden, &s.sequences, &s.directions, &used) != 3 ||
      used != static_cast<int>(text.size()) || s.hidden < 1 || s.sequences < 1 || s.directions < 1 ||
      s.directions > 2)
    throw UserError("--shape: '{}' is not HIDDEN:SEQUENCES:DIRECTIONS, such as 128:32:2", text);
  return s;
}

const char* device_name(Device device) {
  return device == Device::cuda ? "cuda" : "cpu";
}

struct Way {
  RnnPath path;
  CudnnAlgorithm algorithm = CudnnAlgorithm::standard;

  std::string name() const {
    return path == RnnPath::cudnn ? fmt::format("cudnn {}", name_of(algorithm)) : name_of(path);
  }
};
// The paths asked for, or all of the device. Throws UserError where the device has none of them.
std::vector<Way> ways_of(const Settings& settings) {
  std::vector<Way> ways = {{RnnPath::cpu}, {RnnPath::onednn}};
  if (settings.device == Device::cuda)
    ways = {{RnnPath::step},
            {RnnPath::persistent},
            {RnnPath::cudnn, CudnnAlgorithm::standard},
            {RnnPath::cudnn, CudnnAlgorithm::persist_static},
            {RnnPath::cudnn, CudnnAlgorithm::persist_dynamic},
            {RnnPath::cudnn, CudnnAlgorithm::persist_static_small_h}};
  if (!settings.paths.empty())
    std::erase_if(ways, [&](const Way& way) { return !std::ranges::count(settings.paths, way.path); });
  if (ways.empty())
    throw UserError("--path: a layer has no such path with --device {}", device_name(settings.device));
  return ways;
}

// One layer bound to one batch, run one way.
class Layer {
 public:
  // Throws UserError where the path refuses the layer.
  Layer(const Shape& s, const HostBatch& host, const Way& way, const Settings& settings)
      : backend_(make_backend({.device = settings.device, .threads = settings.threads})),
        stopwatch_(make_stopwatch(*backend_)),
        type_(settings.type),
        max_{host.sequences, host.steps, host.rows, static_cast<int>(host.distinct.size())},
        device_(*backend_, max_, Layout::packed, 0) {
    const Batch& batch = device_.load(host);
    const CellTraits cell = traits_of(settings.cell);
    const int64_t E = s.hidden, H = s.hidden, D = s.directions, G = cell.gates, N = host.rows,
                  biases = cell.saved * H;
    const RnnShape shape{.cell = settings.cell,
                         .dtype = type_,
                         .input_size = s.hidden,
                         .hidden_size = s.hidden,
                         .directions = s.directions,
                         .cudnn_algorithm = way.algorithm};
    backend_->choose_path(way.path, shape, nullptr);
    const RnnBytes bytes = backend_->rnn_bytes(shape, way.path, max_);
    RnnForward& f = backward_.forward;
    f = {.shape = shape, .path = way.path, .step = {.training = true}, .batch = &batch};
    f.x = random({N, E}, 1.0);
    f.W = random({D, G * H, E}, 0.1);
    f.R = random({D, G * H, H}, 0.1);
    f.b = random({D, biases}, 0.1, accumulator_of(type_));
    f.y = random({N, D * H}, 0);
    f.saved = bytes_of(bytes.saved);
    f.scratch = bytes_of(bytes.scratch);
    backward_.dy = random({N, D * H}, 1.0);
    backward_.dx = random({N, E}, 0);
    const DType sums = accumulator_of(type_);
    backward_.dW = random({D, G * H, E}, 0, sums);
    backward_.dR = random({D, G * H, H}, 0, sums);
    backward_.db = random({D, biases}, 0, sums);
  }

  double forward() {
    return stopwatch_->time([&] { backend_->rnn_forward(backward_.forward); });
  }
  double forward_backward() {
    return stopwatch_->time([&] {
      backend_->rnn_forward(backward_.forward);
      for (Tensor d : {backward_.dW, backward_.dR, backward_.db}) backend_->zero(d);
      backend_->rnn_backward(backward_);
    });
  }

 private:
  Tensor random(std::initializer_list<int64_t> shape, double scale) { return random(shape, scale, type_); }
  Tensor random(std::initializer_list<int64_t> shape, double scale, DType type) {
    Tensor t(nullptr, type, shape);
    t.data = memory_.emplace_back(*backend_, t.bytes(), "bench").data();
    fill(*backend_, t, scale);
    return t;
  }
  Tensor bytes_of(size_t bytes) {
    return Tensor(memory_.emplace_back(*backend_, bytes, "bench").data(), DType::u8,
                  {static_cast<int64_t>(bytes)});
  }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Stopwatch> stopwatch_;
  DType type_;
  MaxShape max_;
  DeviceBatch device_;
  std::vector<Buffer> memory_;
  RnnBackward backward_;
};

void add(std::vector<Timing>& all, const Shape& s, const Settings& settings, bool with_backward) {
  const std::vector<int> lengths = draw_lengths(settings.lengths, s.sequences, 1);
  const HostBatch host = random_batch(lengths, 1 << 20, 2, 2);
  // Multiply-adds of the input product and the recurrent one, twice as many again in backward for each.
  const double products =
      2.0 * host.tokens * s.directions * traits_of(settings.cell).gates * s.hidden * (s.hidden + s.hidden);
  const Case subject{
      .family = fmt::format("{}_layer", name_of(settings.cell)),
      .name = fmt::format("H{} B{} D{} {} {} {}", s.hidden, s.sequences, s.directions, name_of(settings.type),
                          settings.lengths, with_backward ? "forward+backward" : "forward"),
      .flops = products * (with_backward ? 3 : 1),
      .tokens = static_cast<double>(host.tokens)};
  std::vector<std::unique_ptr<Layer>> layers;
  std::vector<std::unique_ptr<Rival>> rivals;
  std::vector<Contender> contenders;
  if (!settings.python.empty()) {
    std::string list;
    for (int length : host.lengths) list += (list.empty() ? "" : ",") + std::to_string(length);
    for (const char* layout : {"padded", "packed"}) {
      rivals.push_back(std::make_unique<Rival>(std::vector<std::string>{
          settings.python, settings.rivals + "/pytorch_layer.py", "--cell", name_of(settings.cell),
          "--hidden", std::to_string(s.hidden), "--directions", std::to_string(s.directions), "--lengths",
          list, "--layout", layout, "--threads", std::to_string(settings.threads), "--device",
          device_name(settings.device), "--type", name_of(settings.type),
          with_backward ? "--backward" : "--forward"}));
      contenders.push_back(
          {std::string("pytorch ") + layout, [rival = rivals.back().get()] { return rival->repeat(); }});
    }
  }
  for (const Way& way : ways_of(settings)) {
    const std::string name = fmt::format("{}:{}", device_name(settings.device), way.name());
    try {
      Layer& layer = *layers.emplace_back(std::make_unique<Layer>(s, host, way, settings));
      layer.forward_backward();  // what a library refuses only when it runs, it refuses here
      contenders.push_back({name, [&layer, with_backward] {
                              return with_backward ? layer.forward_backward() : layer.forward();
                            }});
    } catch (const std::exception& refused) {
      printf("%s refuses %s: %s\n", name.c_str(), subject.name.c_str(), refused.what());
    }
  }
  for (Timing& t : measure(subject, contenders, settings.frame)) all.push_back(std::move(t));
}

}  // namespace

std::vector<Timing> recurrent_layer(const Settings& settings) {
  std::vector<std::string> shapes = settings.shapes;
  if (shapes.empty() && settings.rehearsal) shapes = {"16:4:2"};
  if (shapes.empty()) shapes = {"128:32:2", "256:64:2", "512:64:2"};
  std::vector<Timing> all;
  for (const std::string& shape : shapes)
    for (const bool with_backward : {false, true}) add(all, parse(shape), settings, with_backward);
  return all;
}

}  // namespace sluice::bench
