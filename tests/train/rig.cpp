#include "tests/train/rig.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <random>
#include <stdexcept>

namespace sluice::test {
namespace {

// Not std::uniform_int_distribution: its numbers depend on the library.
int below(std::mt19937_64& random, int n) {
  return static_cast<int>(random() % static_cast<uint64_t>(n));
}

}  // namespace

std::vector<Document> topics(int count, int classes, uint64_t seed) {
  constexpr int kFillers = 20, kWordsOfAClass = 4;
  std::mt19937_64 random(seed);
  std::vector<Document> documents;
  for (int d = 0; d < count; ++d) {
    const int k = below(random, classes), length = 2 + below(random, 7);
    Document document{{}, {k}};
    for (int t = 0; t < length; ++t) document.tokens.push_back(below(random, kFillers));
    const int place = below(random, length);
    document.tokens[static_cast<size_t>(place)] =
        kFillers + k * kWordsOfAClass + below(random, kWordsOfAClass);
    if (d == 20) document.tokens.clear();
    documents.push_back(std::move(document));
  }
  return documents;
}

InMemoryBatches::InMemoryBatches(std::vector<Document> documents, int sequences, Layout layout, int classes,
                                 bool shuffled, int bigram_buckets)
    : documents_(std::move(documents)),
      sequences_(sequences),
      layout_(layout),
      classes_(classes),
      shuffled_(shuffled),
      bigram_buckets_(bigram_buckets),
      order_(documents_.size()) {
  std::iota(order_.begin(), order_.end(), size_t{0});
}

MaxShape InMemoryBatches::max_shape() const {
  size_t longest = 0;
  for (const Document& d : documents_) longest = std::max(longest, d.tokens.size());
  const int rows = sequences_ * static_cast<int>(longest);
  const MaxShape shape{sequences_, static_cast<int>(longest), rows, std::min(rows, kTopicVocabulary),
                       std::min(rows, bigram_buckets_)};
  return layout_ == Layout::bucketed ? bucketed(shape) : shape;
}

void InMemoryBatches::start(int epoch, int64_t skip) {
  std::iota(order_.begin(), order_.end(), size_t{0});
  std::mt19937_64 random(static_cast<uint64_t>(epoch) + 99);
  for (size_t i = order_.size(); shuffled_ && i > 1; --i)
    std::swap(order_[i - 1], order_[static_cast<size_t>(below(random, static_cast<int>(i)))]);
  place_ = std::min(order_.size(), static_cast<size_t>(skip * sequences_));
  figures_ = {};
}

int64_t InMemoryBatches::batches() const {
  return (documents() + sequences_ - 1) / sequences_;
}

bool InMemoryBatches::next(HostBatch& batch) {
  if (place_ == order_.size()) return false;
  std::vector<BatchItem> items;
  for (int i = 0; i < sequences_ && place_ < order_.size(); ++i, ++place_) {
    const size_t d = order_[place_];
    items.push_back({documents_[d].tokens, documents_[d].classes, static_cast<int32_t>(d)});
  }
  batch = pack(items, layout_, classes_, bigram_buckets_);
  figures_.documents += batch.sequences;
  figures_.tokens += batch.tokens;
  return true;
}

RigOptions topic_options() {
  RigOptions options;
  options.train_documents = topics(48, 3, 1);
  options.valid_documents = topics(24, 3, 2);
  options.model = {.vocabulary = kTopicVocabulary,
                   .classes = 3,
                   .embedding_size = 6,
                   .num_layers = 2,
                   .hidden_size = {5},
                   .pooling = {Pooling::max, Pooling::last},
                   .batch_norm_input = true,
                   .batch_norm_between_layers = true,
                   .batch_norm_pooled = true,
                   .embedding_dropout = 0.1,
                   .dropout = 0.1,
                   .pooled_dropout = 0.1,
                   .recurrent_dropout = 0.1,
                   .zoneout_hidden = 0.1,
                   .zoneout_cell = 0.1};
  options.train.learning_rate = 0.02;
  options.train.schedule = {.kind = ScheduleKind::cosine, .warmup = 0.1};
  options.train.epochs = 4;
  options.train.seed = 3;
  return options;
}

Rig::Rig(const RigOptions& o, TrainObserver* observer, TrainRequests* requests)
    : backend(o.backend ? o.backend() : make_backend({.device = o.device, .threads = o.threads})) {
  const int targets = o.model.multi_label ? o.model.classes : 0;
  train = std::make_unique<InMemoryBatches>(o.train_documents, o.sequences, o.train.layout, targets,
                                            o.shuffled, o.model.bigram_buckets);
  MaxShape max = train->max_shape();
  if (!o.valid_documents.empty()) {
    valid = std::make_unique<InMemoryBatches>(o.valid_documents, o.sequences, o.train.layout, targets, false,
                                              o.model.bigram_buckets);
    max = larger(max, valid->max_shape());
  }
  classifier = std::make_unique<Classifier>(o.model, o.loss, *backend);
  classifier->allocate(max, o.train.seed, !o.optimizer.lazy_embeddings, o.train.accumulate);
  set_first_values(o.first_values);
  optimizer = std::make_unique<Optimizer>(o.optimizer, classifier->params());
  trainer =
      std::make_unique<Trainer>(o.train, *classifier, *optimizer, *train, valid.get(), observer, requests);
}

void Rig::set_first_values(const std::vector<std::pair<std::string, double>>& values) {
  for (const auto& named : classifier->params().named())  // clang 14: no lambda takes a structured binding
    for (const auto& value : values) {
      if (!named.name.ends_with(value.first)) continue;
      dispatch_real(named.tensor.dtype, [&]<class T>() {
        const std::vector<T> filled(static_cast<size_t>(named.tensor.size()), static_cast<T>(value.second));
        backend->copy_to_device(named.tensor, filled.data());
      });
    }
  classifier->params().refresh();
}

void Rig::set_parameters(const std::vector<char>& parameters) {
  size_t next = 0;
  for (const auto& [name, tensor] : classifier->params().named()) {
    backend->copy_to_device(tensor, parameters.data() + next);
    next += tensor.bytes();
  }
}

std::vector<char> Rig::bytes_of(const std::vector<NamedTensor>& tensors) {
  std::vector<char> bytes;
  for (const auto& [name, tensor] : tensors) {
    const size_t before = bytes.size();
    bytes.resize(before + tensor.bytes());
    backend->copy_to_host(bytes.data() + before, tensor);
  }
  return bytes;
}

std::vector<double> Rig::parameter_values() {
  const std::vector<char> bytes = parameters();
  return dispatch_real(classifier->params().dtype(), [&]<class T>() {
    const T* values = reinterpret_cast<const T*>(bytes.data());
    return std::vector<double>(values, values + bytes.size() / sizeof(T));
  });
}

Metrics Rig::evaluate_train() {
  const int targets = classifier->config().multi_label ? classifier->config().classes : 0;
  DeviceBatch device_batch(*backend, train->max_shape(), Layout::packed, targets);
  return evaluate(*classifier, *train, device_batch);
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace sluice::test
