// What the tests of host/text share: tokens as strings, random texts, a folder that vanishes.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"
#include "host/text/code_points.h"
#include "host/text/pipeline.h"

namespace sluice {

using Strings = std::vector<std::string>;

inline Strings strings_of(const TokenList& tokens) {
  Strings out;
  for (std::size_t i = 0; i < tokens.size(); ++i) out.emplace_back(tokens[i]);
  return out;
}

inline Strings tokens_of(const TextOptions& options, std::string_view text) {
  TextPipeline pipeline(options);
  TokenList tokens;
  pipeline.run(text, tokens);
  return strings_of(tokens);
}

// Options that change nothing but what the tokenizer does.
inline TextOptions plain_options(const std::string& tokenizer = "word",
                                 const std::string& punctuation = "keep") {
  TextOptions options;
  options.normalize = "none";
  options.lowercase = false;
  options.urls = "keep";
  options.tokenizer = tokenizer;
  options.punctuation = punctuation;
  options.max_tokens = 0;
  return options;
}

inline std::string random_text(std::mt19937& random, const std::vector<char32_t>& alphabet,
                               std::size_t most) {
  std::string text;
  const std::size_t length = random() % (most + 1);
  for (std::size_t i = 0; i < length; ++i) append_utf8(alphabet[random() % alphabet.size()], text);
  return text;
}

// What `action` throws as UserError; fails the test where it throws nothing of the kind.
template <class Action>
std::string user_error(Action&& action) {
  try {
    action();
  } catch (const UserError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "more than one line";
    return error.what();
  }
  ADD_FAILURE() << "no UserError";
  return "";
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sluice-text-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw Failure("no temporary folder");
    path_ = pattern;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string write(const std::string& name, std::string_view bytes) const {
    const std::string file = (path_ / name).string();
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace sluice
