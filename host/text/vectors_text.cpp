// The text format of word vectors.
#include <charconv>
#include <cmath>
#include <system_error>

#include "engine/error.h"
#include "host/readers/text_lines.h"
#include "host/readers/words.h"
#include "host/text/vector_rows.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxVectorLineBytes = 1u << 20;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

// The fields of a line from `at` on: moves `at` past the next one; empty after the last.
std::string_view next_field(std::string_view line, std::size_t& at) {
  while (at < line.size() && is_blank(line[at])) ++at;
  const std::size_t begin = at;
  while (at < line.size() && !is_blank(line[at])) ++at;
  return line.substr(begin, at - begin);
}

std::int64_t count_fields(std::string_view line, std::size_t at) {
  std::int64_t count = 0;
  while (!next_field(line, at).empty()) ++count;
  return count;
}

bool parse_integer(std::string_view field, std::int64_t& value) {
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  return error == std::errc() && end == field.data() + field.size() && value >= 0;
}

// Whether `field` is a number at all; it may be infinite, NaN or too large for a float.
bool parse_number(std::string_view field, float& value) {
  if (!field.empty() && field[0] == '+') field.remove_prefix(1);
  double wide = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), wide);
  if (end != field.data() + field.size() || error == std::errc::invalid_argument) return false;
  const bool tiny = field.find("e-") != std::string_view::npos || field.find("E-") != std::string_view::npos;
  if (error == std::errc::result_out_of_range) wide = tiny ? 0 : HUGE_VAL;
  value = static_cast<float>(wide);
  return true;
}

class TextVectors {
 public:
  TextVectors(ByteSource& source, const std::string& name, VectorRows& rows)
      : lines_(source, name, kMaxVectorLineBytes, /*mend=*/false), name_(name), rows_(rows) {}

  void read() {
    while (lines_.next(line_)) {
      if (line_.cut)
        fail(0, fmt::format("a line of more than {} bytes; is this a vector file?", kMaxVectorLineBytes));
      if (line_.number == 1 && read_header()) continue;
      read_row();
    }
    if (rows_read_ == 0) throw UserError("{}: no vector in the file", name_);
    if (rows_read_ < rows_promised_) {
      throw UserError("{}:{}: the file ends after {} of {} rows; get it again", name_, line_.number,
                      rows_read_, rows_promised_);
    }
  }

 private:
  [[noreturn]] void fail(std::size_t byte, const std::string& what) const {
    throw UserError("{}:{}:{}: {}", name_, line_.number, byte + 1, what);
  }

  // "rows E": a row of one number would look the same, and no such vectors exist.
  bool read_header() {
    std::size_t at = 0;
    std::int64_t dimension = 0;
    if (!parse_integer(next_field(line_.bytes, at), rows_promised_) ||
        !parse_integer(next_field(line_.bytes, at), dimension) || !next_field(line_.bytes, at).empty()) {
      rows_promised_ = 0;
      return false;
    }
    rows_.set_dimension(dimension, line_.number);
    return true;
  }

  void read_row() {
    const std::string_view line = line_.bytes;
    std::size_t at = 0;
    while (at < line.size() && !is_blank(line[at])) ++at;
    const std::string_view word = line.substr(0, at);
    const std::int64_t columns = count_fields(line, at);
    if (rows_.dimension() == 0) {
      if (columns == 0) fail(0, "a word and no numbers; is this a vector file?");
      rows_.set_dimension(columns, line_.number);
    }
    ++rows_read_;
    if (columns != rows_.dimension()) return check_word_with_blanks(at, columns);
    if (!rows_.wants(word)) return;
    row_.clear();
    for (std::int64_t i = 0; i < columns; ++i) row_.push_back(number(at));
    rows_.take(row_);
  }

  // A row with more columns is sound if the first of them belong to the word (GloVe 840B has words such as ".
  // ."), which no token equals. `at`: past the first part of the word.
  void check_word_with_blanks(std::size_t at, std::int64_t columns) const {
    bool sound = columns > rows_.dimension();
    for (std::int64_t i = rows_.dimension(); sound && i < columns; ++i) {
      float ignored = 0;
      sound = !parse_number(next_field(line_.bytes, at), ignored);
    }
    if (!sound) fail(0, fmt::format("{} numbers where {} are expected", columns, rows_.dimension()));
  }

  float number(std::size_t& at) const {
    const std::string_view field = next_field(line_.bytes, at);
    const auto column = static_cast<std::size_t>(field.data() - line_.bytes.data());
    float value = 0;
    if (!parse_number(field, value)) fail(column, in_quotes(field) + " is not a number");
    if (!std::isfinite(value)) fail(column, in_quotes(field) + " is not a finite number");
    return value;
  }

  TextLines lines_;
  const std::string& name_;
  VectorRows& rows_;
  Line line_;
  std::vector<float> row_;
  std::int64_t rows_read_ = 0;
  std::int64_t rows_promised_ = 0;  // 0: no header
};

}  // namespace

void read_text_vectors(ByteSource& source, const std::string& name, VectorRows& rows) {
  TextVectors(source, name, rows).read();
}

}  // namespace sluice
