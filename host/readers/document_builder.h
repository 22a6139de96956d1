// Puts one document together from what a format found: the rules for text and labels that all formats share.
#pragma once

#include "host/readers/documents.h"
#include "host/readers/text_lines.h"

namespace sluice {

class DocumentBuilder {
 public:
  explicit DocumentBuilder(const ReaderOptions& options) : options_(options) {}

  // Begins `document`, which must stay until finish(); keeps its buffers.
  void start(Document& document, std::int64_t line);

  // Appends a piece of text, after a space if there is text already; cuts at
  // ReaderOptions::max_document_bytes.
  void add_text(std::string_view piece);

  // Adds a label found at `at`, without the blanks around it. Throws RowError for a blank one (where labels
  // are required; else it is none) and for one that holds control characters: labels stand one a line in
  // other files.
  void add_label(std::string_view label, Position at);

  // Throws RowError, at `at`, where labels are required and there is none.
  void finish(Position at);

  bool truncated() const { return truncated_; }

 private:
  const ReaderOptions& options_;
  Document* document_ = nullptr;
  std::size_t labels_ = 0;  // how many of document_->labels are this document's
  bool pieces_ = false;
  bool truncated_ = false;
};

// `text` without the spaces, tabs, CR, VT and FF at its ends.
std::string_view trimmed(std::string_view text);

}  // namespace sluice
