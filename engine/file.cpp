#include "engine/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "engine/error.h"

namespace sluice {
namespace {

constexpr const char* kTemporaryPrefix = ".sluice-tmp-";

[[noreturn]] void fail(const char* verb, const std::string& name) {
  throw Failure("cannot {} {}: {}", verb, name, std::strerror(errno));
}

// A new file under a name of its own in `directory`, locked. The number in the name only makes a free name
// quick to find; O_EXCL is what makes it this process's own.
int create_locked(const std::string& directory, std::string& path) {
  static std::atomic<unsigned> count{0};
  while (true) {
    path = fmt::format("{}/{}{}-{}", directory, kTemporaryPrefix, getpid(), count++);
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0 && errno == EEXIST) continue;
    if (descriptor < 0)
      throw UserError("cannot write in the folder '{}': {}; name another folder", directory,
                      std::strerror(errno));
    // A file system without locks is no reason to stop: only the cleaning up after killed processes needs
    // them.
    flock(descriptor, LOCK_EX);
    struct stat status {};
    if (fstat(descriptor, &status) == 0 && status.st_nlink > 0) return descriptor;
    close(descriptor);  // remove_abandoned() of another process came between the creation and the lock
  }
}

}  // namespace

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      name_(std::move(other.name_)),
      appended_(other.appended_) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(name_, other.name_);
  std::swap(appended_, other.appended_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) close(descriptor_);
}

File File::open_read(const std::string& path) {
  File file(open(path.c_str(), O_RDONLY | O_CLOEXEC), path);
  if (!file.is_open()) fail("open", path);
  return file;
}

int64_t File::size() const {
  struct stat status {};
  if (fstat(descriptor_, &status) != 0) fail("look at", name_);
  return status.st_size;
}

void File::read_at(int64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = pread(descriptor_, bytes.data(), bytes.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("read", name_);
    if (n == 0) throw Failure("{} ends early: it was cut while in use", name_);
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += n;
  }
}

void File::write_at(int64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = pwrite(descriptor_, bytes.data(), bytes.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("write", name_);
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += n;
  }
}

void File::append(const void* data, size_t bytes) {
  write_at(appended_, {static_cast<const std::byte*>(data), bytes});
  appended_ += static_cast<int64_t>(bytes);
}

void File::resize(int64_t bytes) {
  if (ftruncate(descriptor_, bytes) != 0) fail("write", name_);
}

void File::sync() {
  if (fsync(descriptor_) != 0) fail("write", name_);
}

TemporaryFile::TemporaryFile(const std::string& directory) {
  const int descriptor = create_locked(directory, path_);
  file_ = File(descriptor, path_);
}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty() && file_.is_open()) unlink(path_.c_str());
}

void TemporaryFile::rename_to(const std::string& target) {
  check_replaceable(target);
  file_.sync();
  if (std::rename(path_.c_str(), target.c_str()) != 0) fail("write", target);
  path_.clear();
  // The name itself is durable only once the folder is. Some file systems cannot sync a folder.
  const std::string folder = folder_of(target);
  const File opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder);
  if (!opened.is_open()) fail("open", folder);
  if (fsync(opened.descriptor()) != 0 && errno != EINVAL) fail("write", folder);
}

File TemporaryFile::anonymous(const std::string& directory) {
  std::string path;
  const int descriptor = create_locked(directory, path);
  unlink(path.c_str());
  return File(descriptor, "a temporary file in " + directory);
}

void TemporaryFile::remove_abandoned(const std::string& directory) {
  std::error_code ignored;  // cleaning up is a courtesy: what cannot be seen or removed stays
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    if (entry.path().filename().string().rfind(kTemporaryPrefix, 0) != 0) continue;
    const File file(open(entry.path().c_str(), O_RDONLY | O_CLOEXEC), entry.path());
    if (file.is_open() && flock(file.descriptor(), LOCK_EX | LOCK_NB) == 0) unlink(entry.path().c_str());
  }
}

MappedFile::MappedFile(const File& file) : size_(static_cast<size_t>(file.size())) {
  void* data = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (data == MAP_FAILED) fail("map", file.name());
  data_ = static_cast<const std::byte*>(data);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_) munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::release_pages() const {
  if (data_) madvise(const_cast<std::byte*>(data_), size_, MADV_DONTNEED);
}

void check_replaceable(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    throw UserError("{}: is there and is no regular file: name another file to write", path);
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder;
}

void write_file(const std::string& path, std::string_view bytes) {
  TemporaryFile file(folder_of(path));
  file.file().append(bytes.data(), bytes.size());
  file.rename_to(path);
}

}  // namespace sluice
