// A folder for one test, gone with it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(std::string_view name = "") const;
  // Writes a file and gives its path.
  std::string write(std::string_view name, std::string_view bytes) const;
  std::string read(std::string_view name) const;
  std::vector<std::string> list() const;  // names of what lies in it, sorted
  bool has(std::string_view name) const;

 private:
  std::filesystem::path root_;
};

}  // namespace sluice
