#include "host/readers/words.h"

#include "host/readers/utf8.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace sluice {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);  // distances of a's prefix to each prefix of b
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (lower(a[i]) == lower(b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

constexpr std::size_t kShown = 40;      // bytes of one name
constexpr std::size_t kMostNames = 10;  // of a list

}  // namespace

std::string in_quotes(std::string_view text) {
  std::string mended;
  append_mended_utf8(text.substr(0, kShown + 4), mended);
  const std::string_view shown = utf8_prefix(mended, kShown);
  std::string out = "'";
  for (const char c : shown) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + (text.size() > kShown ? "...'" : "'");
}

std::string list_in_quotes(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kMostNames); ++i) {
    out += (i == 0 ? "" : ", ") + in_quotes(names[i]);
  }
  if (names.size() > kMostNames) out += fmt::format(" and {} more", names.size() - kMostNames);
  return out;
}

std::string nearest_name(std::string_view wanted, const std::vector<std::string>& names) {
  std::string best;
  std::size_t least = std::max<std::size_t>(1, (wanted.size() + 2) / 3) + 1;
  for (const std::string& name : names) {
    // A long name is never near; its table would be large.
    const std::size_t distance = edit_distance(wanted.substr(0, 200), std::string_view(name).substr(0, 200));
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view wanted, const std::vector<std::string>& names) {
  const std::string nearest = nearest_name(wanted, names);
  return nearest.empty() ? "" : fmt::format(": did you mean {}?", in_quotes(nearest));
}

std::string nearest_in_brackets(std::string_view wanted, const std::vector<std::string>& names) {
  const std::string nearest = nearest_name(wanted, names);
  return nearest.empty() ? "" : fmt::format(" (nearest: {})", in_quotes(nearest));
}

}  // namespace sluice
