// Figures and predictions as people and programs read them: tables and JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/train/metrics.h"

namespace sluice {

// What is known of a run's quality; metrics.json.
struct RunMetrics {
  std::optional<Metrics> valid, test;
};

// Objects `valid` and `test`, each with accuracy, macro_f1, micro_f1, weighted_f1, log_loss, documents, and
// per class precision, recall, f1, support; one label a document: also `confusion`, a list of [gold,
// predicted, count]. labels: the model's K names.
std::string to_json(const RunMetrics& metrics, const std::vector<std::string>& labels);
std::string to_json(const Metrics& metrics, const std::vector<std::string>& labels);

// An object on one line: what metrics.jsonl holds of an epoch. Figures that are not finite become null.
using Figures = std::vector<std::pair<std::string, double>>;
std::string json_line(const Figures& figures);

// The lines of a metrics.jsonl whose "update" is at most `update`; broken lines are dropped.
std::string json_lines_until(const std::string& lines, std::int64_t update);

// {"predictions":[{"label":...,"probability":...},...]} on one line, the likeliest first; multi-label also
// "labels", those chosen.
std::string prediction_json(const std::vector<std::pair<std::string, double>>& prediction, bool multi_label);

// The plain figures of each object of a metrics.json, in order: ("valid", {("accuracy", 0.9), ...}). Throws
// UserError where the file is damaged.
std::vector<std::pair<std::string, Figures>> read_metrics(const std::string& path);

// A table for a terminal: the averages, then a row a class.
std::string to_table(const Metrics& metrics, const std::vector<std::string>& labels);

}  // namespace sluice
