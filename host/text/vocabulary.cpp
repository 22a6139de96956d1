#include "host/text/vocabulary.h"

#include <algorithm>
#include <numeric>

#include "engine/error.h"
#include "engine/file.h"
#include "host/readers/byte_source.h"
#include "host/readers/text_lines.h"
#include "host/readers/words.h"
#include "host/text/token_list.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxTokenBytes = 1u << 16;

struct Escape {
  char letter, meaning;
};
constexpr Escape kEscapes[] = {{'\\', '\\'}, {'s', ' '}, {'t', '\t'}, {'n', '\n'}, {'r', '\r'}};

void append_escaped(std::string_view token, std::string& out) {
  for (const char c : token) {
    const auto* escape =
        std::find_if(std::begin(kEscapes), std::end(kEscapes), [c](Escape e) { return e.meaning == c; });
    if (escape == std::end(kEscapes)) {
      out.push_back(c);
    } else {
      out += {'\\', escape->letter};
    }
  }
}

// The token that a line spells. npos, or the index of an unknown escape.
std::size_t unescape(std::string_view line, std::string& token) {
  token.clear();
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      token.push_back(line[i]);
      continue;
    }
    const char letter = i + 1 < line.size() ? line[i + 1] : '\0';
    const auto* escape = std::find_if(std::begin(kEscapes), std::end(kEscapes),
                                      [letter](Escape e) { return e.letter == letter; });
    if (escape == std::end(kEscapes)) return i;
    token.push_back(escape->meaning);
    ++i;
  }
  return std::string_view::npos;
}

}  // namespace

std::int32_t VocabularyCounter::add(std::string_view token, std::uint64_t count) {
  const std::int32_t id = tokens_.add(token);
  if (static_cast<std::size_t>(id) == counts_.size()) counts_.push_back(0);
  counts_[static_cast<std::size_t>(id)] += count;
  return id;
}

void VocabularyCounter::add(const TokenList& tokens, std::vector<std::int32_t>& ids) {
  for (std::size_t i = 0; i < tokens.size(); ++i) ids.push_back(add(tokens[i]));
}

Vocabulary::Vocabulary() {
  tokens_.add(kUnknownToken);
}

std::string Vocabulary::text() const {
  std::string lines;
  for (std::int32_t i = 0; i < size(); ++i) {
    append_escaped(token(i), lines);
    lines.push_back('\n');
  }
  return lines;
}

void Vocabulary::save(const std::string& path) const {
  write_file(path, text());
}

Vocabulary Vocabulary::load(const std::string& path) {
  check_readable(path);
  return read(*open_file(path), display_name(path));
}

Vocabulary Vocabulary::read(ByteSource& source, const std::string& name) {
  Vocabulary vocabulary;
  TextLines lines(source, name, kMaxTokenBytes, /*mend=*/false);
  Line line;
  std::string token;
  std::int64_t read = 0;
  for (; lines.next(line); ++read) {
    const auto where = [&](std::size_t byte) { return fmt::format("{}:{}:{}", name, line.number, byte + 1); };
    if (const auto bad = lines.take_bad_bytes()) {
      throw UserError("{}:{}:{}: not UTF-8; the vocabulary is damaged", name, bad->line, bad->column);
    }
    if (line.cut)
      throw UserError("{}: a token of more than {} bytes; is this a vocabulary?", where(0), kMaxTokenBytes);
    const std::size_t bad_escape = unescape(line.bytes, token);
    if (bad_escape != std::string_view::npos) {
      throw UserError("{}: a backslash with no meaning; write \\\\ for a backslash", where(bad_escape));
    }
    if (read == 0) {
      if (token == kUnknownToken) continue;
      throw UserError("{}: the first line is {}, not {}; is this a vocabulary?", where(0), in_quotes(token),
                      kUnknownToken);
    }
    if (token.empty()) throw UserError("{}: an empty line; the vocabulary is damaged", where(0));
    const std::int32_t id = vocabulary.tokens_.add(token);
    if (id != read) throw UserError("{}: {} stands on line {} already", where(0), in_quotes(token), id + 1);
  }
  if (read == 0)
    throw UserError("{}: the file is empty; a vocabulary begins with {}", name, Vocabulary::kUnknownToken);
  return vocabulary;
}

BuiltVocabulary BuiltVocabulary::from(const VocabularyCounter& counter, std::int64_t min_count,
                                      std::int64_t max_size) {
  SLUICE_CHECK(min_count >= 0 && max_size >= 0, "vocabulary of min_count {} and max_size {}", min_count,
               max_size);
  BuiltVocabulary built;
  built.remap.assign(static_cast<std::size_t>(counter.size()), Vocabulary::kUnknownId);

  std::vector<std::int32_t> kept;
  for (std::int32_t id = 0; id < counter.size(); ++id) {
    const bool frequent = counter.count(id) >= static_cast<std::uint64_t>(min_count);
    if (frequent && counter.token(id) != Vocabulary::kUnknownToken) kept.push_back(id);
  }
  std::sort(kept.begin(), kept.end(), [&counter](std::int32_t a, std::int32_t b) {
    if (counter.count(a) != counter.count(b)) return counter.count(a) > counter.count(b);
    return counter.token(a) < counter.token(b);
  });
  if (max_size > 0) kept.resize(std::min(kept.size(), static_cast<std::size_t>(max_size) - 1));

  for (const std::int32_t id : kept) {
    built.remap[static_cast<std::size_t>(id)] = built.vocabulary.tokens_.add(counter.token(id));
  }
  built.counts.assign(static_cast<std::size_t>(built.vocabulary.size()), 0);
  for (std::int32_t id = 0; id < counter.size(); ++id) {
    built.counts[static_cast<std::size_t>(built.remap[static_cast<std::size_t>(id)])] += counter.count(id);
  }
  return built;
}

}  // namespace sluice
