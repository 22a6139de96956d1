#include "host/data/records.h"

#include <algorithm>
#include <cstring>

#include "engine/error.h"

namespace sluice {
namespace {

constexpr size_t kBufferBytes = 1u << 18;

}  // namespace

void RecordFile::append(const Record& record) {
  Record::Head head = record.head;
  head.classes = static_cast<int32_t>(record.classes.size());
  head.tokens = static_cast<int32_t>(record.tokens.size());
  put(std::as_bytes(std::span(&head, 1)));
  put(std::as_bytes(std::span(record.classes)));
  put(std::as_bytes(std::span(record.tokens)));
  ++records_;
  classes_ += head.classes;
}

void RecordFile::put(std::span<const std::byte> bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() >= kBufferBytes) flush();
}

void RecordFile::flush() {
  file_.write_at(position_, buffer_);
  position_ += static_cast<int64_t>(buffer_.size());
  buffer_.clear();
}

void RecordFile::rewind() {
  if (writing_) flush();
  writing_ = false;
  buffer_.clear();
  position_ = 0;
  used_ = 0;
  read_ = 0;
}

bool RecordFile::next(Record& record) {
  if (read_ == records_) return false;
  ++read_;
  get(std::as_writable_bytes(std::span(&record.head, 1)));
  record.classes.resize(static_cast<size_t>(record.head.classes));
  get(std::as_writable_bytes(std::span(record.classes)));
  record.tokens.resize(static_cast<size_t>(record.head.tokens));
  get(std::as_writable_bytes(std::span(record.tokens)));
  return true;
}

void RecordFile::get(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    if (used_ == buffer_.size()) {
      buffer_.resize(static_cast<size_t>(std::min<int64_t>(kBufferBytes, file_.size() - position_)));
      SLUICE_CHECK(!buffer_.empty(), "{} ends early", file_.name());
      file_.read_at(position_, buffer_);
      position_ += static_cast<int64_t>(buffer_.size());
      used_ = 0;
    }
    const size_t n = std::min(bytes.size(), buffer_.size() - used_);
    std::memcpy(bytes.data(), buffer_.data() + used_, n);
    used_ += n;
    bytes = bytes.subspan(n);
  }
}

}  // namespace sluice
