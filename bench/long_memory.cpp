// What the LSTM remembers over T steps: the adding problem (Hochreiter and Schmidhuber 1997) and the copying
// problem (as in Arjovsky, Shah and Bengio 2016), and how the gradient of the last step's output shrinks with
// distance.
//
// The way there is a curriculum, stated with every result: training begins on short sequences, and each time
// the loss at the longest length so far is small the length grows by a quarter of what is to be bridged, up
// to T. Every other update has a shorter length, any there is: at one length alone a model learns to count
// its steps, and the next length undoes it. What counts is the loss at T, on problems never trained on (each
// update draws new ones).
//
// Gates start for a memory of T steps: forget bias log u, u uniform in [1, T - 1], input bias its negative
// (chrono initialisation, Tallec and Ollivier 2018).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "bench/families.h"
#include "engine/device_batch.h"
#include "engine/init.h"
#include "engine/layers/linear.h"
#include "engine/layers/recurrent.h"
#include "engine/optim/optimizer.h"
#include "kernels/cells/lstm.h"

namespace sluice::bench {
namespace {

constexpr int kHidden = 128, kSequences = 50, kSymbols = 8, kRecalled = 10;
constexpr int kFirstSteps = 25;         // of the curriculum
constexpr double kSolved = 0.01;        // of the loss without memory
constexpr double kSmallLosses = 5;      // of the loss at which a task counts as solved: the length may grow
constexpr uint32_t kJudgedBatches = 8;  // never trained on
constexpr int kMaxUpdates = 20000, kReportEvery = 50;
constexpr double kLearningRate = 4e-3, kLastLearningRate = 1e-3;  // last: at T, once the loss is small

// A batch of one task: inputs [T*B,I] time-major and, for the last `outputs` steps, what is wanted.
struct Example {
  std::vector<float> inputs;
  std::vector<float> sums;      // adding: [B]
  std::vector<int32_t> labels;  // copying: [outputs * B], time-major
};

class Task {
 public:
  virtual ~Task() = default;
  virtual const char* name() const = 0;
  virtual int steps() const = 0;
  virtual int shortest() const = 0;  // steps with nothing to bridge
  virtual int inputs() const = 0;
  virtual int outputs() const = 0;                                            // steps at the end that count
  virtual int features() const = 0;                                           // of the head
  virtual Example draw(uint64_t seed, uint32_t update, int steps) const = 0;  // steps() or fewer
  // Loss of [outputs*B,features] head outputs and its gradient.
  virtual double loss(const Example& example, const std::vector<float>& y, std::vector<float>& dy) const = 0;
  virtual double chance() const = 0;  // the loss of a model without memory
  double solved() const { return kSolved * chance(); }
};

class Adding : public Task {
 public:
  explicit Adding(int steps) : steps_(steps) {}
  const char* name() const override { return "adding"; }
  int steps() const override { return steps_; }
  int shortest() const override { return 4; }
  int inputs() const override { return 2; }
  int outputs() const override { return 1; }
  int features() const override { return 1; }
  double chance() const override { return 1.0 / 6.0; }

  Example draw(uint64_t seed, uint32_t update, int steps) const override {
    Example e{.inputs = std::vector<float>(static_cast<size_t>(steps * kSequences * 2)),
              .sums = std::vector<float>(kSequences)};
    for (int b = 0; b < kSequences; ++b) {
      const auto row = static_cast<uint32_t>(b);
      const PhiloxBlock place = philox(seed, row, update, 0, 1);
      const int half = steps / 2;
      const int marked[2] = {static_cast<int>(place.word[0] % static_cast<uint32_t>(half)),
                             half + static_cast<int>(place.word[1] % static_cast<uint32_t>(steps - half))};
      for (int t = 0; t < steps; ++t) {
        float* x = &e.inputs[static_cast<size_t>((t * kSequences + b) * 2)];
        x[0] = uniform24(philox(seed, row, update, static_cast<uint32_t>(t), 2).word[0]);
        x[1] = t == marked[0] || t == marked[1] ? 1.0f : 0.0f;
        if (x[1] > 0) e.sums[static_cast<size_t>(b)] += x[0];
      }
    }
    return e;
  }

