#include "host/readers/documents.h"

#include "engine/error.h"
#include "host/readers/format.h"
#include "host/readers/inputs.h"
#include "host/readers/words.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

// Long enough for a label after a text of 50 MB; a longer line is not a document.
constexpr std::size_t kMaxLineBytes = std::size_t{64} << 20;

void check_options(const ReaderOptions& options) {
  if (options.text_columns.empty()) throw UserError("data.text_column: is empty: name at least one column");
  const auto is_label = [&](const std::string& name) { return name == options.label_column; };
  if (std::any_of(options.text_columns.begin(), options.text_columns.end(), is_label)) {
    throw UserError("data.text_column: {} is also data.label_column: the label would be part of the text",
                    in_quotes(options.label_column));
  }
  for (auto name = options.text_columns.begin(); name != options.text_columns.end(); ++name) {
    if (std::find(std::next(name), options.text_columns.end(), *name) != options.text_columns.end()) {
      throw UserError("data.text_column: {} is named twice: name it once", in_quotes(*name));
    }
  }
  if (options.label_prefix.empty() ||
      options.label_prefix.find_first_of(" \t\r\n\v\f") != std::string::npos) {
    throw UserError("data.label_prefix: {} must be a word without blanks, such as __label__",
                    in_quotes(options.label_prefix));
  }
  if (options.max_document_bytes == 0) throw UserError("data.max_document_bytes: must be at least 1");
}

struct Extension {
  std::string_view end;
  FileFormat format;
};

constexpr Extension kExtensions[] = {
    {".txt", FileFormat::fasttext}, {".ft", FileFormat::fasttext}, {".csv", FileFormat::csv},
    {".tsv", FileFormat::tsv},      {".jsonl", FileFormat::jsonl}, {".ndjson", FileFormat::jsonl},
    {".json", FileFormat::jsonl},
};

bool drop_suffix(std::string_view& text, std::string_view end) {
  if (text.size() < end.size() || text.substr(text.size() - end.size()) != end) return false;
  text.remove_suffix(end.size());
  return true;
}

FileFormat format_of(const std::string& path, const ReaderOptions& options) {
  FileFormat format = options.format;
  if (format == FileFormat::automatic) {
    std::string_view stem = path;
    if (!drop_suffix(stem, ".gz")) drop_suffix(stem, ".zst");
    for (const Extension& extension : kExtensions) {
      if (drop_suffix(stem, extension.end)) return extension.format;
    }
    if (options.labels_required) {
      throw UserError("{}: its name does not tell its format: give --format fasttext, csv, tsv or jsonl",
                      display_name(path));
    }
    return FileFormat::lines;
  }
  if (format == FileFormat::lines && options.labels_required) {
    throw UserError(
        "--format lines: plain lines have no labels, which are needed here: give fasttext, csv, tsv or "
        "jsonl");
  }
  return format;
}

}  // namespace

// The file being read. The order of members matters: each refers to those before it.
struct OpenFile {
  std::unique_ptr<ByteSource> source;
  TextLines lines;
  std::unique_ptr<RowFormat> rows;

  OpenFile(const Input& input, const ReaderOptions& options, std::vector<std::string>& notes)
      : source(input.open()),
        lines(*source, input.name, std::max(kMaxLineBytes, 2 * options.max_document_bytes),
              options.bad_rows == BadRows::replace) {
    switch (input.format) {
      case FileFormat::automatic:
      case FileFormat::lines:
        rows = make_lines_format(lines);
        break;
      case FileFormat::fasttext:
        rows = make_fasttext_format(lines, options);
        break;
      case FileFormat::csv:
        rows = make_table_format(lines, options, false, notes);
        break;
      case FileFormat::tsv:
        rows = make_table_format(lines, options, true, notes);
        break;
      case FileFormat::jsonl:
        rows = make_jsonl_format(lines, options);
        break;
    }
  }
};

// Behind a pointer, and never moved: what is below refers to `options`.
struct DocumentReader::State {
  State(std::vector<Input> inputs_in, ReaderOptions options_in)
      : inputs(std::move(inputs_in)), options(std::move(options_in)), builder(options) {
    check_options(options);
  }

  bool next(Document& document);
  bool next_of_file(Document& document);
  void end_file();
  void skip_or_stop(Position at, const std::string& message, bool skip);

