// Whole training steps of the classifier on real text, beside the same model in PyTorch on the same batches.
//
// The model is the yardstick's: embedding 128, BiLSTM 128 + 128, max pooling, 300 tokens a document, AdamW,
// f32 unless --type says otherwise. Both sides train over the same batches in the same order; a repetition is
// one pass over them. On a GPU a step is queued as `sluice train` does it: the path step from bucketed
// batches, recorded and replayed, the others from packed ones.
#include <unistd.h>

#include <cstdio>
#include <optional>

#include "bench/families.h"
#include "engine/device_batch.h"
#include "engine/models/classifier.h"
#include "engine/optim/optimizer.h"
#include "host/data/corpus_batches.h"
#include "host/data/prepare.h"

namespace sluice::bench {
namespace {

struct Sizes {
  int embedding, hidden, tokens, sequences, batches;
};
constexpr Sizes kYardstick = {128, 128, 300, 32, 30}, kRehearsal = {8, 8, 20, 4, 3};

Sizes sizes_of(const Settings& settings) {
  return settings.rehearsal ? kRehearsal : kYardstick;
}

struct Batches {
  Layout layout;
  std::vector<HostBatch> batches;
  MaxShape max;
};

struct Data {
  Batches packed, bucketed;
  int vocabulary = 0, classes = 0;
  int64_t tokens = 0;
};

// The first of a pass. The same documents whatever the layout, and the same length buckets for both sides, so
// that a padded layout is at its best too.
Batches read_batches(const Corpus& corpus, const Sizes& sizes, Layout layout) {
  CorpusBatches source(corpus, Part::train,
                       {.tokens = sizes.sequences * sizes.tokens, .sequences = sizes.sequences}, layout);
  Batches result{.layout = layout, .batches = {}, .max = source.max_shape()};
  source.start(0);
  for (HostBatch batch; static_cast<int>(result.batches.size()) < sizes.batches && source.next(batch);)
    result.batches.push_back(batch);
  return result;
}

Data read_data(const Settings& settings) {
  if (settings.data.empty()) throw UserError("end_to_end: give labelled text with --data FILE");
  const Sizes sizes = sizes_of(settings);
  char folder[] = "/tmp/sluice_bench_XXXXXX";
  SLUICE_CHECK(mkdtemp(folder), "cannot make a temporary folder");
  const std::string path = std::string(folder) + "/corpus";
  PrepareOptions options;
  options.train = settings.data;
  options.text.max_tokens = sizes.tokens;
  const Corpus corpus = prepare_file(options, {}, path);
  remove(path.c_str());
  rmdir(folder);
  Data data{.packed = read_batches(corpus, sizes, Layout::packed),
            .bucketed = read_batches(corpus, sizes, Layout::bucketed),
            .vocabulary = corpus.meta().vocabulary,
            .classes = corpus.meta().classes};
  for (const HostBatch& batch : data.packed.batches) data.tokens += batch.tokens;
  return data;
}

// For bench/rivals/pytorch_bilstm.py, which documents the form.
std::string write_for_rival(const Data& data) {
  const std::vector<HostBatch>& batches = data.packed.batches;
  std::vector<int32_t> words = {data.vocabulary, data.classes, static_cast<int32_t>(batches.size())};
  for (const HostBatch& batch : batches) {
    words.insert(words.end(), {batch.sequences, batch.steps});
    words.insert(words.end(), batch.lengths.begin(), batch.lengths.end());
    words.insert(words.end(), batch.labels.begin(), batch.labels.end());
    for (int b = 0; b < batch.sequences; ++b)
      for (int t = 0; t < batch.steps; ++t)
        words.push_back(
            t < batch.lengths[static_cast<size_t>(b)] ? batch.ids[static_cast<size_t>(batch.row(t, b))] : 0);
  }
  char path[] = "/tmp/sluice_batches_XXXXXX";
  const int file = mkstemp(path);
  SLUICE_CHECK(file >= 0, "cannot make a temporary file");
  const size_t bytes = words.size() * sizeof(int32_t);
  const bool whole = write(file, words.data(), bytes) == static_cast<ssize_t>(bytes);
  SLUICE_CHECK(close(file) == 0 && whole, "cannot write {}", path);
  return path;
}

Rival start_rival(const Data& data, const Settings& settings) {
  const Sizes sizes = sizes_of(settings);
  const std::string file = write_for_rival(data);
  Rival rival({settings.python, settings.rivals + "/pytorch_bilstm.py", "--batches", file, "--embedding",
               std::to_string(sizes.embedding), "--hidden", std::to_string(sizes.hidden), "--threads",
               std::to_string(settings.threads), "--device", device_name(settings.device), "--type",
               name_of(settings.type)});
  remove(file.c_str());  // it has read it
  return rival;
}

// The classifier with its optimiser, as `sluice train` runs it.
class Trained {
 public:
  // Throws UserError where the path refuses the model.
  Trained(const Data& data, const Settings& settings, RnnPath path, bool lazy)
      : backend_(make_backend({.device = settings.device, .threads = settings.threads})),
        classifier_({.vocabulary = data.vocabulary,
                     .classes = data.classes,
                     .embedding_size = sizes_of(settings).embedding,
                     .hidden_size = {sizes_of(settings).hidden},
                     .dtype = settings.type,
                     .path = path},
                    {}, *backend_),
        recorded_(backend_->records() && classifier_.replayable()),
        data_(recorded_ ? data.bucketed : data.packed),
        device_(*backend_, data_.max, data_.layout, 0) {
    classifier_.allocate(data_.max, 1, !lazy, 1);
    optimizer_.emplace(OptimizerConfig{.lazy_embeddings = lazy}, classifier_.params());
  }

