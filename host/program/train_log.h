// What a training leaves in its run folder as it goes, and shows on the console: metrics.jsonl, TensorBoard
// events, progress.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/train/observer.h"
#include "host/program/console.h"
#include "host/program/run_folder.h"
#include "host/program/tensorboard.h"

namespace sluice {

class TrainLog : public TrainObserver {
 public:
  TrainLog(const RunFolder& folder, Console& console, std::int64_t epochs)
      : folder_(folder), console_(console), epochs_(epochs) {}

  // Before the first step, with so many updates done: what an interrupted run wrote to metrics.jsonl after
  // them is dropped, since these updates will be done again.
  void begin(std::int64_t update);

  void on_step(const StepReport& step) override;
  void on_pass(const PassReport& pass) override;
  void on_evaluation(const EvaluationReport& evaluation) override;

 private:
  // Steps since a report of them.
  struct Window {
    std::int64_t steps = 0, documents = 0, hits = 0, tokens = 0, padded_rows = 0;
    double seconds = 0, loss = 0;

    void add(const StepReport& step);
    double tokens_per_second() const { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0; }
    double accuracy() const;
    double padding() const;
    double mean_loss() const { return steps > 0 ? loss / static_cast<double>(steps) : 0; }
  };

  void append(const std::string& line);

  const RunFolder& folder_;
  Console& console_;
  std::int64_t epochs_;
  std::optional<EventFile> events_;
  Window shown_, logged_, pass_;
};

}  // namespace sluice
