#include "host/text/html.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "host/text/ascii.h"
#include "host/text/code_points.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxTagBytes = 4096;

// How "<" and ">" are spelled.
struct Spelling {
  std::string_view open, close;
};
constexpr Spelling kPlain = {"<", ">"};
constexpr Spelling kEscaped = {"&lt;", "&gt;"};

bool has(std::string_view text, std::size_t at, std::string_view word) {
  return text.substr(at, word.size()) == word;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower_case) {
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return ascii::lower(a) == b; });
}

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::any_of(names.begin(), names.end(),
                     [name](std::string_view known) { return equals_ignoring_case(name, known); });
}

constexpr std::array<std::string_view, 12> kInlineTags = {"b",  "i",   "u",   "em",   "strong", "s",
                                                          "tt", "sub", "sup", "font", "small",  "big"};
// The elements of the HTML Living Standard and those it calls obsolete, in the order of their bytes.
constexpr std::array<std::string_view, 143> kElements = {
    "a",        "abbr",       "acronym",    "address",  "applet", "area",     "article", "aside",
    "audio",    "b",          "base",       "basefont", "bdi",    "bdo",      "bgsound", "big",
    "blink",    "blockquote", "body",       "br",       "button", "canvas",   "caption", "center",
    "cite",     "code",       "col",        "colgroup", "data",   "datalist", "dd",      "del",
    "details",  "dfn",        "dialog",     "dir",      "div",    "dl",       "dt",      "em",
    "embed",    "fieldset",   "figcaption", "figure",   "font",   "footer",   "form",    "frame",
    "frameset", "h1",         "h2",         "h3",       "h4",     "h5",       "h6",      "head",
    "header",   "hgroup",     "hr",         "html",     "i",      "iframe",   "image",   "img",
    "input",    "ins",        "isindex",    "kbd",      "keygen", "label",    "legend",  "li",
    "link",     "listing",    "main",       "map",      "mark",   "marquee",  "math",    "menu",
    "menuitem", "meta",       "meter",      "multicol", "nav",    "nobr",     "noembed", "noframes",
    "noscript", "object",     "ol",         "optgroup", "option", "output",   "p",       "param",
    "picture",  "plaintext",  "pre",        "progress", "q",      "rb",       "rp",      "rt",
    "rtc",      "ruby",       "s",          "samp",     "script", "search",   "section", "select",
    "slot",     "small",      "source",     "spacer",   "span",   "strike",   "strong",  "style",
    "sub",      "summary",    "sup",        "svg",      "table",  "tbody",    "td",      "template",
    "textarea", "tfoot",      "th",         "thead",    "time",   "title",    "tr",      "track",
    "tt",       "u",          "ul",         "var",      "video",  "wbr",      "xmp"};

// Also Office's (o:p) and custom elements, which have a colon or a hyphen in their names.
bool is_element(std::string_view name) {
  if (name.find_first_of(":-") != std::string_view::npos) return true;
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), ascii::lower);
  return std::binary_search(kElements.begin(), kElements.end(), lower);
}

constexpr std::array<std::string_view, 12> kBareEntities = {
    "quot", "amp", "lt", "gt", "nbsp", "hellip", "rsquo", "lsquo", "rdquo", "ldquo", "mdash", "ndash"};

// The windows-1252 meaning of 0x80 .. 0x9f (HTML5, "numeric character reference end state"); 0 where it has
// none.
constexpr std::array<char16_t, 32> kWindows1252 = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

char32_t numeric_meaning(char32_t number) {
  if (number >= 0x80 && number < 0xa0 && kWindows1252[number - 0x80] != 0) return kWindows1252[number - 0x80];
  const bool surrogate = number >= 0xd800 && number < 0xe000;
  return number == 0 || number > 0x10ffff || surrogate ? 0xfffd : number;
}

struct Entity {
  char32_t code_point = 0;  // 0: none
  std::size_t length = 0;   // bytes, the ";" with them
};

// The number of an entity whose text after "#" is `body`.
Entity numeric_entity(std::string_view body, bool decimal_only) {
  const bool hexadecimal = !decimal_only && !body.empty() && (body[0] == 'x' || body[0] == 'X');
  std::size_t i = hexadecimal ? 1 : 0;
  const std::size_t first = i;
  char32_t number = 0;
  for (; i < body.size() && i < 10; ++i) {
    const char c = ascii::lower(body[i]);
    const bool digit = ascii::is(c, ascii::kDigit);
    if (!digit && !(hexadecimal && c >= 'a' && c <= 'f')) break;
    const auto value = static_cast<char32_t>(digit ? c - '0' : c - 'a' + 10);
    number = std::min<char32_t>(number * (hexadecimal ? 16 : 10) + value, 0x110000);
  }
  if (i == first || i >= body.size() || body[i] != ';') return {};
  return {numeric_meaning(number), i + 1};
}

