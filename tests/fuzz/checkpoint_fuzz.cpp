// Any bytes as a checkpoint: loading takes them or throws UserError, and touches no memory it should not.
// Bytes that begin as our own files do get the right checksum first, or the fuzzer would never pass it.
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "engine/backend.h"
#include "engine/error.h"
#include "engine/train/checkpoint.h"
#include "engine/train/safetensors.h"
#include "engine/train/safetensors_header.h"

namespace sluice {
namespace {

// A folder in memory, in which the checkpoint is a link to `memory_`.
class Target {
 public:
  Target() {
    char pattern[] = "/tmp/checkpoint-fuzz-XXXXXX";
    if (memory_ < 0 || !::mkdtemp(pattern)) std::abort();
    folder_ = pattern;
    if (::symlink(path().c_str(), (folder_ + "/state.safetensors").c_str()) != 0) std::abort();
  }
  ~Target() {
    ::unlink((folder_ + "/state.safetensors").c_str());
    ::rmdir(folder_.c_str());
  }

  void run(std::string bytes) {
    put(bytes);
    attempt([&] { SafetensorsFile(path(), SafetensorsFile::Origin::any); });
    if (!sign(bytes)) return;
    put(bytes);
    attempt([&] { load_checkpoint(folder_, *backend_, 3, tensors_, "f"); });
  }

 private:
  template <class F>
  static void attempt(F&& f) {
    try {
      f();
    } catch (const UserError&) {
    }
  }

  static bool sign(std::string& bytes) {
    const size_t at = 8 + kChecksumPrefix.size();
    if (bytes.size() < at + kChecksumDigits || bytes.compare(8, kChecksumPrefix.size(), kChecksumPrefix) != 0)
      return false;
    bytes.replace(at, kChecksumDigits, kChecksumDigits, '0');
    bytes.replace(at, kChecksumDigits, fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size())));
    return true;
  }

  void put(const std::string& bytes) {
    const auto size = static_cast<ssize_t>(bytes.size());
    if (::ftruncate(memory_, 0) != 0 || ::pwrite(memory_, bytes.data(), bytes.size(), 0) != size)
      std::abort();
  }

  std::string path() const { return fmt::format("/proc/self/fd/{}", memory_); }

  int memory_ = ::memfd_create("checkpoint", 0);
  std::string folder_;
  std::unique_ptr<Backend> backend_ = make_backend({.device = Device::cpu, .threads = 1});
  Buffer buffer_{*backend_, 256, "fuzzed tensors"};
  Tensor values_{buffer_.data(), DType::f32, {2, 2}};
  Tensor rows_{buffer_.data(), DType::i32, {3}};
  // As seeds/checkpoint/whole was saved.
  CheckpointTensors tensors_{{{"w", values_}}, {{"m", values_}, {"touched", rows_}}, {{"w", values_}}};
};

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static sluice::Target target;
  target.run(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
