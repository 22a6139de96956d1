// A file that appears under its name whole or not at all.
#pragma once

#include <cstddef>
#include <string>

namespace sluice {

// Writes to `path`.tmp; commit() makes the bytes durable (fsync of file and folder) and renames. Without
// commit() the temporary file is removed and an older `path` stays as it was. Every member throws Failure
// when the system refuses (full disk, no permission).
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t bytes);
  // Replaces bytes already written.
  void patch(size_t offset, const void* data, size_t bytes);
  void commit();

 private:
  [[noreturn]] void fail(const char* what) const;

  std::string path_, temporary_;
  int descriptor_ = -1;
};

}  // namespace sluice
