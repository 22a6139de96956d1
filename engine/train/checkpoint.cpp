#include "engine/train/checkpoint.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "engine/error.h"
#include "engine/file.h"
#include "engine/train/safetensors.h"

namespace sluice {
namespace {

constexpr const char* kVersionKey = "sluice_checkpoint";
constexpr const char* kVersion = "4";

std::string file_in(const std::string& directory) {
  return directory + "/state.safetensors";
}

// The one list of the state's fields: writing and reading both walk it.
template <class State, class F>
void for_each_field(State& s, F&& field) {
  field("epoch", s.epoch);
  field("batches", s.batches);
  field("batches_per_pass", s.batches_per_pass);
  field("update", s.update);
  field("micro_step", s.micro_step);
  field("loss_sum", s.loss_sum);
  field("weight_sum", s.weight_sum);
  field("documents", s.documents);
  field("hits", s.hits);
  field("averaged", s.averaged);
  field("evaluated_update", s.evaluated_update);
  field("best_update", s.best_update);
  field("best_epoch", s.best_epoch);
  field("best", s.stopping.best);
  field("best_loss", s.stopping.best_loss);
  field("patience_reference", s.stopping.reference);
  field("stale_evaluations", s.stopping.stale);
  field("loss_scale", s.loss_scale.scale);
  field("loss_scale_good", s.loss_scale.good);
  field("loss_scale_pending", s.loss_scale.pending_scale);
  field("loss_scale_pending_update", s.loss_scale.pending_update);
  field("loss_scale_pending_finite", s.loss_scale.pending_finite);
}

// Doubles as hexadecimal digits: exact.
std::string to_word(int64_t value) {
  return fmt::format("{}", value);
}
std::string to_word(double value) {
  return fmt::format("{:a}", value);
}
std::string to_word(const std::optional<double>& value) {
  return value ? to_word(*value) : "none";
}

bool from_word(const std::string& word, int64_t& value) {
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value);
  return error == std::errc() && stop == end && value >= 0;
}

bool from_word(const std::string& word, double& value) {
  if (word.empty()) return false;
  char* stop = nullptr;
  value = std::strtod(word.c_str(), &stop);
  return stop == word.c_str() + word.size();
}

bool from_word(const std::string& word, std::optional<double>& value) {
  value.reset();
  if (word == "none") return true;
  double number = 0;
  if (!from_word(word, number)) return false;
  value = number;
  return true;
}

TrainState parse_state(const SafetensorsFile& file) {
  TrainState state;
  for_each_field(state, [&](const char* name, auto& value) {
    const auto found = file.metadata().find(name);
    if (found == file.metadata().end() || !from_word(found->second, value))
      throw UserError("{}: damaged: no valid '{}'", file.path(), name);
  });
  return state;
}

std::string word_of(const SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  return found == file.metadata().end() ? "" : found->second;
}

void check_origin(const SafetensorsFile& file, uint64_t seed, const std::string& fingerprint) {
  const std::string version = word_of(file, kVersionKey);
  if (version.empty()) throw UserError("{}: not a checkpoint", file.path());
  if (version != kVersion)
    throw UserError(
        "{}: checkpoint layout {}, and this program reads {}: finish it with the version that began it",
        file.path(), version, kVersion);
  if (word_of(file, "fingerprint") != fingerprint)
    throw UserError(
        "{}: begun with another configuration or other data: resume with those, or train into a new folder",
        file.path());
  if (word_of(file, "seed") != fmt::format("{}", seed))
    throw UserError("{}: begun with seed {}, not {}", file.path(), word_of(file, "seed"), seed);
}

std::vector<NamedTensor> all(const CheckpointTensors& tensors) {
  std::vector<NamedTensor> result;
  const auto append = [&](const char* prefix, const std::vector<NamedTensor>& group) {
    for (const auto& [name, tensor] : group) result.push_back({prefix + name, tensor});
  };
  append("model/", tensors.model);
  append("optim/", tensors.optimizer);
  append("best/", tensors.best);
  append("average/", tensors.average);
  return result;
}

}  // namespace

void save_checkpoint(const std::string& directory, Backend& backend, const TrainState& state,
                     const CheckpointTensors& tensors, const std::string& fingerprint) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) throw Failure("{}: cannot create the folder: {}", directory, error.message());
  TemporaryFile::remove_abandoned(directory);
  Metadata metadata;
  metadata[kVersionKey] = kVersion;
  metadata["fingerprint"] = fingerprint;
  metadata["seed"] = fmt::format("{}", state.seed);
  for_each_field(state, [&](const char* name, const auto& value) { metadata[name] = to_word(value); });
  write_safetensors(file_in(directory), backend, all(tensors), metadata);
}

bool has_checkpoint(const std::string& directory) {
  std::error_code error;
  return std::filesystem::exists(file_in(directory), error);
}

TrainState load_checkpoint(const std::string& directory, Backend& backend, uint64_t seed,
                           const CheckpointTensors& tensors, const std::string& fingerprint) {
  if (!has_checkpoint(directory))
    throw UserError("{}: no checkpoint to resume from: train without --resume", directory);
  const SafetensorsFile file(file_in(directory), SafetensorsFile::Origin::ours);
  check_origin(file, seed, fingerprint);
  TrainState state = parse_state(file);
  state.seed = seed;

  const std::vector<NamedTensor> wanted = all(tensors);
  for (const auto& [name, tensor] : wanted)
    if (const std::string wrong = file.mismatch(name, tensor); !wrong.empty())
      throw UserError("{}: of another model: {}", file.path(), wrong);
  if (file.tensors().size() != wanted.size())
    throw UserError("{}: of another model: it has {} tensors, not {}", file.path(), file.tensors().size(),
                    wanted.size());
  for (const auto& [name, tensor] : wanted) file.read(name, tensor, backend);
  return state;
}

}  // namespace sluice