// The entity whose text after "&" (or, bare, after the space in its place) is `body`.
Entity entity_in(std::string_view body, bool bare) {
  if (!body.empty() && body[0] == '#') {
    Entity entity = numeric_entity(body.substr(1), bare);
    entity.length += 1;
    return entity;
  }
  constexpr std::size_t kLongestName = 8;
  std::size_t n = 0;
  while (n < body.size() && n <= kLongestName && ascii::is_alnum(body[n])) ++n;
  if (n == 0 || n >= body.size() || body[n] != ';') return {};
  const std::string_view name = body.substr(0, n);
  if (bare && !is_one_of(name, kBareEntities)) return {};
  return {html_entity(name), n + 1};
}

// The index after the tag's close, 0 where no tag ends as it should. `from` is the index after the tag's
// name.
std::size_t tag_end(std::string_view text, std::size_t from, const Spelling& spelling) {
  std::size_t first_close = 0;
  char quote = 0;
  const std::size_t limit = std::min(text.size(), from + kMaxTagBytes);
  for (std::size_t i = from; i < limit; ++i) {
    const char c = text[i];
    if (has(text, i, spelling.open)) break;
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if ((c == '"' || c == '\'') && text[i - 1] == '=') {
      quote = c;
    }
    if (!has(text, i, spelling.close)) continue;
    if (quote == 0) return i + spelling.close.size();
    if (first_close == 0) first_close = i + spelling.close.size();
  }
  return first_close;  // a quote that never closed: the first ">" after all
}

}  // namespace

bool HtmlStripper::take_entity(bool bare, std::string& out) {
  const Entity entity = entity_in(text_.substr(at_ + 1), bare);
  if (entity.code_point == 0) return false;
  if (entity.code_point == 0xa0) {
    out.push_back(' ');
  } else {
    append_utf8(entity.code_point, out);
  }
  at_ += 1 + entity.length;
  return true;
}

bool HtmlStripper::take_comment(std::size_t inside, std::string& out) {
  if (inside >= no_comment_end_) return false;
  for (std::size_t end = text_.find("--", inside); end != kNowhere; end = text_.find("--", end + 1)) {
    for (const std::string_view close : {kPlain.close, kEscaped.close}) {
      if (!has(text_, end + 2, close)) continue;
      at_ = end + 2 + close.size();
      out.push_back(' ');
      return true;
    }
  }
  no_comment_end_ = inside;
  return false;
}

void HtmlStripper::skip_element(std::string_view end_tag, std::size_t& missing_from) {
  if (at_ >= missing_from) return;
  for (std::size_t end = text_.find("</", at_); end != kNowhere; end = text_.find("</", end + 2)) {
    if (!equals_ignoring_case(text_.substr(end + 2, end_tag.size()), end_tag)) continue;
    const std::size_t after = tag_end(text_, end + 2 + end_tag.size(), kPlain);
    at_ = after == 0 ? end + 2 + end_tag.size() : after;
    return;
  }
  missing_from = at_;
}

bool HtmlStripper::take_markup(std::string& out) {
  const Spelling& spelling = text_[at_] == '<' ? kPlain : kEscaped;
  if (!has(text_, at_, spelling.open)) return false;
  std::size_t i = at_ + spelling.open.size();
  if (has(text_, i, "!--")) return take_comment(i + 3, out);
  const bool declaration = i < text_.size() && (text_[i] == '!' || text_[i] == '?');
  const bool end_tag = i < text_.size() && text_[i] == '/';
  if (declaration || end_tag) ++i;
  const std::size_t name_begin = i;
  if (i >= text_.size() || !ascii::is(text_[i], ascii::kLetter)) return false;
  while (i < text_.size() && (ascii::is_alnum(text_[i]) || text_[i] == '-' || text_[i] == ':')) ++i;
  const std::string_view name = text_.substr(name_begin, i - name_begin);
  const bool ends_well = i < text_.size() && (ascii::is_space(text_[i]) || text_[i] == '/');
  if (!ends_well && !has(text_, i, spelling.close)) return false;
  const std::size_t end = declaration || is_element(name) ? tag_end(text_, i, spelling) : 0;
  if (end == 0) return false;
  at_ = end;
  if (!is_one_of(name, kInlineTags)) out.push_back(' ');
  const bool start_tag = !declaration && !end_tag;
  if (start_tag && equals_ignoring_case(name, "script")) skip_element("script", no_script_end_);
  if (start_tag && equals_ignoring_case(name, "style")) skip_element("style", no_style_end_);
  return true;
}

void HtmlStripper::strip(std::size_t bytes, std::string& out) {
  const std::size_t enough = out.size() + bytes;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '<' || c == '&') {
      if (take_markup(out) || (c == '&' && take_entity(false, out))) continue;
    } else if (ascii::is_space(c)) {
      if (c == ' ' && take_entity(true, out)) continue;
      if (out.size() >= enough) return;
    }
    out.push_back(c == '\\' ? ' ' : c);
    ++at_;
  }
}

}  // namespace sluice
