// The only place of the program that knows nlohmann's JSON.
#include "host/program/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/error.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

const std::string& class_name(const ClassScores& scores, std::size_t index,
                              const std::vector<std::string>& labels) {
  return scores.unseen.empty() ? labels.at(index) : scores.unseen;
}

// [[gold, predicted, count], ...]: only what occurred, since K may be large.
Json confusion_json(const Metrics& metrics, const std::vector<std::string>& names) {
  Json counts = Json::array();
  for (const auto& [pair, count] : metrics.confusion) {
    counts.push_back({names.at(static_cast<std::size_t>(pair.first)),
                      names.at(static_cast<std::size_t>(pair.second)), count});
  }
  return counts;
}

Json metrics_json(const Metrics& metrics, const std::vector<std::string>& labels) {
  Json json;
  json["accuracy"] = metrics.accuracy;
  json["macro_f1"] = metrics.macro.f1;
  json["micro_f1"] = metrics.micro.f1;
  json["weighted_f1"] = metrics.weighted.f1;
  json["log_loss"] = metrics.log_loss;
  if (metrics.multi_label) json["samples_f1"] = metrics.samples.f1;
  json["documents"] = metrics.documents;
  json["unseen_documents"] = metrics.unseen_documents;
  std::vector<std::string> names;
  Json& classes = json["classes"] = Json::object();
  for (std::size_t i = 0; i < metrics.classes.size(); ++i) {
    const ClassScores& scores = metrics.classes[i];
    names.push_back(class_name(scores, i, labels));
    classes[names.back()] = {{"precision", scores.precision},
                             {"recall", scores.recall},
                             {"f1", scores.f1},
                             {"support", scores.support},
                             {"predicted", scores.predicted}};
  }
  if (!metrics.multi_label) json["confusion"] = confusion_json(metrics, names);
  return json;
}

}  // namespace

std::string to_json(const Metrics& metrics, const std::vector<std::string>& labels) {
  return metrics_json(metrics, labels).dump(1) + "\n";
}

std::string to_json(const RunMetrics& metrics, const std::vector<std::string>& labels) {
  Json json = Json::object();
  if (metrics.valid) json["valid"] = metrics_json(*metrics.valid, labels);
  if (metrics.test) json["test"] = metrics_json(*metrics.test, labels);
  return json.dump(1) + "\n";
}

std::string json_line(const Figures& figures) {
  Json json = Json::object();
  for (const auto& [name, value] : figures) {
    if (value == std::floor(value) && std::abs(value) < 1e15) {
      json[name] = static_cast<std::int64_t>(value);
    } else {
      json[name] = value;
    }
  }
  return json.dump();
}

std::string json_lines_until(const std::string& lines, std::int64_t update) {
  std::string kept;
  for (std::size_t begin = 0, end; (end = lines.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string line = lines.substr(begin, end - begin);
    const Json json = Json::parse(line, nullptr, false);
    if (json.is_object() && json.contains("update") && json["update"].is_number() &&
        json["update"] <= update) {
      kept += line + '\n';
    }
  }
  return kept;
}

std::string prediction_json(const std::vector<std::pair<std::string, double>>& prediction, bool multi_label) {
  Json list = Json::array();
  for (const auto& [label, probability] : prediction) {
    list.push_back({{"label", label}, {"probability", probability}});
  }
  Json json;
  json["predictions"] = std::move(list);
  if (multi_label) {
    Json& chosen = json["labels"] = Json::array();
    for (const auto& [label, probability] : prediction) {
      if (probability > 0.5) chosen.push_back(label);
    }
  }
  return json.dump();
}

std::vector<std::pair<std::string, Figures>> read_metrics(const std::string& path) {
  std::ifstream file(path);
  const Json json = Json::parse(file, nullptr, false);
  if (!file || !json.is_object()) throw UserError("{}: no metrics can be read from it", path);
  std::vector<std::pair<std::string, Figures>> all;
  for (const auto& [part, object] : json.items()) {
    Figures figures;
    for (const auto& [name, value] : object.items()) {
      if (value.is_number()) figures.emplace_back(name, value.get<double>());
    }
    all.emplace_back(part, std::move(figures));
  }
  return all;
}

std::string to_table(const Metrics& metrics, const std::vector<std::string>& labels) {
  std::size_t width = 12;
  for (std::size_t i = 0; i < metrics.classes.size(); ++i) {
    width = std::max(width, std::min<std::size_t>(class_name(metrics.classes[i], i, labels).size(), 40));
  }
  std::string text = fmt::format("{:<{}}  {:.4f}\n", "accuracy", width, metrics.accuracy);
  text += fmt::format("{:<{}}  {:.4f}\n", "log loss", width, metrics.log_loss);
  text += fmt::format("\n{:<{}}  {:>9}  {:>6}  {:>6}  {:>9}\n", "", width, "precision", "recall", "f1",
                      "documents");
  const auto row = [&](const std::string& name, const Scores& scores, std::int64_t documents) {
    text += fmt::format("{:<{}}  {:>9.4f}  {:>6.4f}  {:>6.4f}  {:>9}\n", name, width, scores.precision,
                        scores.recall, scores.f1, documents);
  };
  row("micro", metrics.micro, metrics.documents);
  row("macro", metrics.macro, metrics.documents);
  row("weighted", metrics.weighted, metrics.documents);
  text += '\n';
  for (std::size_t i = 0; i < metrics.classes.size(); ++i) {
    const std::string& name = class_name(metrics.classes[i], i, labels);
    row(metrics.classes[i].unseen.empty() ? name : name + " (not in training)", metrics.classes[i],
        metrics.classes[i].support);
  }
  return text;
}

}  // namespace sluice
