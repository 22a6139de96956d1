// TensorBoard event files, written without TensorFlow or protobuf.
//
// An event file is a sequence of TFRecords (tensorflow/core/lib/io/record_writer.h):
//   u64 length | u32 masked CRC-32C of the length | bytes | u32 masked CRC-32C of the bytes    (little
//   endian)
// each holding one Event message (tensorflow/core/util/event.proto) in protobuf's wire format.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace sluice {

class EventFile {
 public:
  // Creates <folder>/events.out.tfevents.<seconds>.sluice.<number>; throws Failure when it cannot.
  // TensorBoard shows all event files of a folder as one run, so a resumed run adds a file.
  explicit EventFile(const std::string& folder);
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;
  ~EventFile();

  // One point of the curve `tag`. Throws Failure when the disk is full.
  void scalar(std::string_view tag, std::int64_t step, double value);
  void flush();

 private:
  void record(std::string_view event);

  std::string path_;
  std::FILE* file_ = nullptr;
};

// CRC-32C (Castagnoli; RFC 3720, appendix B.4), and TFRecord's masking of it.
std::uint32_t crc32c(std::string_view bytes);
std::uint32_t masked_crc32c(std::string_view bytes);

}  // namespace sluice
