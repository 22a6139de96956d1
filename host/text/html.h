// HTML out of a text: tags, comments, scripts and styles removed, entities decoded.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

// Strips a text piece by piece, so that a long document need not be stripped further than its first tokens
// go. The time is linear in the text, whatever stands in it.
//
// - A tag is "<", an optional "/", the name of an HTML element (or any name with - or : in it), then white
//   space, "/" or ">", and all up to the next ">" outside a quoted value, within 4 KiB and before another
//   "<". So "a < b", "<john@example.com>" and "vector<int>" stay. Tags that only change the look of letters
//   (b, i, em, font ...) vanish; others become a space.
// - Comments, declarations and processing instructions, and all from <script> or <style> to its end tag,
//   become a space.
// - Entities are those of HTML 4, &apos;, and decimal and hexadecimal ones; 128 to 159 mean Windows-1252, as
//   in HTML5. They are decoded once; &nbsp; becomes a plain space.
// - Scraped news (AG News) holds escaped tags (&lt;b&gt;), entities whose & has become a space (as in
//   "America #39;s") and backslashes for line ends and before $. So a tag may be spelled with &lt; and &gt;,
//   a space takes the place of & before # and digits and before the names of some signs, and a backslash
//   becomes a space.
class HtmlStripper {
 public:
  // `text` must stay where it is.
  explicit HtmlStripper(std::string_view text) : text_(text) {}

  // Appends stripped text to `out`: up to the first white space after `bytes` bytes, or to the end.
  void strip(std::size_t bytes, std::string& out);
  bool done() const { return at_ == text_.size(); }
  std::size_t bytes_left() const { return text_.size() - at_; }

 private:
  bool take_entity(bool bare, std::string& out);
  bool take_markup(std::string& out);
  bool take_comment(std::size_t inside, std::string& out);
  void skip_element(std::string_view end_tag, std::size_t& missing_from);

  static constexpr std::size_t kNowhere = std::string_view::npos;
  std::string_view text_;
  std::size_t at_ = 0;
  // Once an end was not found from some place on there is none after it either: nothing is searched twice.
  std::size_t no_comment_end_ = kNowhere, no_script_end_ = kNowhere, no_style_end_ = kNowhere;
};

// The code point of the entity `name`, without "&" and ";"; 0 where HTML 4 has no such entity.
char32_t html_entity(std::string_view name);

}  // namespace sluice
