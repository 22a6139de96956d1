#include "engine/train/safetensors_header.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "engine/error.h"

namespace sluice {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::array<std::pair<std::string_view, size_t>, 15> kDtypes = {{{"BOOL", 1},
                                                                          {"U8", 1},
                                                                          {"I8", 1},
                                                                          {"F8_E4M3", 1},
                                                                          {"F8_E5M2", 1},
                                                                          {"U16", 2},
                                                                          {"I16", 2},
                                                                          {"F16", 2},
                                                                          {"BF16", 2},
                                                                          {"U32", 4},
                                                                          {"I32", 4},
                                                                          {"F32", 4},
                                                                          {"U64", 8},
                                                                          {"I64", 8},
                                                                          {"F64", 8}}};

// Refuses what the DOM would hide or choke on: a key twice in one object, nesting the format does not have.
class KeyGuard {
 public:
  explicit KeyGuard(const std::string& path) : path_(path) {}

  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    const auto level = static_cast<size_t>(depth);
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        if (level >= seen_.size()) throw UserError("{}: its header is nested too deeply", path_);
        seen_[level].clear();
        break;
      case json::parse_event_t::key:
        if (!seen_[level - 1].insert(parsed.get<std::string>()).second)
          throw UserError("{}: its header names '{}' twice", path_, parsed.get<std::string>());
        break;
      default:
        break;
    }
    return true;
  }

 private:
  const std::string& path_;
  std::array<std::set<std::string>, 3> seen_;  // header, tensor, shape
};

json parse_json(std::string_view text, const std::string& path) {
  KeyGuard guard(path);
  try {
    return json::parse(text.begin(), text.end(), std::ref(guard));
  } catch (const json::parse_error& e) {
    throw UserError("{}: its header is not JSON at byte {}", path, e.byte);
  } catch (const json::exception&) {  // a number beyond every type
    throw UserError("{}: its header holds a number out of range", path);
  }
}

uint64_t whole_number(const json& value, const std::string& path, const std::string& tensor) {
  if (!value.is_number_unsigned())
    throw UserError("{}: tensor '{}': shape and data_offsets must be whole numbers", path, tensor);
  return value.get<uint64_t>();
}

Metadata parse_metadata(const json& value, const std::string& path) {
  if (!value.is_object()) throw UserError("{}: its __metadata__ is not an object", path);
  Metadata metadata;
  for (const auto& [key, word] : value.items()) {
    if (!word.is_string()) throw UserError("{}: metadata '{}' is not a string", path, key);
    metadata[key] = word.get<std::string>();
  }
  return metadata;
}

// Bytes that dtype and shape call for.
uint64_t bytes_of(const StoredTensor& tensor, const std::string& name, const std::string& path) {
  uint64_t bytes = dtype_bytes(tensor.dtype);
  for (uint64_t extent : tensor.shape) {
    if (extent != 0 && bytes > std::numeric_limits<uint64_t>::max() / extent)
      throw UserError("{}: tensor '{}' is larger than any file", path, name);
    bytes *= extent;
  }
  return bytes;
}

StoredTensor parse_tensor(const std::string& name, const json& value, const std::string& path) {
  const bool complete = value.is_object() && value.contains("dtype") && value["dtype"].is_string() &&
                        value.contains("shape") && value["shape"].is_array() &&
                        value.contains("data_offsets") && value["data_offsets"].is_array() &&
                        value["data_offsets"].size() == 2 && value.size() == 3;
  if (!complete)
    throw UserError("{}: tensor '{}' must have dtype, shape and data_offsets and nothing else", path, name);

  StoredTensor tensor;
  tensor.dtype = value["dtype"].get<std::string>();
  if (dtype_bytes(tensor.dtype) == 0)
    throw UserError("{}: tensor '{}' has the unknown dtype '{}'", path, name, tensor.dtype);
  for (const json& extent : value["shape"]) tensor.shape.push_back(whole_number(extent, path, name));
  tensor.begin = whole_number(value["data_offsets"][0], path, name);
  tensor.end = whole_number(value["data_offsets"][1], path, name);
  if (tensor.end < tensor.begin || tensor.end - tensor.begin != bytes_of(tensor, name, path))
    throw UserError("{}: tensor '{}' is {} and cannot lie in bytes {} to {}", path, name, describe(tensor),
                    tensor.begin, tensor.end);
  return tensor;
}

void check_layout(const SafetensorsHeader& header, uint64_t data_bytes, const std::string& path) {
  std::vector<std::pair<uint64_t, uint64_t>> spans;
  for (const auto& [name, tensor] : header.tensors) spans.emplace_back(tensor.begin, tensor.end);
  std::sort(spans.begin(), spans.end());
  uint64_t end = 0;
  for (const auto& [first, last] : spans) {
    if (first != end)
      throw UserError("{}: its tensors {} at byte {}", path, first < end ? "overlap" : "leave a hole", first);
    end = last;
  }
  if (end > data_bytes)
    throw UserError("{}: truncated: its header announces {} bytes of tensors, {} are there", path, end,
                    data_bytes);
  if (end < data_bytes) throw UserError("{}: {} bytes after its last tensor", path, data_bytes - end);
}

}  // namespace

size_t dtype_bytes(std::string_view dtype) {
  for (const auto& [name, bytes] : kDtypes)
    if (name == dtype) return bytes;
  return 0;
}

std::string dtype_name(DType type) {
  switch (type) {
    case DType::f32:
      return "F32";
    case DType::f64:
      return "F64";
    case DType::bf16:
      return "BF16";
    case DType::f16:
      return "F16";
    case DType::i32:
      return "I32";
    case DType::u8:
      return "U8";
  }
  throw Failure("no safetensors dtype for {}", name_of(type));
}

SafetensorsHeader parse_safetensors_header(std::string_view text, uint64_t data_bytes,
                                           const std::string& path) {
  if (text.empty() || text.front() != '{') throw UserError("{}: not a safetensors file", path);
  const json root = parse_json(text, path);
  SafetensorsHeader header;
  for (const auto& [name, value] : root.items()) {
    if (name == "__metadata__")
      header.metadata = parse_metadata(value, path);
    else
      header.tensors[name] = parse_tensor(name, value, path);
  }
  check_layout(header, data_bytes, path);
  return header;
}

std::string format_safetensors_header(const std::vector<NamedTensor>& tensors, const Metadata& metadata) {
  ordered_json root;
  ordered_json& words = root["__metadata__"];
  words["xxh3_64"] = std::string(kChecksumDigits, '0');
  for (const auto& [key, value] : metadata) words[key] = value;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    SLUICE_CHECK(!root.contains(name), "two tensors are called '{}'", name);
    ordered_json& entry = root[name];
    entry["dtype"] = dtype_name(tensor.dtype);
    entry["shape"] = std::vector<int64_t>(tensor.dims, tensor.dims + tensor.rank);
    entry["data_offsets"] = {offset, offset + tensor.bytes()};
    offset += tensor.bytes();
  }
  std::string text = root.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

}  // namespace sluice