  double loss(const Example& e, const std::vector<float>& y, std::vector<float>& dy) const override {
    double sum = 0;
    for (size_t b = 0; b < y.size(); ++b) {
      const float difference = y[b] - e.sums[b];
      dy[b] = 2 * difference / kSequences;
      sum += static_cast<double>(difference) * difference;
    }
    return sum / kSequences;
  }

 private:
  int steps_;
};

// kRecalled symbols, T blanks, a signal, then kRecalled steps in which the symbols are wanted again.
class Copying : public Task {
 public:
  explicit Copying(int blanks) : blanks_(blanks) {}
  const char* name() const override { return "copying"; }
  int steps() const override { return blanks_ + shortest(); }
  int shortest() const override { return 2 * kRecalled; }
  int inputs() const override { return kSymbols + 2; }
  int outputs() const override { return kRecalled; }
  int features() const override { return kSymbols; }
  double chance() const override { return std::log(kSymbols); }

  Example draw(uint64_t seed, uint32_t update, int steps) const override {
    const int I = inputs(), signal = steps - kRecalled - 1;
    Example e{.inputs = std::vector<float>(static_cast<size_t>(steps * kSequences * I)),
              .labels = std::vector<int32_t>(kRecalled * kSequences)};
    for (int b = 0; b < kSequences; ++b)
      for (int t = 0; t < steps; ++t) {
        int symbol = kSymbols;  // blank
        if (t < kRecalled) {
          symbol = static_cast<int>(
              philox(seed, static_cast<uint32_t>(b), update, static_cast<uint32_t>(t), 3).word[0] % kSymbols);
          e.labels[static_cast<size_t>(t * kSequences + b)] = symbol;
        } else if (t == signal) {
          symbol = kSymbols + 1;  // the signal
        }
        e.inputs[static_cast<size_t>((t * kSequences + b) * I + symbol)] = 1.0f;
      }
    return e;
  }

  double loss(const Example& e, const std::vector<float>& y, std::vector<float>& dy) const override {
    double sum = 0;
    const size_t rows = e.labels.size();
    for (size_t r = 0; r < rows; ++r) {
      const float* logits = &y[r * kSymbols];
      double total = 0;
      for (int k = 0; k < kSymbols; ++k) total += std::exp(static_cast<double>(logits[k]));
      for (int k = 0; k < kSymbols; ++k) {
        const double p = std::exp(static_cast<double>(logits[k])) / total;
        const bool wanted = k == e.labels[r];
        dy[r * kSymbols + static_cast<size_t>(k)] =
            static_cast<float>((p - wanted) / static_cast<double>(rows));
        if (wanted) sum -= std::log(p);
      }
    }
    return sum / static_cast<double>(rows);
  }

 private:
  int blanks_;
};

// One LSTM layer and a linear head on its last steps.
class Model {
 public:
  Model(const Task& task, int threads)
      : task_(task),
        backend_(make_backend({.device = Device::cpu, .threads = threads})),
        params_(*backend_, DType::f32),
        layer_({.name = "lstm", .shape = {.input_size = task.inputs(), .hidden_size = kHidden}}, *backend_),
        head_("head", kHidden, task.features()),
        host_(equal_lengths(task.steps())),
        max_{kSequences, task.steps(), host_.rows, 1},
        device_(*backend_, max_, Layout::packed, 0) {
    layer_.declare(params_);
    head_.declare(params_);
    params_.allocate(1, false, 0);
    start_gates();
    optimizer_.emplace(OptimizerConfig{.beta2 = 0.99, .weight_decay = 0, .clip_norm = 0.25}, params_);
    bind();
    arena_.allocate(*backend_);
    bind();
    set_steps(task.steps());
  }

