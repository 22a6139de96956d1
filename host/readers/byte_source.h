// Where bytes come from: a file (plain, gzip or zstd), standard input, or memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace sluice {

// What files are read in, and what is decompressed at once.
constexpr std::size_t kReadBytes = 1u << 16;

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

// Opens a file, "-" for standard input, and decompresses it as decompressed() does. Throws Failure when the
// system cannot read.
std::unique_ptr<ByteSource> open_file(const std::string& path);

// The bytes behind `raw` where those are gzip (RFC 1952) or zstd (RFC 8878) data, which their first bytes
// tell; else `raw`'s own. Checksums are verified. Throws UserError for damaged data, here or from read(), and
// where `name` ends in .gz or .zst but the data are neither. `name` is for messages.
std::unique_ptr<ByteSource> decompressed(std::unique_ptr<ByteSource> raw, const std::string& name);

// Throws UserError unless `path` is "-" or something that can be read: not missing, a directory, forbidden,
// or empty where it may not be.
void check_readable(const std::string& path, bool may_be_empty = false);

// How messages call a file: its path, or "<stdin>" for "-".
std::string display_name(const std::string& path);

}  // namespace sluice
