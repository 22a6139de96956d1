#include "host/text/token_list.h"

#include "host/readers/utf8.h"

namespace sluice {

void TokenList::add(std::string_view token) {
  if (token.size() > kMaxTokenBytes) token = utf8_prefix(token, kMaxTokenBytes);
  arena_.append(token);
  ends_.push_back(arena_.size());
}

void TokenList::clear() {
  arena_.clear();
  ends_.clear();
}

void TokenList::erase(std::size_t first, std::size_t last) {
  if (first >= last) return;
  const std::size_t begin = first == 0 ? 0 : ends_[first - 1];
  const std::size_t bytes = ends_[last - 1] - begin;
  arena_.erase(begin, bytes);
  const auto at = ends_.begin();
  ends_.erase(at + static_cast<std::ptrdiff_t>(first), at + static_cast<std::ptrdiff_t>(last));
  for (std::size_t i = first; i < ends_.size(); ++i) ends_[i] -= bytes;
}

}  // namespace sluice
