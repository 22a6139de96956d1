#include "host/program/train_log.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "engine/error.h"
#include "host/program/report.h"

namespace sluice {
namespace {

// Updates between points of the training curves in TensorBoard.
constexpr std::int64_t kLogEvery = 10;

}  // namespace

void TrainLog::Window::add(const StepReport& step) {
  ++steps;
  documents += step.documents;
  hits += step.hits;
  tokens += step.tokens;
  padded_rows += step.padded_rows;
  seconds += step.seconds;
  loss += step.loss;
}

double TrainLog::Window::accuracy() const {
  return documents > 0 ? static_cast<double>(hits) / static_cast<double>(documents) : 0;
}

double TrainLog::Window::padding() const {
  const auto rows = static_cast<double>(tokens + padded_rows);
  return rows > 0 ? static_cast<double>(padded_rows) / rows : 0;
}

void TrainLog::begin(std::int64_t update) {
  const std::string metrics = folder_.metrics_log();
  if (std::filesystem::exists(metrics)) write_file(metrics, json_lines_until(read_file(metrics), update));
  events_.emplace(folder_.path());
  console_.start_progress(update);
}

void TrainLog::on_step(const StepReport& step) {
  shown_.add(step);
  logged_.add(step);
  pass_.add(step);
  if (console_.wants_progress()) {
    console_.progress({.epoch = step.epoch,
                       .epochs = epochs_,
                       .update = step.update,
                       .updates = step.total_updates,
                       .tokens_per_second = shown_.tokens_per_second(),
                       .loss = shown_.mean_loss(),
                       .gradient_norm = step.gradient_norm,
                       .padding = shown_.padding()});
    shown_ = {};
  }
  if (logged_.steps >= kLogEvery) {
    events_->scalar("train/loss", step.update, logged_.mean_loss());
    events_->scalar("train/accuracy", step.update, logged_.accuracy());
    events_->scalar("train/gradient_norm", step.update, step.gradient_norm);
    events_->scalar("train/learning_rate", step.update, step.learning_rate);
    events_->scalar("train/tokens_per_second", step.update, logged_.tokens_per_second());
    events_->scalar("train/padding", step.update, logged_.padding());
    logged_ = {};
  }
}

void TrainLog::on_pass(const PassReport& pass) {
  console_.line(
      fmt::format("epoch {}/{}: update {}, loss {:.4f}, accuracy {:.4f}, {:.0f} tokens/s, padding {:.1f}%",
                  pass.epoch, epochs_, pass.update, pass.train_loss, pass.train_accuracy,
                  pass_.tokens_per_second(), 100 * pass_.padding()));
  append(json_line({{"epoch", static_cast<double>(pass.epoch)},
                    {"update", static_cast<double>(pass.update)},
                    {"train_loss", pass.train_loss},
                    {"train_accuracy", pass.train_accuracy},
                    {"tokens", static_cast<double>(pass_.tokens)},
                    {"tokens_per_second", pass_.tokens_per_second()},
                    {"padding", pass_.padding()}}));
  events_->flush();
  pass_ = {};
}

void TrainLog::on_evaluation(const EvaluationReport& evaluation) {
  const Metrics& valid = *evaluation.valid;
  console_.line(fmt::format("  validation at update {}: accuracy {:.4f}, macro F1 {:.4f}, log loss {:.4f}{}",
                            evaluation.update, valid.accuracy, valid.macro.f1, valid.log_loss,
                            evaluation.best ? " (best so far)" : ""));
  Figures figures = {{"epoch", static_cast<double>(evaluation.epoch)},
                     {"update", static_cast<double>(evaluation.update)}};
  for (const char* name : {"accuracy", "macro_f1", "micro_f1", "weighted_f1", "log_loss"}) {
    figures.emplace_back(fmt::format("valid_{}", name), valid.value(name));
    events_->scalar(fmt::format("valid/{}", name), evaluation.update, valid.value(name));
  }
  append(json_line(figures));
  events_->flush();
}

void TrainLog::append(const std::string& line) {
  const std::string path = folder_.metrics_log();
  std::FILE* file = std::fopen(path.c_str(), "ab");
  if (!file) throw Failure("cannot write {}: {}", path, std::strerror(errno));
  const bool written = std::fwrite((line + '\n').data(), 1, line.size() + 1, file) == line.size() + 1;
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed) throw Failure("cannot write {}: {}", path, std::strerror(errno));
}

}  // namespace sluice
