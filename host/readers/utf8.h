// UTF-8 (RFC 3629) at the door: nothing invalid, and no NUL, goes further into the program.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

// Index of the first byte of the first NUL or ill-formed sequence; npos where there is none.
std::size_t find_bad_utf8(std::string_view bytes);

// Appends `bytes` to `out` with U+FFFD for each NUL and each ill-formed sequence, cut as Unicode 15,
// section 3.9, "Substitution of Maximal Subparts" recommends.
void append_mended_utf8(std::string_view bytes, std::string& out);

// The longest prefix of at most `limit` bytes that does not end inside a character of valid UTF-8 `text`.
std::string_view utf8_prefix(std::string_view text, std::size_t limit);

}  // namespace sluice
