#include "host/readers/delimited_rows.h"

#include "host/readers/utf8.h"

#include <fmt/core.h>

#include <algorithm>

namespace sluice {
namespace {

constexpr auto kNone = std::string_view::npos;

// A CR before the LF belongs to the line's end, unless both stand inside quotes.
std::string_view without_cr(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

}  // namespace

bool DelimitedRows::next() {
  do {
    if (!lines_.next(line_)) return false;
  } while (without_cr(line_.bytes).empty() && !line_.cut);
  size_ = 0;
  begin_ = position(0);
  if (line_.cut) throw_too_long();
  if (tabs_) {
    read_tsv();
  } else {
    read_csv();
  }
  return true;
}

void DelimitedRows::throw_too_long() const {
  throw RowError{position(0), fmt::format("a line of more than {} bytes: is a line break or a quote missing?",
                                          line_.bytes.size())};
}

void DelimitedRows::read_tsv() {
  const std::string_view line = without_cr(line_.bytes);
  std::size_t at = 0;
  for (;;) {
    const std::size_t tab = line.find('\t', at);
    append(add_field(at), line.substr(at, tab - at));
    if (tab == kNone) break;
    at = tab + 1;
  }
  end_ = position(line.size());
}

void DelimitedRows::read_csv() {
  std::size_t at = 0;
  for (;;) {
    Field& field = add_field(at);
    const bool is_quoted = at < line_.bytes.size() && line_.bytes[at] == '"';
    if (is_quoted) at = read_quoted(at + 1, field);
    // From here on no quote is open, so the row ends where the line does.
    const std::string_view line = without_cr(line_.bytes);
    const std::size_t comma = std::min(line.find(',', at), line.size());
    if (is_quoted && comma != at) throw_text_after_quote(at, field);
    append(field, line.substr(at, comma - at));
    if (comma == line.size()) break;
    at = comma + 1;
  }
  end_ = position(without_cr(line_.bytes).size());
}

// Reads a quoted field from just past its opening quote; returns where its closing quote ends, in line_,
// which is a later line than before where the field holds line breaks.
std::size_t DelimitedRows::read_quoted(std::size_t at, Field& field) {
  for (;;) {
    const std::size_t quote = line_.bytes.find('"', at);
    append(field, line_.bytes.substr(at, quote - at));
    if (quote == kNone) {
      append(field, "\n");
      if (!lines_.next(line_)) {
        throw RowError{
            field.at,
            "a quote is opened here and never closed: close it, or write a quote inside a field twice",
            /*ends_file=*/true};
      }
      if (line_.cut) throw_too_long();
      at = 0;
    } else if (quote + 1 < line_.bytes.size() && line_.bytes[quote + 1] == '"') {
      append(field, "\"");
      at = quote + 2;
    } else {
      return quote + 1;
    }
  }
}

// The rest of the line is left unread: in skip mode, reading goes on at the next one.
void DelimitedRows::throw_text_after_quote(std::size_t at, const Field& field) const {
  throw RowError{position(at), fmt::format("text after the closing quote of the field that begins at {}:{}: "
                                           "write a quote inside a field twice",
                                           field.at.line, field.at.column)};
}

Field& DelimitedRows::add_field(std::size_t offset) {
  if (size_ == max_fields_) extra_ = position(offset);
  if (size_ < max_fields_ && size_ == fields_.size()) fields_.emplace_back();
  Field& field = size_ < max_fields_ ? fields_[size_] : unkept_;
  ++size_;
  field.value.clear();
  field.at = position(offset);
  return field;
}

void DelimitedRows::append(Field& field, std::string_view part) const {
  field.value.append(utf8_prefix(part, max_field_bytes_ - field.value.size()));
}

}  // namespace sluice
