#include "host/text/spans.h"

#include <algorithm>

#include "host/readers/utf8.h"
#include "host/text/ascii.h"
#include "host/text/code_points.h"

namespace sluice {
namespace {

// Where the run of text[0 .. limit] that reaches past the limit is cut.
std::size_t cut_long_run(std::string_view text, std::size_t limit) {
  const std::string_view head = text.substr(0, limit);
  const std::size_t cut = std::max(head.rfind("\u3001") + 1, head.rfind("\u3002") + 1);  // npos + 1 == 0
  if (cut > 1) return cut - 1;
  const std::size_t whole = utf8_prefix(text, limit).size();
  return whole > 0 ? whole : limit;  // nothing but tail bytes: garbage, cut anywhere
}

// The length of the head of `text` that is at most the limit and ends where a text may be cut.
std::size_t block_length(std::string_view text) {
  if (text.size() <= kMaxSpanBytes) return text.size();
  for (std::size_t end = kMaxSpanBytes; end > 0; --end) {
    if (ascii::is_space(text[end])) return end;
  }
  return cut_long_run(text, kMaxSpanBytes);
}

}  // namespace

Span next_span(std::string_view text) {
  const std::string_view block = text.substr(0, block_length(text));
  std::size_t high = find_high(block);
  if (high == block.size()) return {block, true};
  std::size_t run = high;  // the start of the run with the first high byte
  while (run > 0 && !ascii::is_space(block[run - 1])) --run;
  // White space before it goes to the span before it.
  if (run > 0) return {block.substr(0, run), true};
  std::size_t end = high;
  while (true) {
    while (end < block.size() && !ascii::is_space(block[end])) ++end;
    std::size_t next = end;
    while (next < block.size() && ascii::is_space(block[next])) ++next;
    std::size_t next_end = next;
    bool next_high = false;
    for (; next_end < block.size() && !ascii::is_space(block[next_end]); ++next_end) {
      next_high = next_high || ascii::is_high(block[next_end]);
    }
    if (!next_high) return {block.substr(0, end), false};
    end = next_end;
  }
}

}  // namespace sluice
