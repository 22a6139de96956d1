// The tokens of one text: one arena of bytes and the end of each token in it, reused from text to text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

class TokenList {
 public:
  // A longer token (base64, a line of dashes) is cut here, between two code points: it will never be a known
  // word.
  static constexpr std::size_t kMaxTokenBytes = 256;

  std::size_t size() const { return ends_.size(); }
  bool empty() const { return ends_.empty(); }
  // Valid until the list is changed.
  std::string_view operator[](std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(arena_).substr(begin, ends_[i] - begin);
  }

  void add(std::string_view token);
  void clear();
  // Removes tokens first .. last-1.
  void erase(std::size_t first, std::size_t last);

 private:
  std::string arena_;
  std::vector<std::size_t> ends_;
};

}  // namespace sluice
