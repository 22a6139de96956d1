// The JSON header of a safetensors file, apart from any file: what is parsed is text that anyone may have
// made.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/train/safetensors.h"

namespace sluice {

// The longest header the format allows, in bytes.
inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;

// Where the digits of Note [Checksum] stand, counted from the start of the header of a file written here.
inline constexpr std::string_view kChecksumPrefix = R"({"__metadata__":{"xxh3_64":")";
inline constexpr size_t kChecksumDigits = 16;

// Bytes of one element of a dtype of the format; 0 for a name it does not have.
size_t dtype_bytes(std::string_view dtype);
// Throws Failure for a type the format has no name for.
std::string dtype_name(DType type);

struct SafetensorsHeader {
  Metadata metadata;
  std::map<std::string, StoredTensor> tensors;  // begin and end count from the end of the header
};

// `data_bytes`: what follows the header in the file. Throws UserError that begins with `path`.
SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t data_bytes,
                                           const std::string& path);

// The header of tensors that follow each other in this order, with zeros for the checksum's digits, padded
// with spaces so that the data begins at a multiple of 8.
std::string format_safetensors_header(const std::vector<NamedTensor>& tensors, const Metadata& metadata);

}  // namespace sluice
