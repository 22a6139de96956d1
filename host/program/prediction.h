// Predictions for a stream of texts: in the order of the input, in batches, in bounded memory.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "host/program/vote.h"
#include "host/text/pipeline.h"

namespace sluice {

// The labels to report of a text, the likeliest first (of equals the one with the smaller id): the `top`
// likeliest; top = 0: the likeliest alone, or with a sigmoid for each label those above one half, but at
// least one.
std::vector<int> chosen_labels(std::span<const double> probabilities, bool multi_label, int top);

// Reads, tokenises and looks up texts on a thread of its own.
class TextQueue {
 public:
  using Tokens = std::vector<std::int32_t>;
  using Text = std::vector<Tokens>;  // as each of several models reads it

  // `prompt`: whoever writes the input may be waiting for the answer to what stands there, so take() waits no
  // longer than it takes for a burst to arrive.
  // `encodings`, one of each model, must outlive the queue.
  TextQueue(DocumentReader reader, std::vector<const TrainedEncoding*> encodings, bool prompt);

  // The next texts in order, none only at the end. Rethrows what reading threw, once the texts before are
  // taken.
  std::vector<Text> take();

 private:
  static constexpr std::size_t kTexts = 1024, kTokens = 1 << 18;  // of one take(); twice that may wait

  void read(const std::stop_token& stop, DocumentReader reader);
  bool enough() const { return ended_ || waiting_.size() >= kTexts || waiting_tokens_ >= kTokens; }

  std::vector<const TrainedEncoding*> encodings_;
  bool prompt_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Text> waiting_;
  std::size_t waiting_tokens_ = 0;
  bool ended_ = false;
  std::exception_ptr error_;
  std::jthread thread_;  // last: stops and joins before what it uses goes
};

// A model that computes probabilities for texts of any length.
class Predictor {
 public:
  explicit Predictor(Voter voter) : folder_(std::move(voter.folder)), model_(std::move(voter.model)) {}

  const TrainedModel& model() const { return model_; }
  // [texts][K], of the texts as the queue's model number `encoding` reads them.
  std::vector<std::vector<double>> probabilities(std::span<const TextQueue::Text> texts,
                                                 std::size_t encoding);

 private:
  void make_room(const HostBatch& batch);

  RunFolder folder_;
  TrainedModel model_;
  MaxShape room_;
  std::optional<DeviceBatch> device_batch_;
};

}  // namespace sluice
