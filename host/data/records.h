// Encoded documents on their way to the corpus file: written once to a file without a name, read back once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/file.h"

namespace sluice {

struct Record {
  struct Head {
    int64_t line = 0;
    uint64_t fingerprint = 0;
    int32_t file = 0;
    int32_t dropped = 0;
    int32_t classes = 0;  // numbers of the vectors' elements
    int32_t tokens = 0;
  };
  Head head;
  std::vector<int32_t> classes;
  std::vector<int32_t> tokens;
};

// Documents of one part, in order.
class RecordFile {
 public:
  // The file lives in `directory` without a name and vanishes with this object.
  explicit RecordFile(const std::string& directory) : file_(TemporaryFile::anonymous(directory)) {}

  void append(const Record& record);
  // Ends writing; next() then reads from the first record on, each time anew.
  void rewind();
  bool next(Record& record);
  int64_t classes() const { return classes_; }  // of all records

 private:
  void put(std::span<const std::byte> bytes);
  void get(std::span<std::byte> bytes);
  void flush();

  File file_;
  std::vector<std::byte> buffer_;
  size_t used_ = 0;       // read: bytes of the buffer already handed out
  int64_t position_ = 0;  // write: bytes in the file; read: bytes taken from the file
  int64_t records_ = 0;   // written
  int64_t classes_ = 0;   // in them
  int64_t read_ = 0;      // since rewind()
  bool writing_ = true;
};

}  // namespace sluice
