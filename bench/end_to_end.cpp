// Whole training steps of the classifier on real text, beside the same model in PyTorch on the same batches.
//
// The model is the yardstick's: embedding 128, BiLSTM 128 + 128, max pooling, 300 tokens a document, f32,
// AdamW. Both sides train over the same batches in the same order; a repetition is one pass over them.
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

constexpr int kEmbedding = 128, kHidden = 128, kTokens = 300, kSequences = 32, kBatches = 30;

struct Data {
  std::vector<HostBatch> batches;
  MaxShape max;
  int vocabulary = 0, classes = 0;
  int64_t tokens = 0;
};

Data read_data(const Settings& settings) {
  if (settings.data.empty()) throw UserError("end_to_end: give labelled text with --data FILE");
  char folder[] = "/tmp/sluice_bench_XXXXXX";
  SLUICE_CHECK(mkdtemp(folder), "cannot make a temporary folder");
  const std::string path = std::string(folder) + "/corpus";
  PrepareOptions options;
  options.train = settings.data;
  options.text.max_tokens = kTokens;
  const Corpus corpus = prepare_file(options, {}, path);
  remove(path.c_str());
  rmdir(folder);
  // The same length buckets for both, so that a padded layout is at its best too.
  CorpusBatches source(corpus, Part::train, {.tokens = kSequences * kTokens, .sequences = kSequences},
                       Layout::packed);
  Data data;
  data.max = source.max_shape();
  data.vocabulary = corpus.meta().vocabulary;
  data.classes = corpus.meta().classes;
  source.start(0);
  for (HostBatch batch; static_cast<int>(data.batches.size()) < kBatches && source.next(batch);) {
    data.tokens += batch.tokens;
    data.batches.push_back(batch);
  }
  return data;
}

// For bench/rivals/pytorch_bilstm.py, which documents the form.
std::string write_for_rival(const Data& data) {
  std::vector<int32_t> words = {data.vocabulary, data.classes, static_cast<int32_t>(data.batches.size())};
  for (const HostBatch& batch : data.batches) {
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

// The classifier with its optimiser, as `sluice train` runs it.
class Trained {
 public:
  Trained(const Data& data, const Settings& settings, bool lazy)
      : data_(data),
        backend_(make_backend({.device = settings.device, .threads = settings.threads})),
        device_(*backend_, data.max, Layout::packed, 0),
        classifier_({.vocabulary = data.vocabulary,
                     .classes = data.classes,
                     .embedding_size = kEmbedding,
                     .hidden_size = {kHidden}},
                    {}, *backend_) {
    classifier_.allocate(data.max, 1, !lazy, 1);
    optimizer_.emplace(OptimizerConfig{.lazy_embeddings = lazy}, classifier_.params());
  }

  double pass() {
    return time_of([&] {
      for (const HostBatch& host : data_.batches) {
        const Batch& batch = device_.load(host);
        const StepInfo step{.training = true, .seed = 1, .step = static_cast<uint32_t>(++updates_)};
        classifier_.prepare(batch, step, 1.0 / classifier_.loss_weight(host));
        classifier_.forward(batch, step);
        classifier_.backward(batch, step);
        optimizer_->update(1e-3, updates_);
      }
      backend_->synchronize();
    });
  }

 private:
  const Data& data_;
  std::unique_ptr<Backend> backend_;
  DeviceBatch device_;
  Classifier classifier_;
  std::optional<Optimizer> optimizer_;
  int64_t updates_ = 0;
};

}  // namespace

std::vector<Timing> end_to_end(const Settings& settings) {
  const Data data = read_data(settings);
  std::vector<Contender> contenders;
  std::vector<std::unique_ptr<Rival>> rivals;
  std::string file;
  if (!settings.python.empty()) {
    file = write_for_rival(data);
    for (const char* layout : {"padded", "packed"}) {
      rivals.push_back(std::make_unique<Rival>(std::vector<std::string>{
          settings.python, settings.rivals + "/pytorch_bilstm.py", "--batches", file, "--embedding",
          std::to_string(kEmbedding), "--hidden", std::to_string(kHidden), "--layout", layout, "--threads",
          std::to_string(settings.threads)}));
      contenders.push_back(
          {std::string("pytorch ") + layout, [rival = rivals.back().get()] { return rival->repeat(); }});
    }
    remove(file.c_str());  // both have read it
  }
  Trained lazy(data, settings, true), dense(data, settings, false);
  contenders.push_back({"sluice", [&lazy] { return lazy.pass(); }});
  contenders.push_back({"sluice dense", [&dense] { return dense.pass(); }});
  const Case subject{.family = "end_to_end",
                     .name = fmt::format("BiLSTM {}+{} V{} {} batches", kHidden, kHidden, data.vocabulary,
                                         data.batches.size()),
                     .tokens = static_cast<double>(data.tokens)};
  return measure(subject, contenders, settings.frame);
}

}  // namespace sluice::bench
