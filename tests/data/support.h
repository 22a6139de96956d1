// What the tests of host/data share: a folder that vanishes, small files, reading a corpus back.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "engine/error.h"
#include "host/data/corpus.h"
#include "host/data/prepare.h"
#include "host/readers/byte_source.h"
#include "host/text/vocabulary.h"

namespace sluice::testing {

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "sluice-data-test-XXXXXX";
    if (!mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string write(const std::string& name, const std::string& bytes) const {
    const std::string path = path_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(path_))
      all.push_back(entry.path().filename());
    return all;
  }

 private:
  std::string path_;
};

inline std::string bytes_of(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

inline Vocabulary vocabulary_of(const Corpus& corpus) {
  MemorySource source(corpus.vocabulary(), 1u << 16);
  return Vocabulary::read(source, "vocabulary");
}

// The document's tokens as words, joined by spaces.
inline std::string words(const Corpus& corpus, int64_t document) {
  const Vocabulary vocabulary = vocabulary_of(corpus);
  std::string text;
  for (const int32_t id : corpus.tokens(document))
    (text += text.empty() ? "" : " ") += std::string(vocabulary.token(id));
  return text;
}

// Its labels' names, joined by commas.
inline std::string labels(const Corpus& corpus, int64_t document) {
  std::string text;
  for (const int32_t id : corpus.classes(document))
    (text += text.empty() ? "" : ",") += corpus.labels().at(static_cast<size_t>(id));
  return text;
}

// No validation, every word kept, words between white space.
inline PrepareOptions plain_options(std::vector<std::string> train) {
  PrepareOptions options;
  options.train = std::move(train);
  options.text.tokenizer = "whitespace";
  options.min_count = 1;
  options.valid_share = 0;
  return options;
}

// One line of its own for each document: `documents` of them, labels a b c in turn, lengths 0 .. 19.
inline std::string tsv(int documents) {
  std::string text;
  for (int i = 0; i < documents; ++i) {
    text += std::string(1, static_cast<char>('a' + i % 3)) + '\t';
    for (int t = 0; t < (i * 7) % 20; ++t) text += fmt::format("w{} ", (i * 31 + t * t) % 500);
    text += '\n';
  }
  return text;
}

template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const Error& e) {
    return fmt::format("{}: {}", e.exit_code(), e.what());
  }
  return "no error";
}

}  // namespace sluice::testing
