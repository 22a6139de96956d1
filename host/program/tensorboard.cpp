#include "host/program/tensorboard.h"

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "engine/error.h"

namespace sluice {
namespace {

// protobuf's wire format (protobuf.dev/programming-guides/encoding): a field is a tag, number << 3 | wire
// type, and its value.
enum WireType : unsigned { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

template <class Unsigned>
void put_fixed(std::string& out, Unsigned value) {
  for (std::size_t i = 0; i < sizeof(value); ++i) out += static_cast<char>(value >> (8 * i));
}

void put_tag(std::string& out, unsigned field, WireType type) {
  put_varint(out, field << 3 | type);
}

void put_bytes(std::string& out, unsigned field, std::string_view bytes) {
  put_tag(out, field, kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// An Event's fields that all events share: wall_time (1, double) and step (2, int64).
std::string event_head(std::int64_t step) {
  std::string event;
  put_tag(event, 1, kFixed64);
  put_fixed(event, std::bit_cast<std::uint64_t>(now()));
  put_tag(event, 2, kVarint);
  put_varint(event, static_cast<std::uint64_t>(step));
  return event;
}

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    table[i] = crc;
  }
  return table;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr auto kTable = make_crc_table();
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = crc >> 8 ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

EventFile::EventFile(const std::string& folder) {
  const auto seconds = static_cast<std::int64_t>(now());
  for (int number = 0; !file_; ++number) {  // "x": never onto a file of an earlier run in the same second
    path_ = fmt::format("{}/events.out.tfevents.{:010}.sluice.{}", folder, seconds, number);
    file_ = std::fopen(path_.c_str(), "wbx");
    if (!file_ && errno != EEXIST) throw Failure("cannot create {}: {}", path_, std::strerror(errno));
  }
  std::string event = event_head(0);
  put_bytes(event, 3, "brain.Event:2");  // file_version
  record(event);
  flush();
}

EventFile::~EventFile() {
  if (file_) std::fclose(file_);
}

void EventFile::scalar(std::string_view tag, std::int64_t step, double value) {
  std::string point;  // Summary.Value: tag (1), simple_value (2, float)
  put_bytes(point, 1, tag);
  put_tag(point, 2, kFixed32);
  put_fixed(point, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
  std::string summary;  // Summary: value (1)
  put_bytes(summary, 1, point);
  std::string event = event_head(step);
  put_bytes(event, 5, summary);
  record(event);
}

void EventFile::record(std::string_view event) {
  std::string bytes;
  put_fixed(bytes, static_cast<std::uint64_t>(event.size()));
  put_fixed(bytes, masked_crc32c(bytes));
  bytes += event;
  put_fixed(bytes, masked_crc32c(event));
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
    throw Failure("cannot write {}: {}", path_, std::strerror(errno));
  }
}

void EventFile::flush() {
  if (std::fflush(file_) != 0) throw Failure("cannot write {}: {}", path_, std::strerror(errno));
}

}  // namespace sluice
