// Note [gzip without libarchive]
// libarchive's gzip filter does not look at the CRC and the length at a member's end: of single bits flipped
// at random in a .gz file it let six in ten pass, as other words. So gzip is read with zlib, which checks
// both; libarchive reads zstd.
#include "engine/error.h"
#include "host/readers/byte_source.h"

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include <cerrno>
#include <cstdint>
#include <exception>
#include <utility>

namespace sluice {
namespace {

constexpr std::string_view kGzipMagic = "\x1F\x8B";
constexpr std::string_view kZstdMagic = "\x28\xB5\x2F\xFD";

[[noreturn]] void throw_damaged(const std::string& name, std::string_view why) {
  throw UserError("{}: damaged or incomplete compressed data ({}): copy or download the file again", name,
                  why);
}

// A source of which the first bytes were read already.
class Resumed : public ByteSource {
 public:
  Resumed(std::string head, std::unique_ptr<ByteSource> rest)
      : head_(std::move(head)), rest_(std::move(rest)) {}
  std::string_view read() override {
    return std::exchange(head_read_, true) || head_.empty() ? rest_->read() : head_;
  }

 private:
  std::string head_;
  bool head_read_ = false;
  std::unique_ptr<ByteSource> rest_;
};

// The members of a gzip file, one after the other.
class GzipSource : public ByteSource {
 public:
  GzipSource(std::unique_ptr<ByteSource> raw, std::string name)
      : raw_(std::move(raw)), name_(std::move(name)), buffer_(std::make_unique<unsigned char[]>(kReadBytes)) {
    constexpr int kGzipOnly = 16;  // added to the window bits; zlib.h, inflateInit2
    SLUICE_CHECK(inflateInit2(&stream_, MAX_WBITS + kGzipOnly) == Z_OK, "no memory to read {}", name_);
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  std::string_view read() override {
    for (;;) {
      if (stream_.avail_in == 0 && !fill()) {
        if (in_member_) throw_damaged(name_, "it ends too early");
        return {};
      }
      if (!in_member_ && !begin_member()) continue;
      stream_.next_out = buffer_.get();
      stream_.avail_out = kReadBytes;
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result == Z_STREAM_END) {
        in_member_ = false;
      } else if (result == Z_MEM_ERROR) {
        throw Failure("no memory to read {}", name_);
      } else if (result != Z_OK && result != Z_BUF_ERROR) {  // Z_BUF_ERROR: all was read, nothing written
        throw_damaged(name_, stream_.msg != nullptr ? stream_.msg : "not gzip data");
      }
      const std::size_t size = kReadBytes - stream_.avail_out;
      if (size > 0) return {reinterpret_cast<const char*>(buffer_.get()), size};
    }
  }

 private:
  bool fill() {
    const std::string_view block = raw_->read();
    // zlib takes its input through a pointer to non-const, and only reads it.
    stream_.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(block.data()));
    stream_.avail_in = static_cast<unsigned>(block.size());
    return !block.empty();
  }

  // Skips the zeros that may fill up the room after a member; false when the input ended with them.
  bool begin_member() {
    while (stream_.avail_in > 0 && *stream_.next_in == 0) {
      ++stream_.next_in;
      --stream_.avail_in;
    }
    if (stream_.avail_in == 0) return false;
    SLUICE_CHECK(inflateReset(&stream_) == Z_OK, "{}: zlib cannot begin anew", name_);
    in_member_ = true;
    return true;
  }

  std::unique_ptr<ByteSource> raw_;
  std::string name_;
  std::unique_ptr<unsigned char[]> buffer_;
  z_stream stream_{};
  bool in_member_ = true;
};

// zstd through libarchive: its "raw" format is the bytes behind the filters. Only the zstd filter is switched
// on: others run outside programs, or take plain text for their own (uuencode).
class ZstdSource : public ByteSource {
 public:
  ZstdSource(std::unique_ptr<ByteSource> raw, std::string name)
      : raw_(std::move(raw)), name_(std::move(name)) {
    archive_.reset(archive_read_new());
    SLUICE_CHECK(archive_ != nullptr, "no memory to read {}", name_);
    must(archive_read_support_filter_zstd(archive_.get()));
    must(archive_read_support_format_raw(archive_.get()));
    must(archive_read_support_format_empty(archive_.get()));
    must(archive_read_open(archive_.get(), this, nullptr, &ZstdSource::read_raw, nullptr));
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(archive_.get(), &entry);
    at_end_ = result == ARCHIVE_EOF;
    if (!at_end_) must(result);
  }

  std::string_view read() override {
    const void* data = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    while (!at_end_) {
      const int result = archive_read_data_block(archive_.get(), &data, &size, &offset);
      at_end_ = result == ARCHIVE_EOF;
      if (!at_end_) must(result);
      if (!at_end_ && size > 0) return {static_cast<const char*>(data), size};
    }
    return {};
  }

 private:
  struct Free {
    void operator()(archive* handle) const { archive_read_free(handle); }
  };

  // Called by libarchive, which is C: an exception waits here until its call is over.
  static la_ssize_t read_raw(archive* handle, void* self_pointer, const void** data) {
    auto* self = static_cast<ZstdSource*>(self_pointer);
    try {
      const std::string_view block = self->raw_->read();
      *data = block.data();
      return static_cast<la_ssize_t>(block.size());
    } catch (...) {
      self->pending_ = std::current_exception();
      archive_set_error(handle, EIO, "reading failed");
      return -1;
    }
  }

  void must(int result) {
    if (result == ARCHIVE_OK) return;
    if (pending_) std::rethrow_exception(std::exchange(pending_, nullptr));
    SLUICE_CHECK(archive_errno(archive_.get()) != ENOMEM, "no memory to read {}", name_);
    const char* why = archive_error_string(archive_.get());
    throw_damaged(name_, why != nullptr ? why : "not zstd data");
  }

  std::unique_ptr<ByteSource> raw_;
  std::string name_;
  std::unique_ptr<archive, Free> archive_;
  std::exception_ptr pending_;
  bool at_end_ = false;
};

bool begins_with(std::string_view text, std::string_view head) {
  return text.substr(0, head.size()) == head;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

std::unique_ptr<ByteSource> decompressed(std::unique_ptr<ByteSource> raw, const std::string& name) {
  std::string head;
  while (head.size() < kZstdMagic.size()) {
    const std::string_view block = raw->read();
    if (block.empty()) break;
    head.append(block);
  }
  const bool gzip = begins_with(head, kGzipMagic);
  const bool zstd = begins_with(head, kZstdMagic);
  const bool any = !head.empty();
  auto whole = std::make_unique<Resumed>(std::move(head), std::move(raw));
  if (gzip) return std::make_unique<GzipSource>(std::move(whole), name);
  if (zstd) return std::make_unique<ZstdSource>(std::move(whole), name);
  // A damaged first byte must not make a compressed file pass for (very odd) text.
  for (const char* end : {".gz", ".zst"}) {
    if (any && ends_with(name, end)) {
      throw UserError(
          "{}: is neither gzip nor zstd data although its name ends in {}: rename it, or copy or download it "
          "again",
          name, end);
    }
  }
  return whole;
}

}  // namespace sluice
