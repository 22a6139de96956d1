// One recurrent layer with its input product, forward and backward, on random data.
//
// Note [Recorded work]: where the backend records, a layer's work is timed as a replay, as `sluice train`
// runs the path step: a kernel then waits for the one before it and not for the host. Work that cannot be
// captured is queued anew in each repetition. A contender's name says which it is: `replayed`, `eager`.
#include "bench/families.h"

#include <fmt/format.h>

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
  if (settings.device == Device::cuda) {
    ways = {{RnnPath::step}, {RnnPath::persistent}};
    for (const CudnnAlgorithm algorithm : kCudnnAlgorithms)
      if (settings.algorithms.empty() || std::ranges::count(settings.algorithms, algorithm))
        ways.push_back({RnnPath::cudnn, algorithm});
  }
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

  // Before repeat(): runs the work until it is recorded and replayed, where that can be. Returns what the
  // contender's name says of it: Note [Recorded work].
  std::string get_ready(bool with_backward) {
    recorded_ = backend_->records();
    run(with_backward);  // what a library refuses only when it runs, it refuses here
    backend_->synchronize();
    if (!recorded_) return "";
    try {
      run(with_backward);  // captured
    } catch (const std::exception& failure) {
      printf("not captured: %s\n", failure.what());
      recorded_ = false;
    }
    const int queued = queued_;
    run(with_backward);
    backend_->synchronize();
    return queued_ == queued ? " replayed" : " eager";
  }
  double repeat(bool with_backward) {
    return stopwatch_->time([&] { run(with_backward); });
  }

 private:
  void run(bool with_backward) {
    if (!recorded_) return queue(with_backward);
    backend_->replay({with_backward}, [&] { queue(with_backward); });
  }
  void queue(bool with_backward) {
    ++queued_;
    backend_->rnn_forward(backward_.forward);
    if (!with_backward) return;
    for (Tensor d : {backward_.dW, backward_.dR, backward_.db}) backend_->zero(d);
    backend_->rnn_backward(backward_);
  }
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
  bool recorded_ = false;
  int queued_ = 0;  // times that the host has queued the work
};

void say_refused(const std::string& contender, const std::string& subject, const std::exception& refused) {
  printf("%s refuses %s: %s\n", contender.c_str(), subject.c_str(), refused.what());
}

// One shape with its batch; its layers, and cases of the rival, live as long.
class Subject {
 public:
  Subject(const Shape& shape, const Settings& settings, Rival* rival)
      : shape_(shape),
        settings_(settings),
        rival_(rival),
        host_(random_batch(draw_lengths(settings.lengths, shape.sequences, 1), 1 << 20, 2, 2)) {
    const std::string name = fmt::format("H{} B{} D{}", shape.hidden, shape.sequences, shape.directions);
    for (const Way& way : ways_of(settings)) {
      const std::string contender = fmt::format("{}:{}", device_name(settings.device), way.name());
      try {
        layers_.push_back({contender, std::make_unique<Layer>(shape, host_, way, settings)});
      } catch (const std::exception& refused) {
        say_refused(contender, name, refused);
      }
    }
  }

  std::vector<Timing> measured(bool with_backward) {
    const Case subject = subject_of(with_backward);
    std::vector<Contender> contenders;
    std::vector<std::string> theirs;
    if (rival_) theirs = add_rival(subject.name, with_backward, contenders);
    for (const auto& [name, owned] : layers_) {
      Layer* layer = owned.get();
      try {
        const std::string how = layer->get_ready(with_backward);
        contenders.push_back({name + how, [layer, with_backward] { return layer->repeat(with_backward); }});
      } catch (const std::exception& refused) {
        say_refused(name, subject.name, refused);
      }
    }
    std::vector<Timing> timings = measure(subject, contenders, settings_.frame);
    for (const std::string& name : theirs) rival_->drop(name);
    return timings;
  }

 private:
  Case subject_of(bool with_backward) const {
    // Multiply-adds of the input product and the recurrent one, twice as many again in backward for each.
    const int gates = traits_of(settings_.cell).gates, H = shape_.hidden;
    const double products = 2.0 * host_.tokens * shape_.directions * gates * H * (H + H);
    return {.family = fmt::format("{}_layer", name_of(settings_.cell)),
            .name = fmt::format("H{} B{} D{} {} {} {}", H, shape_.sequences, shape_.directions,
                                name_of(settings_.type), settings_.lengths,
                                with_backward ? "forward+backward" : "forward"),
            .flops = products * (with_backward ? 3 : 1),
            .tokens = static_cast<double>(host_.tokens)};
  }

  // Returns the rival's names of its cases.
  std::vector<std::string> add_rival(const std::string& subject, bool with_backward,
                                     std::vector<Contender>& contenders) {
    std::vector<std::pair<std::string, std::string>> ways = {{"padded", "--layout padded"},
                                                             {"packed", "--layout packed"}};
    if (settings_.device == Device::cuda) ways.push_back({"padded_graph", "--layout padded --graph"});
    const std::string shape =
        fmt::format("--hidden {} --directions {} --lengths {} {}", shape_.hidden, shape_.directions,
                    fmt::join(host_.lengths, ","), with_backward ? "--backward" : "--forward");
    std::vector<std::string> names;
    for (const auto& [name, options] : ways) {
      std::string contender = "pytorch " + name;
      std::ranges::replace(contender, '_', ' ');
      try {
        rival_->prepare(name, options + " " + shape);
        names.push_back(name);
        contenders.push_back({contender, [this, name = name] { return rival_->repeat(name); }});
      } catch (const UserError& refused) {
        say_refused(contender, subject, refused);
      }
    }
    return names;
  }

  const Shape shape_;
  const Settings& settings_;
  Rival* rival_;  // or null
  HostBatch host_;
  std::vector<std::pair<std::string, std::unique_ptr<Layer>>> layers_;  // by their contenders' names
};

}  // namespace

void recurrent_layer(const Settings& settings, Report& report) {
  std::vector<std::string> shapes = settings.shapes;
  if (shapes.empty() && settings.rehearsal) shapes = {"16:4:2"};
  if (shapes.empty()) shapes = {"128:32:2", "256:64:2", "512:64:2"};
  std::optional<Rival> rival;
  if (!settings.python.empty())
    rival.emplace(std::vector<std::string>{settings.python, settings.rivals + "/pytorch_layer.py", "--cell",
                                           name_of(settings.cell), "--threads",
                                           std::to_string(settings.threads), "--device",
                                           device_name(settings.device), "--type", name_of(settings.type)});
  for (const std::string& shape : shapes) {
    Subject subject(parse(shape), settings, rival ? &*rival : nullptr);
    for (const bool with_backward : {false, true}) report.add(subject.measured(with_backward));
  }
}

}  // namespace sluice::bench
