#include "host/readers/document_builder.h"

#include "host/readers/utf8.h"
#include "host/readers/words.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

constexpr std::size_t kMaxLabelBytes = 1000;

}  // namespace

void DocumentBuilder::start(Document& document, std::int64_t line) {
  document_ = &document;
  document.text.clear();
  document.line = line;
  labels_ = 0;
  pieces_ = false;
  truncated_ = false;
}

void DocumentBuilder::add_text(std::string_view piece) {
  std::string& text = document_->text;
  const std::size_t limit = options_.max_document_bytes;
  const bool joined = std::exchange(pieces_, true);
  if (truncated_) return;
  const std::size_t space = joined ? 1 : 0;
  if (text.size() + space + piece.size() > limit) {
    truncated_ = true;
    if (text.size() + space > limit) return;
  }
  text.append(space, ' ');
  text.append(utf8_prefix(piece, limit - text.size()));
}

void DocumentBuilder::add_label(std::string_view label, Position at) {
  label = trimmed(label);
  if (label.empty()) {
    if (!options_.labels_required) return;
    throw RowError{at, "empty label: name the document's class"};
  }
  if (label.size() > kMaxLabelBytes) {
    throw RowError{at, fmt::format("a label of {} bytes, {}: are text and label swapped?", label.size(),
                                   in_quotes(label))};
  }
  for (const char c : label) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      throw RowError{
          at, "control character in label " + in_quotes(label) + ": a label is one line of plain text"};
    }
  }
  std::vector<std::string>& labels = document_->labels;
  const auto end = labels.begin() + static_cast<std::ptrdiff_t>(labels_);
  if (std::find(labels.begin(), end, label) != end) return;
  if (labels_ < labels.size()) {
    labels[labels_].assign(label);
  } else {
    labels.emplace_back(label);
  }
  ++labels_;
}

void DocumentBuilder::finish(Position at) {
  document_->labels.resize(labels_);
  if (labels_ == 0 && options_.labels_required) throw RowError{at, "no label: every document needs one"};
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\v\f";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace sluice
