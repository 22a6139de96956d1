// The safetensors format (https://github.com/huggingface/safetensors, README "Format"): 8 bytes little-endian
// length of the header, the header in JSON, the tensors' bytes without holes. Models and checkpoints are
// such files.
//
// Note [Checksum]: files written here begin their metadata with "xxh3_64": 16 hex digits of the XXH3-64 of
// the whole file in which these digits are zeros. Other readers take it as one more word of metadata.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/params.h"

namespace sluice {

using Metadata = std::map<std::string, std::string>;

// Writes the tensors, which lie in the backend's memory, whole or not at all. Names are distinct. Throws
// Failure when the system refuses.
void write_safetensors(const std::string& path, Backend& backend, const std::vector<NamedTensor>& tensors,
                       const Metadata& metadata);

struct StoredTensor {
  std::string dtype;  // as the format spells it: F32, F64, I32, ...
  std::vector<uint64_t> shape;
  uint64_t begin = 0, end = 0;  // bytes in the file
};

// "F32 [3,4]", for messages.
std::string describe(const StoredTensor& tensor);
std::string describe(const Tensor& tensor);

class SafetensorsFile {
 public:
  // ours: the checksum must be there and right; foreign files are checked only when they have one.
  enum class Origin : uint8_t { ours, any };

  // Reads and validates the header: its length, JSON, dtypes, shapes, offsets without hole or overlap up to
  // the file's very end. Throws UserError naming the file and what is wrong with it; Failure when the system
  // cannot read it.
  SafetensorsFile(std::string path, Origin origin);
  ~SafetensorsFile();
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  const std::string& path() const { return path_; }
  const Metadata& metadata() const { return metadata_; }
  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }

  // "" when the file holds `name` with this type and shape, else what is wrong in one line.
  std::string mismatch(const std::string& name, const Tensor& wanted) const;
  // Copies one tensor into the backend's memory. Throws UserError where mismatch() complains.
  void read(const std::string& name, Tensor to, Backend& backend) const;

 private:
  void read_header(Origin origin);
  void check_sum() const;
  void read_bytes(uint64_t offset, void* to, size_t bytes) const;

  std::string path_;
  int descriptor_ = -1;
  uint64_t file_bytes_ = 0;
  Metadata metadata_;
  std::map<std::string, StoredTensor> tensors_;
};

}  // namespace sluice
