#include "host/text/email.h"

#include <algorithm>
#include <array>

#include "host/text/ascii.h"

namespace sluice {
namespace {

constexpr std::array<std::string_view, 9> kTellingFields = {
    "from", "to", "subject", "date", "message-id", "newsgroups", "path", "received", "return-path"};

bool same_ignoring_case(std::string_view text, std::string_view lower_case) {
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return ascii::lower(a) == b; });
}

// The name of the header field a line holds: printable ASCII without a colon, then a colon. Empty where it
// holds none.
std::string_view field_name(std::string_view line) {
  std::size_t n = 0;
  while (n < line.size() && line[n] > ' ' && line[n] < 0x7f && line[n] != ':') ++n;
  return n < line.size() && line[n] == ':' ? line.substr(0, n) : std::string_view();
}

}  // namespace

std::string_view strip_email_headers(std::string_view text) {
  bool telling = false;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t newline = text.find('\n', at);
    if (newline == std::string_view::npos)
      return text;  // no empty line: nothing says where a body would begin
    std::string_view line = text.substr(at, newline - at);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const bool first = at == 0;
    at = newline + 1;
    if (line.empty()) return telling ? text.substr(at) : text;
    const bool continuation = line[0] == ' ' || line[0] == '\t';
    const bool mbox = first && line.substr(0, 5) == "From ";
    if (continuation || mbox) continue;
    const std::string_view name = field_name(line);
    if (name.empty()) return text;
    telling =
        telling || std::any_of(kTellingFields.begin(), kTellingFields.end(),
                               [name](std::string_view field) { return same_ignoring_case(name, field); });
  }
  return text;
}

}  // namespace sluice