  // Before pass(): trains until every step is recorded. Returns what the contender's name says of it.
  std::string get_ready() {
    if (!backend_->records()) return "";
    for (int i = 0; i < 2; ++i) pass();  // as they are; captured
    const int queued = queued_;
    pass();
    return queued_ == queued ? " replayed" : " eager";
  }

  double pass() {
    return time_of([&] {
      for (size_t i = 0; i < data_.batches.size(); ++i)
        train(data_.batches[i], i + 1 < data_.batches.size() ? &data_.batches[i + 1] : nullptr);
      backend_->synchronize();
    });
  }

 private:
  // As Trainer::train_batch(); `next` is on its way meanwhile.
  void train(const HostBatch& host, const HostBatch* next) {
    const Batch& batch = device_.load(host);
    if (next) device_.prefetch(*next);
    const StepInfo step{.training = true, .seed = 1, .step = static_cast<uint32_t>(++updates_)};
    classifier_.prepare(batch, step, 1.0 / classifier_.loss_weight(host));
    run(Classifier::shape_key(host), [&] {
      classifier_.forward(batch, step);
      classifier_.backward(batch, step);
    });
    optimizer_->prepare(1e-3, updates_);
    run(optimizer_->shape_key(), [&] { optimizer_->apply(); });
    optimizer_->finish();
  }

  void run(const Backend::ReplayKey& key, const std::function<void()>& verbs) {
    const auto counted = [&] {
      ++queued_;
      verbs();
    };
    if (recorded_)
      backend_->replay(key, counted);
    else
      counted();
  }

  std::unique_ptr<Backend> backend_;
  Classifier classifier_;
  bool recorded_;
  const Batches& data_;
  DeviceBatch device_;
  std::optional<Optimizer> optimizer_;
  int64_t updates_ = 0;
  int queued_ = 0;  // times that the host has queued a step or an update
};

// "sluice" where the path is left to the backend.
std::string contender_name(const Settings& settings, RnnPath path) {
  return path == RnnPath::automatic ? "sluice"
                                    : fmt::format("{}:{}", device_name(settings.device), name_of(path));
}

}  // namespace

void end_to_end(const Settings& settings, Report& report) {
  if (settings.type == DType::f16)
    throw UserError("end_to_end: --type f16 needs a scale of the loss; take bf16");
  const Data data = read_data(settings);
  std::vector<Contender> contenders;
  std::optional<Rival> rival;
  if (!settings.python.empty()) {
    rival.emplace(start_rival(data, settings));
    for (const std::string layout : {"padded", "packed"}) {
      rival->prepare(layout, "--layout " + layout);
      contenders.push_back({"pytorch " + layout, [&rival, layout] { return rival->repeat(layout); }});
    }
  }
  std::vector<RnnPath> paths = settings.paths;
  if (paths.empty() && settings.device == Device::cuda) paths = {RnnPath::step, RnnPath::persistent};
  if (paths.empty()) paths = {RnnPath::automatic};
  std::vector<std::unique_ptr<Trained>> models;
  for (const RnnPath path : paths)
    for (const bool lazy : {true, false}) {
      const std::string name = contender_name(settings, path);
      try {
        Trained* model = models.emplace_back(std::make_unique<Trained>(data, settings, path, lazy)).get();
        const std::string how = model->get_ready();
        contenders.push_back({name + how + (lazy ? "" : " dense"), [model] { return model->pass(); }});
      } catch (const UserError& refused) {
        printf("%s refuses the model: %s\n", name.c_str(), refused.what());
      }
    }
  const Sizes sizes = sizes_of(settings);
  const std::string type = settings.type == DType::f32 ? "" : fmt::format(" {}", name_of(settings.type));
  const Case subject{.family = "end_to_end",
                     .name = fmt::format("BiLSTM {}+{} V{} {} batches{}", sizes.hidden, sizes.hidden,
                                         data.vocabulary, data.packed.batches.size(), type),
                     .tokens = static_cast<double>(data.tokens)};
  report.add(measure(subject, contenders, settings.frame));
}

}  // namespace sluice::bench
