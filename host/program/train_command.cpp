// sluice train: prepare, train, evaluate the best, keep everything in the run folder.
#include <fmt/core.h>

#include "engine/backends/make_cuda.h"
#include "engine/error.h"
#include "engine/file.h"
#include "engine/optim/optimizer.h"
#include "engine/train/safetensors.h"
#include "engine/train/trainer.h"
#include "host/program/commands.h"
#include "host/program/option.h"
#include "host/program/report.h"
#include "host/program/session.h"
#include "host/program/signals.h"
#include "host/program/train_log.h"
#include "host/program/version.h"
#include "host/readers/byte_source.h"
#include "host/text/vectors.h"

namespace sluice {
namespace {

constexpr int kDefaultEmbeddingSize = 128;

// FNV-1a, 64 bits.
class Hash {
 public:
  void add(std::uint64_t word) {
    for (int byte = 0; byte < 8; ++byte) state_ = (state_ ^ (word >> 8 * byte & 0xff)) * 0x100000001b3u;
  }
  std::string text() const { return fmt::format("{:016x}", state_); }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325u;
};

// A word for the documents trained and validated on, which a resumed training must find again. The
// configuration needs none: make_config() compares it with the run's.
std::string fingerprint(const Corpus& corpus) {
  Hash hash;
  hash.add(static_cast<std::uint64_t>(corpus.meta().vocabulary));
  for (const Part part : {Part::train, Part::valid}) {
    const DocumentRange range = corpus.part(part);
    hash.add(static_cast<std::uint64_t>(range.size()));
    for (std::int64_t document = range.begin; document < range.end; ++document) {
      hash.add(corpus.fingerprint(document));
      for (const std::int32_t label : corpus.classes(document)) hash.add(static_cast<std::uint64_t>(label));
    }
  }
  return hash.text();
}

class Training {
 public:
  explicit Training(const Arguments& args);
  void run();

 private:
  void complete_config();
  void read_vectors();
  void choose_layout();
  MaxShape open_batches();
  void build();
  void place_vectors();
  bool train();  // false: stopped by a signal
  TrainResult run_to_the_end(Trainer& trainer) const;
  void finish();
  std::vector<std::string> labels() const;
  Metrics evaluate_part(BatchSource& source);

