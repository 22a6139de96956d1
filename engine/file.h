// Files: whole reads and writes that check every call, temporary files that become their target in one step
// or vanish, and read-only maps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

// An open file. Moves; closes itself. Every failing call throws Failure naming the file and the system's
// reason.
class File {
 public:
  File() = default;
  File(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  static File open_read(const std::string& path);

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  const std::string& name() const { return name_; }
  int64_t size() const;
  // Reads all of `bytes` at `offset`; throws Failure where the file ends before.
  void read_at(int64_t offset, std::span<std::byte> bytes) const;
  // Writes all of `bytes` at `offset`.
  void write_at(int64_t offset, std::span<const std::byte> bytes);
  void append(const void* data, size_t bytes);  // behind what append() wrote before
  void resize(int64_t bytes);
  void sync();

 private:
  int descriptor_ = -1;
  std::string name_;
  int64_t appended_ = 0;
};

// Note [Temporary files]
// What is being written is called `.sluice-tmp-*` beside its target and locked (flock) by its writer, so that
// a reader never sees half a file, two processes never share one, and what a killed process leaves behind is
// known by having no lock: remove_abandoned() takes it away.
class TemporaryFile {
 public:
  // Creates a file in `directory`. Throws UserError where the directory cannot be written to.
  explicit TemporaryFile(const std::string& directory);
  TemporaryFile(TemporaryFile&&) noexcept = default;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();  // removes the file unless it was renamed

  File& file() { return file_; }
  const std::string& path() const { return path_; }
  // Gives the file its name, replacing what bore it; file and folder are on disk afterwards.
  // Throws as check_replaceable() does.
  void rename_to(const std::string& target);
  // A file without a name, gone when closed.
  static File anonymous(const std::string& directory);
  // Removes the files that killed processes left in `directory`.
  static void remove_abandoned(const std::string& directory);

 private:
  std::string path_;
  File file_;
};

// A file in memory, read only. Its pages are the system's page cache.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const File& file);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // Gives the pages back to the system: they leave the resident set and come back when touched. Safe beside
  // readers.
  void release_pages() const;

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Throws UserError where `path` is there and is no regular file: a rename would take the place of a device, a
// pipe or a link.
void check_replaceable(const std::string& path);

// The folder of `path`: "." where it names none.
std::string folder_of(const std::string& path);

// Writes a whole file or nothing.
void write_file(const std::string& path, std::string_view bytes);

}  // namespace sluice
