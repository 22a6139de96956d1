// One file's rows in one format, and the formats there are.
#pragma once

#include "host/readers/document_builder.h"
#include "host/readers/documents.h"
#include "host/readers/text_lines.h"

#include <memory>
#include <string>
#include <vector>

namespace sluice {

class RowFormat {
 public:
  virtual ~RowFormat() = default;
  // Reads the next row into `builder`'s next document, `document`; false at the end. Throws RowError for a
  // bad row, which is consumed.
  virtual bool next(Document& document, DocumentBuilder& builder) = 0;
};

// Each reads from `lines`; `lines` and `options` must outlive it.
std::unique_ptr<RowFormat> make_lines_format(TextLines& lines);
std::unique_ptr<RowFormat> make_fasttext_format(TextLines& lines, const ReaderOptions& options);
std::unique_ptr<RowFormat> make_jsonl_format(TextLines& lines, const ReaderOptions& options);

// Reads the header, if there is one: throws UserError for wrong column names and for a first row that is
// broken. Says in `notes` what it assumed. `tabs`: TSV, else CSV.
std::unique_ptr<RowFormat> make_table_format(TextLines& lines, const ReaderOptions& options, bool tabs,
                                             std::vector<std::string>& notes);

}  // namespace sluice
