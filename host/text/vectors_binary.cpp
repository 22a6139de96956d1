// The binary format of word2vec, as its distance.c reads it.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "engine/error.h"
#include "host/readers/byte_source.h"
#include "host/readers/words.h"
#include "host/text/vector_rows.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxWordBytes = 1u << 16;
constexpr std::string_view kFastTextMagic = "\xba\x16\x4f\x2f";

class BinaryVectors {
 public:
  BinaryVectors(ByteSource& source, const std::string& name, VectorRows& rows)
      : source_(source), name_(name), rows_(rows) {}

  void read() {
    const std::int64_t rows = read_header();
    row_.resize(static_cast<std::size_t>(rows_.dimension()));
    for (row_number_ = 1; row_number_ <= rows; ++row_number_) read_row();
  }

 private:
  std::int64_t read_header() {
    const bool line = read_until('\n');
    if (bytes_.substr(0, kFastTextMagic.size()) == kFastTextMagic) fail_fasttext();
    if (!line) fail_header();
    std::int64_t rows = 0, dimension = 0;
    const char* const end = bytes_.data() + bytes_.size();
    const auto first = std::from_chars(bytes_.data(), end, rows);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != ' ' || rows < 1) fail_header();
    const auto second = std::from_chars(first.ptr + 1, end, dimension);
    const std::string_view rest(second.ptr, static_cast<std::size_t>(end - second.ptr));
    if (second.ec != std::errc() || rest.find_first_not_of(" \r") != std::string_view::npos) fail_header();
    rows_.set_dimension(dimension, 1);
    return rows;
  }

  void read_row() {
    if (!read_until(' ')) fail_row("ends within a word, or holds a word of more than 64 KiB");
    std::string_view word = bytes_;
    if (!word.empty() && word[0] == '\n')
      word.remove_prefix(1);  // word2vec writes one after each row, gensim none
    const bool wanted = rows_.wants(word);
    const std::string shown = in_quotes(word);
    const std::size_t size = row_.size() * sizeof(float);
    if (!read_bytes(size)) fail_row(fmt::format("ends within the numbers of {}", shown));
    if (!wanted) return;
    std::memcpy(row_.data(), bytes_.data(), size);
    for (std::size_t i = 0; i < row_.size(); ++i) {
      if (std::isfinite(row_[i])) continue;
      throw UserError("{}: row {} ({}), number {}: not a finite number", name_, row_number_, shown, i + 1);
    }
    rows_.take(row_);
  }

  [[noreturn]] void fail_header() const {
    throw UserError("{}:1:1: no line \"rows dimension\" at the start; is this word2vec's binary format?",
                    name_);
  }
  [[noreturn]] void fail_fasttext() const {
    throw UserError("{}:1:1: a fastText model; take the .vec file that belongs to it", name_);
  }
  [[noreturn]] void fail_row(const std::string& what) const {
    throw UserError("{}: row {}: the file {}; get it again", name_, row_number_, what);
  }

  bool refill() {
    if (block_.empty()) block_ = source_.read();
    return !block_.empty();
  }

  // bytes_ = what comes before `end`, which is consumed; false where the source ends first.
  bool read_until(char end) {
    bytes_.clear();
    while (refill()) {
      const std::size_t at = block_.find(end);
      bytes_.append(block_.substr(0, at));
      block_.remove_prefix(at == std::string_view::npos ? block_.size() : at + 1);
      if (at != std::string_view::npos) return bytes_.size() <= kMaxWordBytes;
      if (bytes_.size() > kMaxWordBytes) return false;
    }
    return false;
  }

  bool read_bytes(std::size_t count) {
    bytes_.clear();
    while (bytes_.size() < count && refill()) {
      const std::size_t taken = std::min(count - bytes_.size(), block_.size());
      bytes_.append(block_.substr(0, taken));
      block_.remove_prefix(taken);
    }
    return bytes_.size() == count;
  }

  ByteSource& source_;
  const std::string& name_;
  VectorRows& rows_;
  std::string_view block_;  // what is left of the source's last block
  std::string bytes_;
  std::vector<float> row_;
  std::int64_t row_number_ = 0;
};

}  // namespace

void read_binary_vectors(ByteSource& source, const std::string& name, VectorRows& rows) {
  BinaryVectors(source, name, rows).read();
}

}  // namespace sluice
