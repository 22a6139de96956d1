#include "host/readers/text_lines.h"

#include "engine/error.h"
#include "host/readers/utf8.h"

#include <algorithm>
#include <cstring>

namespace sluice {
namespace {

// A buffer that a huge line has blown up is given back once an ordinary line follows.
constexpr std::size_t kOrdinaryBytes = 1u << 20;

struct Magic {
  std::string_view head;
  const char* what;
};

using namespace std::string_view_literals;
constexpr Magic kNotText[] = {
    {"PK\x03\x04"sv, "a zip archive: unpack it first"},
    {"BZh91AY&SY"sv, "bzip2 data: unpack it first, or use gzip or zstd"},
    {"\xFD"
     "7zXZ\0"sv,
     "xz data: unpack it first, or use gzip or zstd"},
    {"7z\xBC\xAF\x27\x1C"sv, "a 7z archive: unpack it first"},
    {"PAR1\x15"sv, "a Parquet file: export it as CSV or JSON lines first"},
    {"%PDF-1."sv, "a PDF file: export its text first"},
    {"\xFF\xFE"sv, "text in UTF-16 or UTF-32: save it as UTF-8 (iconv -t UTF-8)"},
    {"\xFE\xFF"sv, "text in UTF-16: save it as UTF-8 (iconv -t UTF-8)"},
};

}  // namespace

std::string bad_bytes_message(const BadBytes& bad) {
  constexpr std::string_view kChoice = "or set data.bad_rows to skip or replace";
  if (bad.byte == 0) return fmt::format("a NUL byte: remove it, {}", kChoice);
  return fmt::format("byte 0x{:02x} is not valid UTF-8: save the file as UTF-8 (iconv -t UTF-8), {}",
                     bad.byte, kChoice);
}

bool TextLines::fill_line(bool& cut) {
  if (line_.size() > kOrdinaryBytes && size_ < kOrdinaryBytes) std::string().swap(line_);
  size_ = 0;
  bool any = false;
  for (;;) {
    if (block_.empty()) block_ = source_.read();
    if (block_.empty()) break;
    any = true;
    const auto* newline = static_cast<const char*>(std::memchr(block_.data(), '\n', block_.size()));
    const std::size_t part =
        newline != nullptr ? static_cast<std::size_t>(newline - block_.data()) : block_.size();
    const std::size_t kept = std::min(part, max_line_bytes_ - size_);
    cut = cut || kept < part;
    const std::size_t needed = size_ + kept + kPadding;
    if (line_.size() < needed) line_.resize(std::max(needed, 2 * line_.size()));
    std::memcpy(line_.data() + size_, block_.data(), kept);
    size_ += kept;
    block_.remove_prefix(newline != nullptr ? part + 1 : part);
    if (newline != nullptr) break;
  }
  return any;
}

void TextLines::check_file_head() const {
  const std::string_view head = std::string_view(line_).substr(0, size_);
  for (const Magic& magic : kNotText) {
    if (head.substr(0, magic.head.size()) == magic.head) throw UserError("{}: is {}", name_, magic.what);
  }
}

bool TextLines::next(Line& line) {
  bool cut = false;
  if (!fill_line(cut)) return false;
  ++number_;
  std::string_view bytes(line_.data(), size_);
  if (number_ == 1) {
    check_file_head();
    if (bytes.substr(0, 3) == "\xEF\xBB\xBF") bytes.remove_prefix(3);
  }
  if (cut) bytes = utf8_prefix(bytes, bytes.size() - 1);  // the last character may be cut in two
  if (const std::size_t bad = find_bad_utf8(bytes); bad != std::string_view::npos) {
    note_bad_bytes({{number_, static_cast<std::int64_t>(bad) + 1}, static_cast<unsigned char>(bytes[bad])});
    if (mend_) {
      mended_.clear();
      append_mended_utf8(bytes, mended_);
      const std::size_t size = mended_.size();
      mended_.append(kPadding, '\0');
      bytes = std::string_view(mended_).substr(0, size);
    }
  }
  line = {bytes, number_, cut};
  return true;
}

std::optional<BadBytes> TextLines::take_bad_bytes() {
  return std::exchange(bad_, std::nullopt);
}

void TextLines::note_bad_bytes(BadBytes bad) {
  if (!bad_) bad_ = bad;
}

}  // namespace sluice
