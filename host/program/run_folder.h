// The folder of a run: everything that predict needs, and the history of its training.
//
//   config.toml         the complete effective configuration
//   vocab.txt           tokens, by id        labels.txt   labels, one a line
//   stop_words.txt      only with stop words from a file
//   model.safetensors   the best model; there once training has ended
//   checkpoint/         what --resume goes on from
//   metrics.json        figures of the best model     metrics.jsonl   a line an epoch
//   events.out.*        the same for TensorBoard
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "host/program/config.h"
#include "host/text/vocabulary.h"

namespace sluice {

class RunFolder {
 public:
  explicit RunFolder(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + '/' + std::string(name); }
  std::string model() const { return file("model.safetensors"); }
  std::string checkpoint() const { return file("checkpoint"); }
  std::string metrics() const { return file("metrics.json"); }
  std::string metrics_log() const { return file("metrics.jsonl"); }

  bool exists() const;
  // Throws UserError unless it is a run folder (of this version, see read_config()).
  void check_is_run() const;
  // Throws UserError where training has not ended yet.
  void check_has_model() const;

  // Throws UserError for a damaged configuration or one of another version.
  void read_config(Config& config) const;
  // [K] names. Throws UserError for a damaged file.
  std::vector<std::string> read_labels() const;
  Vocabulary read_vocabulary() const { return Vocabulary::load(file("vocab.txt")); }

  // Makes the folder (its parent must exist) with what is known before training; config.toml comes last, so a
  // folder that has it is whole. Throws UserError where it cannot be made, Failure for a full disk.
  void create(const Config& config, const Vocabulary& vocabulary,
              const std::vector<std::string>& labels) const;
  // Replaces the configuration, as a resumed training may be told to take longer.
  void write_config(Config config) const;

 private:
  std::string path_;
};

// Throws UserError where there is no such file or it cannot be read; at most 1 GB.
std::string read_file(const std::string& path);

}  // namespace sluice