  // How long the sequences are from now on: at most task.steps().
  void set_steps(int steps) {
    host_ = equal_lengths(steps);
    batch_ = &device_.load(host_);
  }

  double loss(const Example& example) {
    forward(example);
    return task_.loss(example, outputs_, d_outputs_);
  }

  void update(const Example& example, double rate, int64_t step) {
    loss(example);
    backward();
    optimizer_->update(rate, step);
  }

  // Norm of d(outputs at the last step)/d(input at each step), averaged over the batch. [T]
  std::vector<double> gradient_by_step(const Example& example) {
    forward(example);
    d_outputs_.assign(d_outputs_.size(), 0.0f);
    for (size_t i = d_outputs_.size() - static_cast<size_t>(kSequences * task_.features());
         i < d_outputs_.size(); ++i)
      d_outputs_[i] = 1.0f;
    backward();
    params_.zero_gradients();
    std::vector<float> dx(static_cast<size_t>(dx_.size()));
    backend_->copy_to_host(dx.data(), dx_);
    std::vector<double> norms(static_cast<size_t>(task_.steps()));
    const size_t per_step = dx.size() / norms.size();
    for (size_t i = 0; i < dx.size(); ++i) norms[i / per_step] += static_cast<double>(dx[i]) * dx[i];
    for (double& norm : norms) norm = std::sqrt(norm / kSequences);
    return norms;
  }

 private:
  static HostBatch equal_lengths(int steps) {
    const std::vector<int32_t> tokens(static_cast<size_t>(steps), 0);
    const std::vector<BatchItem> items(kSequences, BatchItem{.tokens = tokens, .classes = {}});
    return pack(items, Layout::packed);
  }

  void start_gates() {
    for (const NamedTensor& p : params_.named()) {
      if (p.name != "lstm.bias") continue;
      std::vector<float> bias(static_cast<size_t>(p.tensor.size()));
      for (uint32_t j = 0; j < kHidden; ++j) {
        const float u =
            1.0f + uniform24(philox(1, j, 0, 0, 4).word[0]) * static_cast<float>(task_.steps() - 2);
        bias[kHidden + j] = std::log(u);
        bias[j] = -bias[kHidden + j];
      }
      backend_->copy_to_device(p.tensor, bias.data());
    }
  }

  void bind() {
    const int64_t N = host_.rows;
    layer_.bind(arena_, max_, *backend_);
    x_ = arena_.saved("x", DType::f32, {N, task_.inputs()});
    dx_ = arena_.saved("dx", DType::f32, {N, task_.inputs()});
    y_ = arena_.saved("y", DType::f32, {N, kHidden});
    dy_ = arena_.saved("dy", DType::f32, {N, kHidden});
    const int64_t rows = task_.outputs() * kSequences;
    out_ = arena_.saved("out", DType::f32, {rows, task_.features()});
    d_out_ = arena_.saved("d out", DType::f32, {rows, task_.features()});
    outputs_.resize(static_cast<size_t>(out_.size()));
    d_outputs_.resize(outputs_.size());
  }

  Tensor used(Tensor rows) const { return rows.narrow(host_.rows); }

  // The rows of the last steps that count.
  Tensor counted(Tensor rows) const {
    const int64_t count = task_.outputs() * kSequences;
    Tensor t = rows.narrow(count);
    t.data = static_cast<float*>(rows.data) + (host_.rows - count) * rows.dims[1];
    return t;
  }

  void forward(const Example& example) {
    backend_->copy_to_device(used(x_), example.inputs.data());
    layer_.forward(*backend_, params_, *batch_, {.training = true}, {used(x_), {}}, used(y_));
    head_.forward(*backend_, params_, counted(y_), out_);
    backend_->copy_to_host(outputs_.data(), out_);
  }

  void backward() {
    backend_->copy_to_device(d_out_, d_outputs_.data());
    backend_->zero(used(dy_));
    head_.backward(*backend_, params_, counted(y_), d_out_, counted(dy_));
    layer_.backward(*backend_, params_, used(dy_), used(dx_));
  }

