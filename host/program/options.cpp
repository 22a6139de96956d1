// The table of every option: where a configuration's keys, their ranges and their comments are written down.
#include "host/program/option_makers.h"

namespace sluice {
namespace {

using namespace make;

constexpr double kMany = 9e15;     // every whole number up to it is a double
constexpr double kLargeInt = 2e9;  // fits an int

std::vector<Option> run_options() {
  constexpr auto at = [](auto field) { return At{&Config::run, field}; };
  return {integer("run.format", at(&RunSection::format), kRunFormat, kRunFormat,
                  "form of the run folder; set by the program")};
}

std::vector<Option> data_options() {
  using D = DataSection;
  const Names<FileFormat> formats = {{"auto", FileFormat::automatic}, {"fasttext", FileFormat::fasttext},
                                     {"csv", FileFormat::csv},        {"tsv", FileFormat::tsv},
                                     {"jsonl", FileFormat::jsonl},    {"lines", FileFormat::lines}};
  const Names<HeaderRow> headers = {
      {"auto", HeaderRow::automatic}, {"yes", HeaderRow::yes}, {"no", HeaderRow::no}};
  const Names<BadRows> bad_rows = {
      {"stop", BadRows::stop}, {"skip", BadRows::skip}, {"replace", BadRows::replace}};
  constexpr auto at = [](auto field) { return At{&Config::data, field}; };
  return {
      choice("data.format", at(&D::format), formats,
             "auto: by the file's extension; lines: texts without labels"),
      texts("data.text_column", at(&D::text_columns), "columns (jsonl: dotted paths) that hold the text"),
      text("data.label_column", at(&D::label_column), "column (jsonl: dotted path) that holds the label"),
      choice("data.header", at(&D::header), headers, "csv and tsv: whether the first row names the columns"),
      text("data.label_separator", at(&D::label_separator),
           "csv and tsv: splits several labels in one field, as |"),
      text("data.label_prefix", at(&D::label_prefix), "fasttext: what a label's word begins with"),
      choice("data.bad_rows", at(&D::bad_rows), bad_rows, "what to do with a row that cannot be read"),
      integer("data.max_document_bytes", at(&D::max_document_bytes), 1, kLargeInt, "longer texts are cut"),
      real("data.valid_share", at(&D::valid_share), 0, 0.9,
           "share of the training documents set aside for validation where --valid names no file"),
      integer("data.split_seed", at(&D::split_seed), 0, kMany, "of the choice of these documents"),
  };
}

std::vector<Option> text_options() {
  using T = TextSection;
  constexpr auto at = [](auto field) { return At{&Config::text, field}; };
  const std::vector<std::string> keep_fold = {"keep", "fold"}, keep_strip = {"keep", "strip"};
  return {
      text("text.normalize", at(&T::normalize), "Unicode normal form", {"nfkc", "none"}),
      boolean("text.lowercase", at(&T::lowercase), "full Unicode case folding"),
      text("text.html", at(&T::html), "HTML tags; strip also decodes entities", keep_strip),
      text("text.email_headers", at(&T::email_headers), "a block of e-mail headers before the text",
           keep_strip),
      text("text.urls", at(&T::urls), "fold: each becomes <url>", keep_fold),
      text("text.numbers", at(&T::numbers), "fold: each becomes <number>", keep_fold),
      text("text.users", at(&T::users), "fold: each @name becomes <user>", keep_fold),
      text("text.tokenizer", at(&T::tokenizer), "word: Unicode word breaks; whitespace; char",
           {"word", "whitespace", "char"}),
      text("text.punctuation", at(&T::punctuation), "split: marks become tokens of their own",
           {"keep", "drop", "split"}),
      text("text.stop_words", at(&T::stop_words), "none, english, or a file of one word a line"),
      text("text.stemmer", at(&T::stemmer), "none, or a Snowball stemmer's language"),
      integer("text.max_tokens", at(&T::max_tokens), 0, kLargeInt, "tokens kept of a document; 0: all"),
      text("text.truncate", at(&T::truncate), "which tokens of a longer document are kept",
           {"head", "tail", "head_tail"}),
      integer("text.min_count", at(&T::min_count), 1, kLargeInt,
              "rarer tokens of the training documents become <unk>"),
      integer("text.max_vocabulary", at(&T::max_vocabulary), 0, kLargeInt,
              "most tokens with a vector; 0: no limit"),
  };
}

std::vector<Option> batch_options() {
  using B = BatchSection;
  constexpr auto at = [](auto field) { return At{&Config::batch, field}; };
  return {
      integer("batch.tokens", at(&B::tokens), 1, kLargeInt, "most rows of a batch, padding counted"),
      integer("batch.sequences", at(&B::sequences), 1, 1 << 20, "most documents of a batch"),
      integer("batch.window_documents", at(&B::window_documents), 1, kMany,
              "documents sorted by length together: more means less padding and less shuffling"),
      choice("batch.layout", at(&B::layout), {{"packed", Layout::packed}, {"padded", Layout::padded}},
             "packed computes no padding; padded gives the same results"),
  };
}

// "cuda:" and a number of at most three digits: the GPU it names, else -1.
int gpu_index(const std::string& text) {
  constexpr std::string_view kPrefix = "cuda:";
  const std::string digits = text.size() > kPrefix.size() ? text.substr(kPrefix.size()) : "";
  const bool legal = text.compare(0, kPrefix.size(), kPrefix) == 0 && !digits.empty() && digits.size() <= 3 &&
                     digits.find_first_not_of("0123456789") == std::string::npos;
  return legal ? std::stoi(digits) : -1;
}

std::string text_of(const DeviceChoice& device) {
  if (device.kind == Device::automatic) return "auto";
  if (device.kind == Device::cpu) return "cpu";
  return device.index == 0 ? "cuda" : fmt::format("cuda:{}", device.index);
}

DeviceChoice device_of(const std::string& text) {
  if (text == "auto") return {Device::automatic};
  if (text == "cpu") return {Device::cpu};
  return {Device::cuda, std::max(0, gpu_index(text))};
}

Option device_option() {
  return {.key = "train.device",
          .comment = "auto: a CUDA GPU where there is one, else the CPU; cuda:1 is the second GPU",
          .kind = ValueKind::text,
          .choices = {"auto", "cpu", "cuda", "cuda:1"},
          .like_choices = [](const std::string& text) { return gpu_index(text) >= 0; },
          .get = [](const Config& c) { return Value(text_of(c.train.device)); },
          .put = [](Config& c, const Value& v) { c.train.device = device_of(std::get<std::string>(v)); }};
}

std::vector<Option> train_options() {
  using T = TrainSection;
  constexpr auto at = [](auto field) { return At{&Config::train, field}; };
  return {
      device_option(),
      choice("train.cuda_graph", at(&T::cuda_graph),
             {{"auto", CudaGraph::automatic}, {"on", CudaGraph::on}, {"off", CudaGraph::off}},
             "by the path step, a GPU's steps are recorded and replayed; batches then get a little padding, "
             "so that shapes come again"),
      integer("train.threads", at(&T::threads), 0, 4096, "of the CPU; 0: all. Results do not depend on it"),
      integer("train.seed", at(&T::seed), 0, kMany,
              "of initial values, shuffling, dropout and the validation split"),
      integer("train.epochs", at(&T::epochs), 0, 1e9, "most passes over the training documents"),
      integer("train.max_updates", at(&T::max_updates), 0, kMany, "most updates; 0: no limit"),
      real("train.time_limit", at(&T::time_limit), 0, 1e9,
           "most seconds, by whose end the learning rate has fallen; 0: no limit"),
      integer("train.accumulate", at(&T::accumulate), 1, 1e6,
              "batches whose gradients are summed for one update"),
      real("train.loss_scale", at(&T::loss_scale), 0, 0x1p24,
           "losses are multiplied by it on the way back, so that gradients in f16 do not vanish; 0: as large "
           "as they "
           "allow, found on the way, in f16, and 1 in other types"),
      real("train.label_smoothing", at(&T::label_smoothing), 0, 0.99,
           "share of the target spread over all labels"),
      choice("train.class_weights", at(&T::class_weights),
             {{"none", ClassWeights::none}, {"balanced", ClassWeights::balanced}},
             "balanced: rare labels weigh more, inversely to their number"),
      integer("train.evaluate_every", at(&T::evaluate_every), 0, kMany,
              "updates between validations; 0: each epoch"),
      text("train.metric", at(&T::metric),
           "the validation figure that picks the best: accuracy, macro_f1, log_loss, ...; of equals, the "
           "lower "
           "log_loss"),
      integer("train.patience", at(&T::patience), 0, 1e9,
              "stop after so many validations without a gain; 0: never"),
      real("train.min_delta", at(&T::min_delta), 0, 1e9, "what counts as a gain for the patience"),
      boolean("train.keep_best", at(&T::keep_best), "end with the parameters of the best validation"),
      real(
          "train.average_from", at(&T::average_from), 0, 1,
          "share of all updates after which parameters are averaged; the average is what is saved; 1: never"),
      integer("train.average_every", at(&T::average_every), 1, kMany,
              "updates between two that are averaged"),
      integer("train.checkpoint_every", at(&T::checkpoint_every), 0, kMany,
              "updates between checkpoints; 0: each epoch"),
  };
}

void append(std::vector<Option>& table, std::vector<Option> section) {
  for (Option& option : section) table.push_back(std::move(option));
}

}  // namespace

const std::vector<Option>& options() {
  static const std::vector<Option> table = [] {
    std::vector<Option> all;
    append(all, run_options());
    append(all, data_options());
    append(all, text_options());
    append(all, batch_options());
    append(all, model_options());
    append(all, train_options());
    append(all, optim_options());
    return all;
  }();
  return table;
}

}  // namespace sluice
