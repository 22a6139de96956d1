#include "host/text/pipeline.h"

#include <algorithm>
#include <string>
#include <utility>

#include "host/readers/utf8.h"
#include "host/text/ascii.h"
#include "host/text/email.h"
#include "host/text/fold.h"
#include "host/text/html.h"
#include "host/text/spans.h"
#include "host/text/stemmer.h"
#include "host/text/stop_words.h"
#include "host/text/tokenizer.h"
#include "host/text/unicode.h"

namespace sluice {
namespace {

constexpr std::size_t kHtmlPieceBytes = 1u << 16;

std::shared_ptr<const StopWords> load_stop_words(const std::string& option) {
  if (option == "none") return nullptr;
  return std::make_shared<const StopWords>(option == "english" ? StopWords::english()
                                                               : StopWords::open(option));
}

// The length of the run at the start of `text`, or of the white space if `space`.
std::size_t stretch_length(std::string_view text, bool space) {
  std::size_t n = 0;
  while (n < text.size() && ascii::is_space(text[n]) == space) ++n;
  return n;
}

// How many of the first and of the last tokens truncation keeps.
struct Quota {
  std::size_t head, tail;
};

Quota quota_of(const TextOptions& options) {
  const auto most = static_cast<std::size_t>(options.max_tokens);
  if (options.truncate == "head") return {most, 0};
  if (options.truncate == "tail") return {0, most};
  return {most - most / 2, most / 2};
}

}  // namespace

struct TextPipeline::Parts {
  Parts(const TextOptions& chosen, std::shared_ptr<const StopWords> words)
      : options(chosen),
        limited(chosen.max_tokens > 0),
        quota(quota_of(chosen)),
        folder(chosen.urls == "fold", chosen.numbers == "fold", chosen.users == "fold"),
        tokenizer(make_tokenizer(chosen)),
        stop_words(std::move(words)),
        stemmer(chosen.stemmer == "none" ? nullptr : std::make_unique<Stemmer>(chosen.stemmer)) {}

  std::string_view clean(std::string_view span, bool ascii_only);
  bool add_text(std::string_view text, TokenList& out);
  void add_run(std::string_view run, TokenList& out);
  void add_piece(std::string_view piece, bool after, TokenList& out);
  void drop_middle(TokenList& out, std::size_t slack);

  const TextOptions options;
  const bool limited;
  const Quota quota;
  const Folder folder;
  const std::unique_ptr<Tokenizer> tokenizer;
  const std::shared_ptr<const StopWords> stop_words;
  const std::unique_ptr<Stemmer> stemmer;

  // The state of one text.
  bool after_space = false;
  Truncation truncation;

