// The formats that have one document a line and no columns: plain lines, and fastText's.
#include "host/readers/format.h"

namespace sluice {
namespace {

class LinesFormat : public RowFormat {
 public:
  explicit LinesFormat(TextLines& lines) : lines_(lines) {}

  bool next(Document& document, DocumentBuilder& builder) override {
    Line line;
    if (!lines_.next(line)) return false;
    builder.start(document, line.number);
    if (!line.bytes.empty() && line.bytes.back() == '\r') line.bytes.remove_suffix(1);
    builder.add_text(line.bytes);
    builder.finish({line.number, 1});
    return true;
  }

 private:
  TextLines& lines_;
};

constexpr std::string_view kBlanks = " \t\r\v\f";

// fastText's format: https://fasttext.cc/docs/en/supervised-tutorial.html. A word that begins with the prefix
// is a label wherever it stands; the text is the rest.
class FasttextFormat : public RowFormat {
 public:
  FasttextFormat(TextLines& lines, const ReaderOptions& options)
      : lines_(lines), prefix_(options.label_prefix), blank_is_document_(!options.labels_required) {}

  bool next(Document& document, DocumentBuilder& builder) override {
    Line line;
    do {
      if (!lines_.next(line)) return false;
    } while (!blank_is_document_ && trimmed(line.bytes).empty());
    builder.start(document, line.number);
    std::size_t at = 0;
    while (at < line.bytes.size()) {
      const std::size_t label = find_label(line.bytes, at);
      add_text(line.bytes.substr(at, label - at), builder);
      if (label == std::string_view::npos) break;
      at = std::min(line.bytes.find_first_of(kBlanks, label), line.bytes.size());
      builder.add_label(line.bytes.substr(label + prefix_.size(), at - label - prefix_.size()),
                        {line.number, static_cast<std::int64_t>(label) + 1});
    }
    builder.finish({line.number, 1});
    return true;
  }

 private:
  // Where the next word with the prefix begins, at or after `at`, which is not inside a word.
  std::size_t find_label(std::string_view bytes, std::size_t at) const {
    for (std::size_t found = bytes.find(prefix_, at); found != std::string_view::npos;
         found = bytes.find(prefix_, found + 1)) {
      if (found == 0 || kBlanks.find(bytes[found - 1]) != std::string_view::npos) return found;
    }
    return std::string_view::npos;
  }

  static void add_text(std::string_view piece, DocumentBuilder& builder) {
    piece = trimmed(piece);
    if (!piece.empty()) builder.add_text(piece);
  }

  TextLines& lines_;
  std::string_view prefix_;
  bool blank_is_document_;
};

}  // namespace

std::unique_ptr<RowFormat> make_lines_format(TextLines& lines) {
  return std::make_unique<LinesFormat>(lines);
}

std::unique_ptr<RowFormat> make_fasttext_format(TextLines& lines, const ReaderOptions& options) {
  return std::make_unique<FasttextFormat>(lines, options);
}

}  // namespace sluice
