#include "engine/train/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>

#include "engine/error.h"
#include "engine/file.h"
#include "engine/train/safetensors_header.h"

namespace sluice {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors is little-endian");

constexpr size_t kLengthBytes = 8;
constexpr size_t kDigitsAt = kLengthBytes + kChecksumPrefix.size();
constexpr size_t kBlockBytes = size_t{1} << 20;

class Hash {
 public:
  Hash() : state_(XXH3_createState(), &XXH3_freeState) {
    SLUICE_CHECK(state_ && XXH3_64bits_reset(state_.get()) == XXH_OK, "no memory for a checksum");
  }
  void add(const void* data, size_t bytes) {
    SLUICE_CHECK(XXH3_64bits_update(state_.get(), data, bytes) == XXH_OK, "a checksum failed");
  }
  std::string digits() const { return fmt::format("{:016x}", XXH3_64bits_digest(state_.get())); }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

// `bytes` of a tensor from `first` on, as a tensor of bytes.
Tensor bytes_of(const Tensor& tensor, size_t first, size_t bytes) {
  return Tensor(static_cast<char*>(tensor.data) + first, DType::u8, {static_cast<int64_t>(bytes)});
}

// Calls f(offset, bytes) for consecutive blocks of `total` bytes.
template <class F>
void for_each_block(uint64_t total, F&& f) {
  for (uint64_t at = 0; at < total; at += kBlockBytes)
    f(at, static_cast<size_t>(std::min<uint64_t>(kBlockBytes, total - at)));
}

}  // namespace

std::string describe(const StoredTensor& tensor) {
  return fmt::format("{} [{}]", tensor.dtype, fmt::join(tensor.shape, ","));
}

std::string describe(const Tensor& tensor) {
  return fmt::format("{} [{}]", dtype_name(tensor.dtype),
                     fmt::join(tensor.dims, tensor.dims + tensor.rank, ","));
}

void write_safetensors(const std::string& path, Backend& backend, const std::vector<NamedTensor>& tensors,
                       const Metadata& metadata) {
  // Wide types first: every tensor is then aligned to its type.
  std::vector<NamedTensor> sorted = tensors;
  std::stable_sort(sorted.begin(), sorted.end(), [](const NamedTensor& a, const NamedTensor& b) {
    return size_of(a.tensor.dtype) > size_of(b.tensor.dtype);
  });

  TemporaryFile file(folder_of(path));
  Hash hash;
  const auto put = [&](const void* data, size_t bytes) {
    file.file().append(data, bytes);
    hash.add(data, bytes);
  };
  const std::string header = format_safetensors_header(sorted, metadata);
  const uint64_t length = header.size();
  put(&length, kLengthBytes);
  put(header.data(), header.size());
  std::vector<char> block(kBlockBytes);
  for (const auto& [name, tensor] : sorted) {
    for_each_block(tensor.bytes(), [&, t = &tensor](uint64_t at, size_t bytes) {
      backend.copy_to_host(block.data(), bytes_of(*t, at, bytes));
      put(block.data(), bytes);
    });
  }
  const std::string digits = hash.digits();
  file.file().write_at(kDigitsAt, std::as_bytes(std::span(digits)));
  file.rename_to(path);
}

SafetensorsFile::SafetensorsFile(std::string path, Origin origin) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0 && errno == ENOENT) throw UserError("{}: no such file", path_);
  if (descriptor_ < 0) throw Failure("{}: cannot open: {}", path_, std::strerror(errno));
  try {
    read_header(origin);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

SafetensorsFile::~SafetensorsFile() {
  ::close(descriptor_);
}

void SafetensorsFile::read_bytes(uint64_t offset, void* to, size_t bytes) const {
  char* next = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t got = ::pread(descriptor_, next, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Failure("{}: cannot read: {}", path_, std::strerror(errno));
    if (got == 0) throw UserError("{}: truncated while it was read", path_);
    next += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<size_t>(got);
  }
}

void SafetensorsFile::read_header(Origin origin) {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) throw Failure("{}: cannot stat: {}", path_, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) throw UserError("{}: not a regular file", path_);
  file_bytes_ = static_cast<uint64_t>(status.st_size);
  uint64_t length = 0;
  if (file_bytes_ < kLengthBytes) throw UserError("{}: truncated: only {} bytes", path_, file_bytes_);
  read_bytes(0, &length, kLengthBytes);
  if (length > kMaxHeaderBytes) throw UserError("{}: not a safetensors file, or damaged", path_);
  if (length > file_bytes_ - kLengthBytes)
    throw UserError("{}: truncated: its header has {} bytes, the file {}", path_, length, file_bytes_);

  std::string text(length, '\0');
  read_bytes(kLengthBytes, text.data(), text.size());
  const bool has_sum = text.compare(0, kChecksumPrefix.size(), kChecksumPrefix) == 0 &&
                       text.size() >= kChecksumPrefix.size() + kChecksumDigits;
  if (!has_sum && origin == Origin::ours)
    throw UserError("{}: not a file written by sluice, or damaged at its start", path_);
  const uint64_t data_at = kLengthBytes + length;
  // Before the checksum: "truncated" tells more than "damaged".
  SafetensorsHeader header = parse_safetensors_header(text, file_bytes_ - data_at, path_);
  if (has_sum) check_sum();
  metadata_ = std::move(header.metadata);
  metadata_.erase("xxh3_64");
  tensors_ = std::move(header.tensors);
  for (auto& [name, tensor] : tensors_) {
    tensor.begin += data_at;
    tensor.end += data_at;
  }
}

void SafetensorsFile::check_sum() const {
  Hash hash;
  std::string stored(kChecksumDigits, '0');
  std::vector<char> block(kBlockBytes);
  for_each_block(file_bytes_, [&](uint64_t at, size_t bytes) {
    read_bytes(at, block.data(), bytes);
    if (at == 0) {
      std::copy_n(block.data() + kDigitsAt, kChecksumDigits, stored.data());
      std::fill_n(block.data() + kDigitsAt, kChecksumDigits, '0');
    }
    hash.add(block.data(), bytes);
  });
  if (hash.digits() != stored) throw UserError("{}: damaged: its checksum does not match its bytes", path_);
}

std::string SafetensorsFile::mismatch(const std::string& name, const Tensor& wanted) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return fmt::format("it has no tensor '{}'", name);
  const std::string there = describe(found->second), here = describe(wanted);
  if (there == here) return "";
  return fmt::format("its tensor '{}' is {}, not {}", name, there, here);
}

void SafetensorsFile::read(const std::string& name, Tensor to, Backend& backend) const {
  if (const std::string wrong = mismatch(name, to); !wrong.empty()) throw UserError("{}: {}", path_, wrong);
  const StoredTensor& stored = tensors_.at(name);
  std::vector<char> block(kBlockBytes);
  for_each_block(stored.end - stored.begin, [&](uint64_t at, size_t bytes) {
    read_bytes(stored.begin + at, block.data(), bytes);
    backend.copy_to_device(bytes_of(to, at, bytes), block.data());
  });
}

}  // namespace sluice
