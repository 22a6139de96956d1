#include "host/program/run_folder.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "engine/error.h"
#include "engine/file.h"
#include "host/program/option.h"
#include "host/readers/utf8.h"

namespace sluice {
namespace fs = std::filesystem;
namespace {

constexpr const char* kConfig = "config.toml";
constexpr const char* kLabels = "labels.txt";
constexpr const char* kStopWords = "stop_words.txt";

bool is_own_list(const std::string& stop_words) {
  return stop_words != "none" && stop_words != "english";
}

}  // namespace

std::string read_file(const std::string& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) throw UserError("{}: there is no such file", path);
  if (fs::is_directory(status)) throw UserError("{}: is a folder, not a file", path);
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError("{}: cannot be read: {}", path, std::generic_category().message(errno));
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) throw Failure("{}: cannot be read", path);
  return bytes;
}

bool RunFolder::exists() const {
  std::error_code error;
  return fs::exists(fs::symlink_status(path_, error));
}

void RunFolder::check_is_run() const {
  if (!exists()) throw UserError("{}: there is no such run folder", path_);
  std::error_code error;
  if (!fs::is_directory(path_, error)) throw UserError("{}: is a file, not the folder of a run", path_);
  if (!fs::exists(file(kConfig), error)) {
    throw UserError("{}: is not the folder of a run: it has no {}", path_, kConfig);
  }
}

void RunFolder::check_has_model() const {
  std::error_code error;
  if (fs::exists(model(), error)) return;
  throw UserError("{}: its training has not ended: go on with sluice train --resume", path_);
}

void RunFolder::read_config(Config& config) const {
  check_is_run();
  put_toml(config, read_file(file(kConfig)), file(kConfig));
  if (is_own_list(config.text.stop_words)) config.text.stop_words = file(kStopWords);
}

std::vector<std::string> RunFolder::read_labels() const {
  const std::string path = file(kLabels), text = read_file(path);
  std::vector<std::string> labels;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos || end == begin) {
      throw UserError("{}:{}:1: the file is damaged: a label is missing or cut", path, labels.size() + 1);
    }
    labels.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  if (labels.empty() || find_bad_utf8(text) != std::string_view::npos) {
    throw UserError("{}: the file is damaged: no labels, or no UTF-8", path);
  }
  return labels;
}

void RunFolder::create(const Config& config, const Vocabulary& vocabulary,
                       const std::vector<std::string>& labels) const {
  std::error_code error;
  fs::create_directory(path_, error);
  if (error) throw UserError("{}: the run folder cannot be made: {}", path_, error.message());
  vocabulary.save(file("vocab.txt"));
  std::string names;
  for (const std::string& label : labels) names += label + '\n';
  write_file(file(kLabels), names);
  if (is_own_list(config.text.stop_words)) {
    write_file(file(kStopWords), read_file(config.text.stop_words));
  }
  write_config(config);
}

void RunFolder::write_config(Config config) const {
  if (is_own_list(config.text.stop_words)) config.text.stop_words = kStopWords;
  TemporaryFile::remove_abandoned(path_);
  write_file(file(kConfig), to_toml(config));
}

}  // namespace sluice