  // Buffers, reused.
  std::string stripped, repaired, normalized, folded, folded_token;
  TokenList raw;
};

// The span normalised and case-folded, held by the span or by one of the buffers.
std::string_view TextPipeline::Parts::clean(std::string_view span, bool ascii_only) {
  if (ascii_only) {
    if (!options.lowercase) return span;
    folded.resize(span.size());
    std::transform(span.begin(), span.end(), folded.begin(), ascii::lower);
    return folded;
  }
  if (find_bad_utf8(span) != std::string_view::npos) {
    repaired.clear();
    append_mended_utf8(span, repaired);
    span = repaired;
  }
  const bool nfkc = options.normalize == "nfkc";
  if (nfkc) span = normalize_nfkc(span, normalized);
  if (options.lowercase) {
    fold_case(span, folded);
    // Folding a normal text need not give a normal one.
    span = nfkc ? normalize_nfkc(folded, normalized) : std::string_view(folded);
  }
  return span;
}

// Adds the tokens of `text`; true as soon as there are more than truncation keeps of a head.
bool TextPipeline::Parts::add_text(std::string_view text, TokenList& out) {
  const bool only_head = limited && quota.tail == 0;
  while (!text.empty()) {
    const Span span = next_span(text);
    text.remove_prefix(span.text.size());
    std::string_view left = clean(span.text, span.ascii);
    while (!left.empty()) {
      const std::size_t space = stretch_length(left, true);
      after_space = after_space || space > 0;
      left.remove_prefix(space);
      const std::size_t length = stretch_length(left, false);
      if (length > 0) add_run(left.substr(0, length), out);
      left.remove_prefix(length);
      if (only_head && out.size() > quota.head) {
        truncation.unread_bytes = left.size() + text.size();
        return true;
      }
    }
    if (limited) drop_middle(out, quota.tail + 1024);
  }
  return false;
}

// Adds the tokens of a run, folded stretches as one token each.
void TextPipeline::Parts::add_run(std::string_view run, TokenList& out) {
  bool after = std::exchange(after_space, false);
  if (!folder.active()) return add_piece(run, after, out);
  std::size_t done = 0;
  while (done < run.size()) {
    const FoldedStretch stretch = folder.next(run, done);
    if (stretch.token.empty()) break;
    if (stretch.begin > done) {
      add_piece(run.substr(done, stretch.begin - done), after, out);
      after = false;
    }
    tokenizer->keep(stretch.token, after, out);
    after = false;
    done = stretch.end;
  }
  if (done < run.size()) add_piece(run.substr(done), after, out);
}

// Adds the tokens of a piece of text that are no stop words, stemmed.
void TextPipeline::Parts::add_piece(std::string_view piece, bool after, TokenList& out) {
  if (stop_words == nullptr && stemmer == nullptr) return tokenizer->split(piece, after, out);
  raw.clear();
  tokenizer->split(piece, after, raw);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    std::string_view token = raw[i];
    if (stop_words != nullptr) {
      if (!options.lowercase) fold_case(token, folded_token);
      if (stop_words->contains(options.lowercase ? token : folded_token)) continue;
    }
    if (stemmer != nullptr) {
      const std::string_view stem = stemmer->stem(token);
      if (!stem.empty()) token = stem;
    }
    out.add(token);
  }
}

// Leaves the head and the tail that truncation keeps, once more than `slack` tokens lie between them.
void TextPipeline::Parts::drop_middle(TokenList& out, std::size_t slack) {
  const std::size_t kept = quota.head + quota.tail;
  if (out.size() <= kept + slack) return;
  truncation.truncated = true;
  truncation.dropped_tokens += out.size() - kept;
  out.erase(quota.head, out.size() - quota.tail);
}

TextPipeline::TextPipeline(const TextOptions& options) {
  check(options);
  parts_ = std::make_unique<Parts>(options, load_stop_words(options.stop_words));
}
TextPipeline::TextPipeline(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TextPipeline::~TextPipeline() = default;
TextPipeline::TextPipeline(TextPipeline&&) noexcept = default;
TextPipeline& TextPipeline::operator=(TextPipeline&&) noexcept = default;

TextPipeline TextPipeline::clone() const {
  return TextPipeline(std::make_unique<Parts>(parts_->options, parts_->stop_words));
}

const TextOptions& TextPipeline::options() const {
  return parts_->options;
}

Truncation TextPipeline::run(std::string_view text, TokenList& out) {
  Parts& parts = *parts_;
  out.clear();
  parts.after_space = false;
  parts.truncation = {};
  if (parts.options.email_headers == "strip") text = strip_email_headers(text);
  if (parts.options.html == "strip") {
    HtmlStripper stripper(text);
    bool enough = false;
    while (!enough && !stripper.done()) {
      parts.stripped.clear();
      stripper.strip(kHtmlPieceBytes, parts.stripped);
      enough = parts.add_text(parts.stripped, out);
    }
    if (enough) parts.truncation.unread_bytes += stripper.bytes_left();
  } else {
    parts.add_text(text, out);
  }
  if (parts.limited) parts.drop_middle(out, 0);
  return parts.truncation;
}

}  // namespace sluice
