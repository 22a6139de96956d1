// Cuts a text into spans that can be worked on by themselves, so that ASCII need never go through ICU and no
// buffer grows with the text.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice {

// Note [Where a text may be cut]: before ASCII white space (or a control) NFKC, case folding and UAX #29 all
// have a boundary: nothing composes with a preceding character across it, folding looks at one code point,
// and no rule of word breaking joins it to a letter before it. The ideographic comma and full stop (U+3001,
// U+3002) are as safe.
struct Span {
  std::string_view text;
  bool ascii;  // else every run of it (what stands between ASCII white space) has a byte >= 0x80
};

inline constexpr std::size_t kMaxSpanBytes = 4096;

// The span at the start of `text`, which is not empty. At most kMaxSpanBytes long; ends before white space or
// at the end of the text, and only where a run alone is longer than the limit before U+3001, U+3002, or,
// failing these, between any two code points.
Span next_span(std::string_view text);

}  // namespace sluice
