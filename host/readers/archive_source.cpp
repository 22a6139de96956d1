#include "engine/error.h"
#include "host/readers/byte_source.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice {
namespace {

constexpr std::size_t kReadBytes = 1u << 16;

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

std::string system_message(int error) {
  return std::strerror(error);
}

// A file descriptor; standard input is not ours to close.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : owned_(path != "-") {
    fd_ = owned_ ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (fd_ < 0) throw UserError("{}: cannot be opened: {}", path, system_message(errno));
  }
  ~Descriptor() {
    if (owned_) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  bool owned_;
  int fd_;
};

// libarchive's raw "format": the bytes of the file behind whatever filters its content shows. Only gzip and
// zstd are switched on: others run outside programs, or take plain text for their own (uuencode).
class ArchiveSource : public ByteSource {
 public:
  explicit ArchiveSource(const std::string& path) : path_(path), name_(display_name(path)), file_(path) {
    archive_.reset(archive_read_new());
    SLUICE_CHECK(archive_ != nullptr, "no memory to read {}", name_);
    must(archive_read_support_filter_gzip(archive_.get()));
    must(archive_read_support_filter_zstd(archive_.get()));
    must(archive_read_support_format_raw(archive_.get()));
    must(archive_read_support_format_empty(archive_.get()));
    must(archive_read_open_fd(archive_.get(), file_.get(), kReadBytes));
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(archive_.get(), &entry);
    if (result == ARCHIVE_EOF) {
      at_end_ = true;
    } else {
      must(result);
    }
    check_name_matches();
  }

  std::string_view read() override {
    const void* data = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    while (!at_end_) {
      const int result = archive_read_data_block(archive_.get(), &data, &size, &offset);
      if (result == ARCHIVE_EOF) {
        at_end_ = true;
      } else {
        must(result);
        if (size > 0) return {static_cast<const char*>(data), size};
      }
    }
    return {};
  }

 private:
  struct Free {
    void operator()(archive* handle) const { archive_read_free(handle); }
  };

  void must(int result) const {
    if (result == ARCHIVE_OK) return;
    const char* text = archive_error_string(archive_.get());
    const int error = archive_errno(archive_.get());
    if (error == EISDIR) throw UserError("{}: is a directory: name the files in it", name_);
    // The error numbers libarchive gives for data that make no sense; any other is the system's, for a failed
    // read.
    const bool bad_data = error <= 0 || error == EILSEQ || error == EINVAL;
    if (!bad_data) throw Failure("{}: cannot be read: {}", name_, system_message(error));
    throw UserError("{}: damaged or incomplete compressed data ({}): copy or download the file again", name_,
                    text != nullptr ? text : "unknown error");
  }

  // A damaged first byte would otherwise make a compressed file pass for (very odd) text.
  void check_name_matches() const {
    const bool compressed = archive_filter_count(archive_.get()) > 1;  // the last filter is the file itself
    if (at_end_ || compressed) return;
    for (const char* end : {".gz", ".zst"}) {
      if (ends_with(path_, end)) {
        throw UserError(
            "{}: is neither gzip nor zstd data although its name ends in {}: rename it, or copy or download "
            "it again",
            name_, end);
      }
    }
  }

  std::string path_;
  std::string name_;
  Descriptor file_;
  std::unique_ptr<archive, Free> archive_;
  bool at_end_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> open_file(const std::string& path) {
  return std::make_unique<ArchiveSource>(path);
}

void check_readable(const std::string& path) {
  if (path == "-") return;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) throw UserError("{}: no such file: check the name", path);
    throw UserError("{}: cannot be read: {}", path, system_message(errno));
  }
  if (S_ISDIR(status.st_mode)) throw UserError("{}: is a directory: name the files in it", path);
  if (::access(path.c_str(), R_OK) != 0)
    throw UserError("{}: cannot be read: {}", path, system_message(errno));
  if (S_ISREG(status.st_mode) && status.st_size == 0)
    throw UserError("{}: is empty: no documents to read", path);
}

std::string display_name(const std::string& path) {
  return path == "-" ? "<stdin>" : path;
}

}  // namespace sluice
