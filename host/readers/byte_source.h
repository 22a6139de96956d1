// Where bytes come from: a file (plain, gzip or zstd), standard input, or memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace sluice {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // The next bytes, valid until the next call; empty at the end.
  virtual std::string_view read() = 0;
};

// Bytes in memory, handed out in blocks of a given size. The bytes must outlive the source.
class MemorySource : public ByteSource {
 public:
  MemorySource(std::string_view bytes, std::size_t block_bytes)
      : bytes_(bytes), block_bytes_(std::max<std::size_t>(block_bytes, 1)) {}
  std::string_view read() override {
    const std::string_view block = bytes_.substr(0, block_bytes_);
    bytes_.remove_prefix(block.size());
    return block;
  }

 private:
  std::string_view bytes_;
  std::size_t block_bytes_;
};

// Opens a file, "-" for standard input, and decompresses gzip and zstd as it is read; the content tells
// which, not the name. Throws UserError for damaged compressed data, here or from read(), Failure when the
// system cannot read.
std::unique_ptr<ByteSource> open_file(const std::string& path);

// Throws UserError unless `path` is "-" or something that can be read: not missing, a directory, empty or
// forbidden.
void check_readable(const std::string& path);

// How messages call a file: its path, or "<stdin>" for "-".
std::string display_name(const std::string& path);

}  // namespace sluice
