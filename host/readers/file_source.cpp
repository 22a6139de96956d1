#include "engine/error.h"
#include "host/readers/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice {
namespace {

std::string system_message(int error) {
  return std::strerror(error);
}

// A file as it is, or standard input, which is not ours to close. A pipe's bytes are handed on as they
// arrive.
class FileSource : public ByteSource {
 public:
  explicit FileSource(const std::string& path)
      : name_(display_name(path)), owned_(path != "-"), buffer_(std::make_unique<char[]>(kReadBytes)) {
    file_ = owned_ ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (file_ < 0) throw UserError("{}: cannot be opened: {}", name_, system_message(errno));
  }
  ~FileSource() override {
    if (owned_) ::close(file_);
  }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::string_view read() override {
    ssize_t size;
    do {
      size = ::read(file_, buffer_.get(), kReadBytes);
    } while (size < 0 && errno == EINTR);
    if (size < 0 && errno == EISDIR) throw UserError("{}: is a directory: name the files in it", name_);
    if (size < 0) throw Failure("{}: cannot be read: {}", name_, system_message(errno));
    return {buffer_.get(), static_cast<std::size_t>(size)};
  }

 private:
  std::string name_;
  bool owned_;
  std::unique_ptr<char[]> buffer_;
  int file_;
};

}  // namespace

std::unique_ptr<ByteSource> open_file(const std::string& path) {
  return decompressed(std::make_unique<FileSource>(path), display_name(path));
}

void check_readable(const std::string& path, bool may_be_empty) {
  if (path == "-") return;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) throw UserError("{}: no such file: check the name", path);
    throw UserError("{}: cannot be read: {}", path, system_message(errno));
  }
  if (S_ISDIR(status.st_mode)) throw UserError("{}: is a directory: name the files in it", path);
  if (::access(path.c_str(), R_OK) != 0)
    throw UserError("{}: cannot be read: {}", path, system_message(errno));
  if (!may_be_empty && S_ISREG(status.st_mode) && status.st_size == 0)
    throw UserError("{}: is empty: no documents to read", path);
}

std::string display_name(const std::string& path) {
  return path == "-" ? "<stdin>" : path;
}

}  // namespace sluice
