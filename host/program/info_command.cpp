// sluice info: what a run folder holds, for people.
#include <fmt/format.h>

#include <filesystem>

#include "engine/train/safetensors.h"
#include "host/program/commands.h"
#include "host/program/option.h"
#include "host/program/report.h"
#include "host/program/run_folder.h"
#include "kernels/cells/cells.h"

namespace sluice {
namespace {

// An option's value in words: "max and mean" for model.pooling.
std::string words(const Config& config, const char* key) {
  const Value value = find_option(key)->get(config);
  if (const auto* list = std::get_if<std::vector<std::string>>(&value))
    return fmt::format("{}", fmt::join(*list, " and "));
  return std::get<std::string>(value);
}

std::string describe_model(const ModelConfig& model) {
  if (model.num_layers == 0) return "bag of words";
  return fmt::format("{} {} {} layer{} of {}", model.num_layers,
                     model.bidirectional ? "bidirectional" : "forward", name_of(model.cell),
                     model.num_layers > 1 ? "s" : "", fmt::join(model.hidden_size, ", "));
}

std::uint64_t count_parameters(const SafetensorsFile& file) {
  std::uint64_t total = 0;
  for (const auto& [name, tensor] : file.tensors()) {
    std::uint64_t elements = 1;
    for (const std::uint64_t size : tensor.shape) elements *= size;
    total += elements;
  }
  return total;
}

void print_tensors(const SafetensorsFile& file) {
  fmt::print("parameters  {}\n", count_parameters(file));
  for (const auto& [name, tensor] : file.tensors()) fmt::print("  {:<28}  {}\n", name, describe(tensor));
}

void print_metrics(const RunFolder& folder) {
  for (const auto& [part, figures] : read_metrics(folder.metrics())) {
    fmt::print("{}\n", part);
    for (const auto& [name, figure] : figures) fmt::print("  {:<28}  {:.6g}\n", name, figure);
  }
}

}  // namespace

void info_command(const Arguments& args) {
  const RunFolder folder(args.run);
  Config config;
  folder.read_config(config);
  const std::vector<std::string> labels = folder.read_labels();
  const Vocabulary vocabulary = folder.read_vocabulary();
  fmt::print("run         {}\n", folder.path());
  fmt::print("labels      {}: {}\n", labels.size(), fmt::join(labels, ", "));
  fmt::print("vocabulary  {}\n", vocabulary.size());
  fmt::print("device      {}\n", std::get<std::string>(find_option("train.device")->get(config)));
  fmt::print("model       {}, embedding {}, {} pooling, {} loss\n", describe_model(config.model),
             config.model.embedding_size, words(config, "model.pooling"), words(config, "model.loss"));
  if (!std::filesystem::exists(folder.model())) {
    fmt::print("training    has not ended: go on with sluice train --resume\n");
    return;
  }
  const SafetensorsFile file(folder.model(), SafetensorsFile::Origin::ours);
  if (const auto version = file.metadata().find("sluice"); version != file.metadata().end()) {
    fmt::print("written by  sluice {}\n", version->second);
  }
  print_tensors(file);
  print_metrics(folder);
}

}  // namespace sluice
