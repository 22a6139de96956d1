#include "host/program/prediction.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "host/data/batch_plan.h"
#include "host/text/token_list.h"

namespace sluice {

std::vector<int> chosen_labels(std::span<const double> probabilities, bool multi_label, int top) {
  std::vector<int> order(probabilities.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return probabilities[static_cast<std::size_t>(a)] > probabilities[static_cast<std::size_t>(b)];
  });
  std::size_t count = static_cast<std::size_t>(top);
  if (top == 0) {
    count = 1;
    while (multi_label && count < order.size() && probabilities[static_cast<std::size_t>(order[count])] > 0.5)
      ++count;
  }
  order.resize(std::min(count, order.size()));
  return order;
}

TextQueue::TextQueue(DocumentReader reader, std::vector<const TrainedEncoding*> encodings, bool prompt)
    : encodings_(std::move(encodings)),
      prompt_(prompt),
      thread_(
          [this, r = std::move(reader)](const std::stop_token& stop) mutable { read(stop, std::move(r)); }) {}

void TextQueue::read(const std::stop_token& stop, DocumentReader reader) {
  Document document;
  TokenList tokens;
  std::exception_ptr error;
  try {
    std::vector<TextPipeline> pipelines;
    for (const TrainedEncoding* encoding : encodings_) pipelines.emplace_back(encoding->text);
    while (!stop.stop_requested() && reader.next(document)) {
      Text text(encodings_.size());
      for (std::size_t m = 0; m < text.size(); ++m) {
        pipelines[m].run(document.text, tokens);
        text[m].reserve(tokens.size());
        for (std::size_t i = 0; i < tokens.size(); ++i)
          text[m].push_back(encodings_[m]->vocabulary.id(tokens[i]));
      }
      std::unique_lock lock(mutex_);
      const auto room = [this] { return waiting_.size() < 2 * kTexts && waiting_tokens_ < 2 * kTokens; };
      if (!changed_.wait(lock, stop, room)) return;
      waiting_tokens_ += text.front().size();
      waiting_.push_back(std::move(text));
      changed_.notify_all();
    }
  } catch (...) {
    error = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  error_ = error;
  ended_ = true;
  changed_.notify_all();
}

std::vector<TextQueue::Text> TextQueue::take() {
  constexpr std::chrono::milliseconds kBurst(20);
  std::unique_lock lock(mutex_);
  if (prompt_) {
    changed_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
    changed_.wait_for(lock, kBurst, [this] { return enough(); });
  } else {
    changed_.wait(lock, [this] { return enough(); });
  }
  if (waiting_.empty() && error_) std::rethrow_exception(error_);
  std::vector<Text> texts;
  for (std::size_t tokens = 0; !waiting_.empty() && texts.size() < kTexts && tokens < kTokens;
       waiting_.pop_front()) {
    tokens += waiting_.front().front().size();
    waiting_tokens_ -= waiting_.front().front().size();
    texts.push_back(std::move(waiting_.front()));
  }
  changed_.notify_all();
  return texts;
}

// Loads the model anew where a batch is larger than any before: the first, and those of very long texts.
void Predictor::make_room(const HostBatch& batch) {
  const BatchSection& options = model_.config.batch;
  const MaxShape needed = {.sequences = std::max(batch.sequences, options.sequences),
                           .steps = batch.steps,
                           .rows = std::max(batch.rows, static_cast<int>(options.tokens)),
                           .distinct = static_cast<int>(batch.distinct.size())};
  const MaxShape wanted = larger(room_, needed);
  if (device_batch_ && wanted.rows == room_.rows && wanted.sequences == room_.sequences &&
      batch.steps <= room_.steps) {
    return;
  }
  room_ = wanted;
  room_.steps = room_.rows;  // the steps of a batch cost nothing beside its rows
  room_.distinct = std::min(room_.rows, model_.encoding.vocabulary.size());
  room_.bigrams = std::min(room_.rows, model_.config.model.bigram_buckets);
  model_.load(folder_, room_);
  device_batch_.emplace(*model_.backend, room_, options.layout, model_.target_classes());
}

std::vector<std::vector<double>> Predictor::probabilities(std::span<const TextQueue::Text> texts,
                                                          std::size_t encoding) {
  const auto length = [&](std::int64_t i) {
    return static_cast<std::int32_t>(texts[static_cast<std::size_t>(i)][encoding].size());
  };
  const BatchPlan plan = plan_batches(length, {0, static_cast<std::int64_t>(texts.size())},
                                      evaluation_batches(model_.config), 0);
  std::vector<std::vector<double>> all(texts.size());
  std::vector<BatchItem> items;
  for (const BatchSlice slice : plan.batches) {
    items.clear();
    for (std::int32_t i = slice.first; i < slice.first + slice.count; ++i) {
      const std::int32_t text = plan.documents[static_cast<std::size_t>(i)];
      items.push_back({.tokens = texts[static_cast<std::size_t>(text)][encoding], .document = text});
    }
    const HostBatch batch =
        pack(items, model_.config.batch.layout, model_.target_classes(), model_.config.model.bigram_buckets);
    make_room(batch);
    const Batch& loaded = device_batch_->load(batch);
    model_.classifier->forward(loaded, StepInfo{});
    const std::vector<double> values = model_.classifier->probabilities(loaded);
    const auto classes = static_cast<std::ptrdiff_t>(model_.encoding.labels.size());
    auto row = values.begin();
    for (const std::int32_t text : batch.documents) {
      all[static_cast<std::size_t>(text)].assign(row, row + classes);
      row += classes;
    }
  }
  return all;
}

}  // namespace sluice