  std::vector<Input> inputs;
  ReaderOptions options;
  DocumentBuilder builder;
  ReaderReport report;
  std::size_t file = 0;            // index of the file being read, or to be read next
  std::unique_ptr<OpenFile> open;  // null between files
  std::int64_t rows_before = 0;    // report.rows when it was opened
  std::int64_t skipped_before = 0;
};

bool DocumentReader::State::next(Document& document) {
  for (; file < inputs.size(); ++file) {
    if (open == nullptr) {
      rows_before = report.rows;
      skipped_before = report.skipped;
      open = std::make_unique<OpenFile>(inputs[file], options, report.notes);
    }
    if (next_of_file(document)) {
      document.file = static_cast<int>(file);
      return true;
    }
    end_file();
  }
  return false;
}

bool DocumentReader::State::next_of_file(Document& document) {
  for (;;) {
    bool any = true;
    std::optional<RowError> error;
    try {
      any = open->rows->next(document, builder);
    } catch (RowError& thrown) {
      error = std::move(thrown);
    }
    if (!any) return false;
    const bool skip = options.bad_rows == BadRows::skip;
    const bool fatal = error && error->ends_file;
    const std::optional<BadBytes> bad = open->lines.take_bad_bytes();
    if (bad && !open->lines.mend() && !(skip && fatal)) {
      skip_or_stop(*bad, bad_bytes_message(*bad), skip);
      continue;
    }
    if (error) {
      skip_or_stop(error->at, error->message, skip && !fatal);
      continue;
    }
    ++report.rows;
    if (bad) ++report.replaced;
    if (builder.truncated()) ++report.truncated;
    return true;
  }
}

void DocumentReader::State::skip_or_stop(Position at, const std::string& message, bool skip) {
  std::string whole = fmt::format("{}:{}:{}: {}", inputs[file].name, at.line, at.column, message);
  if (!skip) throw UserError("{}", whole);
  if (report.skipped++ == 0) report.first_skipped = std::move(whole);
}

void DocumentReader::State::end_file() {
  open.reset();
  if (report.rows > rows_before) return;
  const std::int64_t skipped = report.skipped - skipped_before;
  if (skipped > 0) {
    throw UserError(
        "{}: none of its {} rows can be used: set data.bad_rows=stop to see what is wrong with the first",
        inputs[file].name, skipped);
  }
  if (options.labels_required) throw UserError("{}: is empty: no documents to read", inputs[file].name);
}

DocumentReader::DocumentReader(std::vector<Input> inputs, ReaderOptions options)
    : state_(std::make_unique<State>(std::move(inputs), std::move(options))) {}
DocumentReader::DocumentReader(DocumentReader&&) noexcept = default;
DocumentReader& DocumentReader::operator=(DocumentReader&&) noexcept = default;
DocumentReader::~DocumentReader() = default;

bool DocumentReader::next(Document& document) {
  return state_->next(document);
}

const ReaderReport& DocumentReader::report() const {
  return state_->report;
}

DocumentReader open_documents(const std::vector<std::string>& files, const ReaderOptions& options) {
  if (std::count(files.begin(), files.end(), "-") > 1)
    throw UserError("-: standard input can be read only once");
  std::vector<Input> inputs;
  for (const std::string& path : files) {
    check_readable(path, !options.labels_required);
    inputs.push_back({display_name(path), format_of(path, options), [path] { return open_file(path); }});
  }
  return DocumentReader(std::move(inputs), options);
}

DocumentReader read_documents(std::string name, std::string_view bytes, const ReaderOptions& options,
                              std::size_t block_bytes) {
  const FileFormat format = format_of(name, options);
  std::vector<Input> inputs;
  inputs.push_back(
      {std::move(name), format, [=] { return std::make_unique<MemorySource>(bytes, block_bytes); }});
  return DocumentReader(std::move(inputs), options);
}

std::string_view format_name(FileFormat format) {
  switch (format) {
    case FileFormat::automatic:
      return "auto";
    case FileFormat::fasttext:
      return "fasttext";
    case FileFormat::csv:
      return "csv";
    case FileFormat::tsv:
      return "tsv";
    case FileFormat::jsonl:
      return "jsonl";
    case FileFormat::lines:
      return "lines";
  }
  return "";
}

}  // namespace sluice
