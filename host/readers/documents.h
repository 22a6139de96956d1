// Reading labelled (or plain) documents from text files, one at a time: memory does not grow with the files.
//
// Formats, each plain, gzip- or zstd-compressed (told apart by content):
//   fasttext  one document a line; words that begin with "__label__" are its labels, wherever they stand
//   csv       RFC 4180: quotes, doubled quotes, line breaks inside quotes; rows end in LF or CRLF
//   tsv       fields between tabs; quotes mean nothing
//   jsonl     one JSON object a line (RFC 8259); a column name is a dotted path: "meta.title"
//   lines     one text a line, no labels
// Blank lines are no rows, except in `lines` and in unlabelled `fasttext`, where each is an empty document so
// that documents and lines stay in step. Text is UTF-8; a byte order mark is dropped. Columns in messages
// count bytes from 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

enum class FileFormat { automatic, fasttext, csv, tsv, jsonl, lines };
enum class HeaderRow { automatic, yes, no };
enum class BadRows { stop, skip, replace };

struct ReaderOptions {
  // automatic: by extension, .txt .ft fasttext, .csv, .tsv, .jsonl .ndjson .json, each with or without .gz or
  // .zst. Standard input and other extensions: an error when labels are required, else lines.
  FileFormat format = FileFormat::automatic;
  std::vector<std::string> text_columns = {"text"};  // several are joined by one space, in this order
  std::string label_column = "label";
  // csv and tsv. automatic: the first row is a header when it names the text and label columns; when it names
  // none of them and they are the defaults, the columns are taken to be label, text (one column: text) and a
  // note says so.
  HeaderRow header = HeaderRow::automatic;
  // Rows with invalid UTF-8 or NUL: stop with an error, skip the row, or put U+FFFD for each bad sequence.
  // Rows broken in another way (too few fields, broken JSON, empty label): skip skips them, the others stop.
  BadRows bad_rows = BadRows::stop;
  std::string label_prefix = "__label__";  // fasttext
  std::string label_separator;  // csv and tsv: splits the label field, as "|" in "sport|news"; "" = never
  std::size_t max_document_bytes = 1u << 20;  // longer text is cut, at a character's boundary, and counted
  bool labels_required = true;                // every document has a label, or its row is bad
};

struct Document {
  std::string text;  // valid UTF-8 without NUL
  std::vector<std::string>
      labels;             // distinct, in their order; none blank or with control characters; ends trimmed
  int file = 0;           // index into the files given
  std::int64_t line = 0;  // the line its row begins on, from 1
};

struct ReaderReport {
  std::int64_t rows = 0;           // documents handed out
  std::int64_t skipped = 0;        // rows left out (BadRows::skip)
  std::int64_t replaced = 0;       // rows in which bad bytes were replaced (BadRows::replace)
  std::int64_t truncated = 0;      // documents cut to max_document_bytes
  std::string first_skipped;       // what was wrong with the first row left out: file:line:column: why
  std::vector<std::string> notes;  // one line each: what was assumed about a file
};

class ByteSource;
struct Input;  // inputs.h

// Hands out the documents of several files, in order.
class DocumentReader {
 public:
  DocumentReader(std::vector<Input> inputs, ReaderOptions options);
  DocumentReader(DocumentReader&&) noexcept;
  DocumentReader& operator=(DocumentReader&&) noexcept;
  ~DocumentReader();

  // Reads the next document into `document`, whose buffers it reuses; false after the last one.
  // Throws UserError (file:line:column: what, what to do) for a bad row or file, where documents need labels
  // also for a file without any row; Failure when the machine fails to read.
  bool next(Document& document);

  const ReaderReport& report() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Opens files for reading, "-" being standard input (at most once). Throws UserError where a file is missing,
// a directory, not readable or (where documents need labels) empty, where its format cannot be told, and for
// options that contradict each other.
DocumentReader open_documents(const std::vector<std::string>& files, const ReaderOptions& options);

// Reads documents from `bytes` (not copied: must outlive the reader) as if from a file called `name`, handed
// to the parser in blocks of `block_bytes`.
DocumentReader read_documents(std::string name, std::string_view bytes, const ReaderOptions& options,
                              std::size_t block_bytes = 1u << 16);

// The word for a format in options and messages: "csv".
std::string_view format_name(FileFormat format);

}  // namespace sluice
