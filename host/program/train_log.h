// What a training leaves in its run folder as it goes, and shows on the console: metrics.jsonl, TensorBoard
// events, progress.
#pragma once

#include <cstdint>
#include <string>

#include "engine/train/observer.h"
#include "host/program/console.h"
#include "host/program/run_folder.h"
#include "host/program/tensorboard.h"

namespace sluice {

class TrainLog : public TrainObserver {
 public:
  // `resumed_update`: what an interrupted run wrote after this update is dropped from metrics.jsonl; the
  // updates will be done again.
  TrainLog(const RunFolder& folder, Console& console, std::int64_t epochs, std::int64_t resumed_update);

  void on_step(const StepReport& step) override;
  void on_pass(const PassReport& pass) override;
  void on_evaluation(const EvaluationReport& evaluation) override;

 private:
  // Steps since a report of them.
  struct Window {
    std::int64_t steps = 0, tokens = 0, padded_rows = 0;
    double seconds = 0, loss = 0;

    void add(const StepReport& step);
    double tokens_per_second() const { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0; }
    double padding() const;
    double mean_loss() const { return steps > 0 ? loss / static_cast<double>(steps) : 0; }
  };

  void append(const std::string& line);

  std::string metrics_path_;
  Console& console_;
  std::int64_t epochs_;
  EventFile events_;
  Window shown_, logged_, pass_;
};

}  // namespace sluice