  const Task& task_;
  std::unique_ptr<Backend> backend_;
  Params params_;
  RecurrentLayer layer_;
  Linear head_;
  HostBatch host_;
  MaxShape max_;
  DeviceBatch device_;
  Arena arena_;
  std::optional<Optimizer> optimizer_;
  const Batch* batch_ = nullptr;
  Tensor x_, dx_, y_, dy_, out_, d_out_;
  std::vector<float> outputs_, d_outputs_;
};

void print_gradients(const char* when, const std::vector<double>& norms) {
  printf("  |d output / d input| %s, by distance:", when);
  const size_t last = norms.size() - 1;
  for (size_t distance = 1; distance <= last; distance *= 3)
    printf(" %zu: %.1e", distance, norms[last - distance]);
  printf("\n");
}

// kReportEvery updates after `update` others, every other one at `steps`, the others at fewer.
void train(Model& model, const Task& task, int steps, double rate, int update) {
  const int fewest = std::min(task.shortest() + 1, steps);
  for (int end = update + kReportEvery; update < end; ++update) {
    const auto number = static_cast<uint32_t>(update);
    const uint32_t random = philox(1, number, 0, 0, 5).word[0] % static_cast<uint32_t>(steps - fewest + 1);
    const int length = update % 2 ? steps : fewest + static_cast<int>(random);
    model.set_steps(length);
    model.update(task.draw(1, number, length), rate, update + 1);
  }
}

double judge(Model& model, const Task& task, int steps, int update) {
  double mean = 0;
  model.set_steps(steps);
  for (uint32_t i = 0; i < kJudgedBatches; ++i)
    mean += model.loss(task.draw(3, static_cast<uint32_t>(update) + i, steps)) / kJudgedBatches;
  return mean;
}

void solve(const Task& task, int threads) {
  printf("%s over %d steps: loss without memory %.4f, solved below %.4f\n", task.name(), task.steps(),
         task.chance(), task.solved());
  Model model(task, threads);
  print_gradients("at the start", model.gradient_by_step(task.draw(2, 0, task.steps())));
  int update = 0, steps = std::min(kFirstSteps, task.steps());
  double rate = kLearningRate;
  bool solved = false;
  while (!solved && update < kMaxUpdates) {
    train(model, task, steps, rate, update);
    update += kReportEvery;
    const double loss = judge(model, task, steps, update);
    const bool longest = steps == task.steps(), enough = loss < kSmallLosses * task.solved();
    solved = longest && loss < task.solved();
    if (solved || (enough && !longest) || update % (10 * kReportEvery) == 0)
      printf("  update %5d: %4d steps, loss %.5f\n", update, steps, loss);
    fflush(stdout);
    if (enough && longest) rate = kLastLearningRate;
    if (enough) steps = std::min(steps + std::max(1, (steps - task.shortest()) / 4), task.steps());
  }
  model.set_steps(task.steps());
  print_gradients("at the end", model.gradient_by_step(task.draw(2, 0, task.steps())));
  printf("  %s\n", solved ? fmt::format("solved after {} updates", update).c_str() : "NOT solved");
}

}  // namespace

void long_memory(const Settings& settings, Report&) {
  std::vector<std::string> problems = settings.shapes;
  if (problems.empty()) problems = {"adding:200", "copying:200", "adding:1000"};
  for (const std::string& text : problems) {
    const size_t colon = text.find(':');
    const std::string name = text.substr(0, colon);
    const int T = colon == std::string::npos ? 0 : atoi(text.c_str() + colon + 1);
    if ((name != "adding" && name != "copying") || T < 4)
      throw UserError("--shape: '{}' is neither adding:T nor copying:T with T from 4 up", text);
    if (name == "adding")
      solve(Adding(T), settings.threads);
    else
      solve(Copying(T), settings.threads);
  }
}

}  // namespace sluice::bench
