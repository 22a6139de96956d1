// Rows of fields: CSV as RFC 4180 has it, and TSV.
#pragma once

#include "host/readers/text_lines.h"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

struct Field {
  std::string value;  // unquoted; its first bytes where it is longer than the limit
  Position at;        // where it begins, at its quote if it has one
};

class DelimitedRows {
 public:
  // Rows of `lines`: TSV with `tabs`, else CSV. A field keeps `max_field_bytes` at most, so that an
  // unbalanced quote does not pull a whole file into memory.
  DelimitedRows(TextLines& lines, bool tabs, std::size_t max_field_bytes)
      : lines_(lines), tabs_(tabs), max_field_bytes_(max_field_bytes) {}

  // Reads the next row that is not a blank line; false at the end. Throws RowError for text after a closing
  // quote, for a line past the limit and, at the opening quote, where the file ends inside quotes. A quote
  // inside an unquoted field is taken as it is.
  bool next();

  // Fields past this many are counted, not kept.
  void set_max_fields(std::size_t count) { max_fields_ = count; }
  std::size_t max_fields() const { return max_fields_; }

  // Of the row read last:
  std::size_t size() const { return size_; }                              // how many fields it has
  const Field& field(std::size_t index) const { return fields_[index]; }  // index < size() and < max_fields()
  Position begin() const { return begin_; }
  Position end() const { return end_; }            // just past its last byte
  Position first_extra() const { return extra_; }  // where field number max_fields() begins, if there is one

 private:
  void read_tsv();
  void read_csv();
  std::size_t read_quoted(std::size_t at, Field& field);
  Field& add_field(std::size_t offset);
  void append(Field& field, std::string_view part) const;
  [[noreturn]] void throw_too_long() const;
  [[noreturn]] void throw_text_after_quote(std::size_t at, const Field& field) const;
  Position position(std::size_t offset) const {
    return {line_.number, static_cast<std::int64_t>(offset) + 1};
  }

  TextLines& lines_;
  bool tabs_;
  std::size_t max_field_bytes_;
  std::size_t max_fields_ = 10000;
  Line line_;
  std::vector<Field> fields_;
  Field unkept_;
  std::size_t size_ = 0;
  Position begin_;
  Position end_;
  Position extra_;
};

}  // namespace sluice
