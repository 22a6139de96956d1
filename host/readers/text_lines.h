// Lines of a byte source: checked UTF-8, numbered, of bounded length.
#pragma once

#include "host/readers/byte_source.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

struct Position {
  std::int64_t line = 0;    // from 1
  std::int64_t column = 0;  // bytes from 1
};

// A NUL or ill-formed UTF-8 sequence, and its first byte.
struct BadBytes : Position {
  unsigned char byte = 0;
};

// What is wrong, and what to do about it, for a message that names the place.
std::string bad_bytes_message(const BadBytes& bad);

// What is wrong with a row, found after all of the row was consumed: the next read begins at the row after
// it, unless what is wrong has consumed the rest of the file too.
struct RowError {
  Position at;
  std::string message;
  bool ends_file = false;
};

struct Line {
  std::string_view bytes;  // without its LF (a CR before it is kept); valid until the next line is read
  std::int64_t number = 0;
  bool cut = false;  // the line is longer than the limit: these are its first bytes
};

class TextLines {
 public:
  // Readable bytes after each line: what simdjson asks for.
  static constexpr std::size_t kPadding = 64;

  // Lines of `source` (which must outlive this), of which at most `max_line_bytes` are kept. With `mend`, bad
  // sequences are replaced by U+FFFD. `name` is for messages.
  TextLines(ByteSource& source, std::string name, std::size_t max_line_bytes, bool mend)
      : source_(source), name_(std::move(name)), max_line_bytes_(max_line_bytes), mend_(mend) {}

  // Reads the next line; false at the end. Throws UserError for a file that is not text in UTF-8 at all.
  bool next(Line& line);

  // The first NUL or ill-formed sequence in the lines read since this was last asked.
  std::optional<BadBytes> take_bad_bytes();

  // For a NUL that a format can write in other words, as JSON's \u0000.
  void note_bad_bytes(BadBytes bad);

  bool mend() const { return mend_; }
  const std::string& name() const { return name_; }

 private:
  bool fill_line(bool& cut);
  void check_file_head() const;

  ByteSource& source_;
  std::string name_;
  std::size_t max_line_bytes_;
  bool mend_;
  std::string_view block_;  // the part of the source's block that is not read yet
  std::string line_;        // the line, and padding
  std::string mended_;
  std::size_t size_ = 0;  // of the line in line_
  std::int64_t number_ = 0;
  std::optional<BadBytes> bad_;
};

}  // namespace sluice