  const Arguments& args_;
  TrainRequests requests_;
  StopOnSignals signals_;  // before whatever starts threads
  Config config_;
  RunFolder folder_;
  Console console_;
  std::string why_not_cuda_;
  std::unique_ptr<Backend> backend_;
  Corpus corpus_;
  std::vector<std::string> report_;  // told once nothing more can be wrong with what the user gave
  Vocabulary vocabulary_;
  PretrainedVectors vectors_;
  std::unique_ptr<Classifier> classifier_;
  std::unique_ptr<CorpusBatches> train_, valid_, test_;
  Layout train_layout_ = Layout::packed;
};

// Everything the user can get wrong is found before the run folder is made.
Config checked_config(const Arguments& args) {
  const RunFolder folder(args.run);
  if (folder.exists() && !args.resume) {
    throw UserError("{}: the run folder exists: choose another name for --out, or go on with --resume",
                    args.run);
  }
  return make_config(args);
}

Training::Training(const Arguments& args)
    : args_(args),
      config_(checked_config(args)),
      folder_(args.run),
      console_(args.quiet),
      backend_(make_backend(config_, &why_not_cuda_)),
      corpus_(prepare_corpus(args, config_, console_)),
      report_(describe(corpus_)) {
  const std::string_view text = corpus_.vocabulary();
  MemorySource source(text, text.size());
  vocabulary_ = Vocabulary::read(source, "vocabulary");
}

std::vector<std::string> Training::labels() const {
  return {corpus_.labels().begin(), corpus_.labels().begin() + corpus_.meta().classes};
}

// Settles what depends on the data, so that the run's configuration tells what was done.
void Training::complete_config() {
  ModelSection& model = config_.model;
  const bool several = corpus_.meta().multi_label != 0;
  if (several && model.loss == Loss::softmax) {
    throw UserError(
        "model.loss is softmax, but some training documents have no or several labels: use sigmoid");
  }
  if (model.loss == Loss::automatic) model.loss = several ? Loss::sigmoid : Loss::softmax;
  model.vocabulary = vocabulary_.size();
  model.classes = corpus_.meta().classes;
  model.multi_label = model.loss == Loss::sigmoid;
  check_metric_name(config_.train.metric, model.multi_label);
  if (!model.pretrained.empty() && !args_.resume) read_vectors();
  if (model.embedding_size == 0) model.embedding_size = kDefaultEmbeddingSize;
}

void Training::read_vectors() {
  vectors_ = load_vectors(config_.model.pretrained, vocabulary_, corpus_.token_counts(),
                          config_.model.embedding_size);
  ModelSection& model = config_.model;
  if (model.embedding_size == 0) model.embedding_size = static_cast<int>(vectors_.dimension);
  if (model.embedding_frozen && model.embedding_size != vectors_.dimension)
    throw UserError(
        "model.embedding_frozen: the vectors have {} numbers of model.embedding_size's {}; the others would "
        "never be trained; set it to {}",
        vectors_.dimension, model.embedding_size, vectors_.dimension);
  const VectorCoverage& coverage = vectors_.coverage;
  const auto percent = [](auto part, auto whole) {
    return whole > 0 ? 100 * static_cast<double>(part) / static_cast<double>(whole) : 0.0;
  };
  report_.push_back(
      fmt::format("vectors: {} numbers each, for {:.1f}% of the vocabulary ({} of these by another case) and "
                  "{:.1f}% of the training tokens",
                  vectors_.dimension, percent(coverage.types_found, coverage.types), coverage.types_by_case,
                  percent(coverage.tokens_found, coverage.tokens)));
}

// Steps are recorded where that is possible and not declined; their batches are bucketed.
void Training::choose_layout() {
  train_layout_ = config_.batch.layout;
  const CudaGraph wanted = config_.train.cuda_graph;
  if (wanted == CudaGraph::off) return;
  std::string refusal;
  if (!backend_->records())
    refusal = "the device is a CPU; use train.cuda_graph = auto";
  else if (!classifier_->replayable())
    refusal = "a layer's path is not step, which alone takes its sizes from the device; use rnn.path = step";
  else if (config_.batch.layout != Layout::packed)
    refusal = "batch.layout is not packed; use train.cuda_graph = auto";
  if (refusal.empty())
    train_layout_ = Layout::bucketed;
  else if (wanted == CudaGraph::on)
    throw UserError("train.cuda_graph = on: {}", refusal);
}

// Opens the parts' batches; the largest of them is what the model must have room for.
MaxShape Training::open_batches() {
  BatchOptions options = evaluation_batches(config_);
  options.order = BatchOrder::shuffled;
  options.seed = config_.train.seed;
  const Layout layout = config_.batch.layout;
  train_ = std::make_unique<CorpusBatches>(corpus_, Part::train, options, train_layout_);
  MaxShape max = train_->max_shape();
  const auto open_part = [&](Part part) -> std::unique_ptr<CorpusBatches> {
    if (corpus_.part(part).size() == 0) return nullptr;
    auto source = std::make_unique<CorpusBatches>(corpus_, part, evaluation_batches(config_), layout);
    max = larger(max, source->max_shape());
    return source;
  };
  valid_ = open_part(Part::valid);
  test_ = open_part(Part::test);
  return max;
}

void Training::build() {
  LossConfig loss{.label_smoothing = config_.train.label_smoothing};
  if (config_.train.class_weights == ClassWeights::balanced) {
    const std::vector<float> weights = balanced_class_weights(corpus_);
    loss.class_weights.assign(weights.begin(), weights.end());
  }
  classifier_ = std::make_unique<Classifier>(config_.model, loss, *backend_);
  choose_layout();
  const MaxShape max = open_batches();
  const Params& params = classifier_->params();
  const std::size_t training_state =
      Optimizer::bytes(config_.optim, params) + Trainer::bytes(config_.train, params, valid_ != nullptr);
  classifier_->allocate(max, config_.train.seed, !config_.optim.lazy_embeddings, config_.train.accumulate,
                        training_state);
  place_vectors();
  report_.push_back("device: " + backend_->describe() +
                    (why_not_cuda_.empty() ? "" : "; not cuda: " + why_not_cuda_));
  for (const std::string& line : classifier_->path_lines()) report_.push_back(line);
  if (train_layout_ == Layout::bucketed)
    report_.push_back("CUDA graphs: a step of a shape that came before is replayed");
  report_.push_back(fmt::format("model: {} parameters, {} labels, vocabulary {}",
                                classifier_->params().trained_parameters(), config_.model.classes,
                                config_.model.vocabulary));
}

void Training::place_vectors() {
  std::vector<std::int32_t> rows;
  std::vector<float> values;
  const auto size = static_cast<std::size_t>(vectors_.dimension);
  for (std::size_t row = 0; row < vectors_.found.size(); ++row) {
    if (!vectors_.found[row]) continue;
    rows.push_back(static_cast<std::int32_t>(row));
    const auto begin = vectors_.rows.begin() + static_cast<std::ptrdiff_t>(row * size);
    values.insert(values.end(), begin, begin + static_cast<std::ptrdiff_t>(size));
  }
  classifier_->set_embeddings(rows, values);
  vectors_ = {};
}

// A failure also says where the training can go on.
TrainResult Training::run_to_the_end(Trainer& trainer) const {
  std::string what;
  try {
    return trainer.run();
  } catch (const Failure& failure) {
    what = failure.what();
  } catch (const CudaError& error) {
    what = explain(error);
  }
  throw Failure("{}; once that is mended, --resume goes on from {}", what,
                has_checkpoint(folder_.checkpoint()) ? "the last checkpoint" : "the beginning");
}

bool Training::train() {
  Optimizer optimizer(config_.optim, classifier_->params());
  TrainConfig train = config_.train;
  train.schedule = config_.schedule;
  train.layout = train_layout_;
  train.record = train_layout_ == Layout::bucketed;
  train.checkpoint_directory = folder_.checkpoint();
  train.fingerprint = fingerprint(corpus_);
  TrainLog log(folder_, console_, train.epochs);
  Trainer trainer(train, *classifier_, optimizer, *train_, valid_.get(), &log, &requests_,
                  unseen_labels_of(corpus_));
  if (args_.resume && has_checkpoint(folder_.checkpoint())) {
    trainer.resume();
    report_.push_back(fmt::format("resumed at update {}", trainer.state().update));
  }
  signals_.ask(&requests_.stop);
  if (args_.resume) {
    folder_.write_config(config_);
  } else {
    folder_.create(config_, vocabulary_, labels());
  }
  for (const std::string& line : report_) console_.line(line);
  log.begin(trainer.state().update);
  const TrainResult result = run_to_the_end(trainer);
  signals_.ask(nullptr);
  console_.line(fmt::format("training ended: {}", name_of(result.reason)));
  if (result.best_restored) {
    console_.line(fmt::format("best: epoch {}, update {}, {} {:.4f}", result.best_epoch, result.best_update,
                              train.metric, result.best_value));
  }
  return result.reason != StopReason::requested;
}

Metrics Training::evaluate_part(BatchSource& source) {
  DeviceBatch batch(*backend_, source.max_shape(), config_.batch.layout,
                    config_.model.multi_label ? config_.model.classes : 0);
  return evaluate(*classifier_, source, batch, unseen_labels_of(corpus_));
}

void Training::finish() {
  write_safetensors(folder_.model(), *backend_, classifier_->params().named(),
                    {{"format", fmt::format("sluice {}", kRunFormat)}, {"sluice", kVersion}});
  RunMetrics metrics;
  if (valid_) metrics.valid = evaluate_part(*valid_);
  if (test_) metrics.test = evaluate_part(*test_);
  write_file(folder_.metrics(), to_json(metrics, labels()));
  for (const auto& [name, part] :
       {std::pair("validation", &metrics.valid), std::pair("test", &metrics.test)}) {
    if (!*part) continue;
    const Metrics& m = **part;
    fmt::print(
        "{}: accuracy {:.4f}, macro F1 {:.4f}, micro F1 {:.4f}, weighted F1 {:.4f}, log loss {:.4f}, "
        "{} documents\n",
        name, m.accuracy, m.macro.f1, m.micro.f1, m.weighted.f1, m.log_loss, m.documents);
  }
}

void Training::run() {
  complete_config();
  build();
  if (!train()) {
    console_.line(fmt::format(
        "stopped and saved: go on with sluice train --resume --out {} and the same files", folder_.path()));
    return;
  }
  finish();
}

}  // namespace

void train_command(const Arguments& args) {
  Training(args).run();
}

}  // namespace sluice
