// Fuzzes one format's reader (FUZZED_FORMAT). The first byte chooses the options, the rest is the file.
// Beside not crashing: only UserError is thrown, of one line; documents keep their promises; and the size of
// the blocks in which the bytes arrive makes no difference.
#include "engine/error.h"
#include "host/readers/documents.h"
#include "host/readers/utf8.h"

#include <cstdlib>
#include <string>

namespace sluice {
namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

ReaderOptions options_from(unsigned char choice) {
  ReaderOptions options;
  options.format = FUZZED_FORMAT;
  options.bad_rows = choice % 3 == 0 ? BadRows::skip : choice % 3 == 1 ? BadRows::replace : BadRows::stop;
  options.labels_required = (choice & 4) != 0;
  if ((choice & 8) != 0) options.header = (choice & 16) != 0 ? HeaderRow::yes : HeaderRow::no;
  if ((choice & 32) != 0) options.max_document_bytes = 5;
  if ((choice & 64) != 0) options.label_separator = "|";
  if ((choice & 128) != 0) options.text_columns = {"text", "meta.title"};
  return options;
}

void check(const Document& document, const ReaderOptions& options) {
  require(find_bad_utf8(document.text) == std::string::npos);
  require(document.text.size() <= options.max_document_bytes);
  require(document.line > 0);
  require(!options.labels_required || !document.labels.empty());
  for (const std::string& label : document.labels) {
    require(find_bad_utf8(label) == std::string::npos);
    require(!label.empty() && label.find_first_of("\n\t") == std::string::npos);
  }
}

// All that is read, and the error if one ends it, in one string.
std::string transcript(std::string_view bytes, const ReaderOptions& options, std::size_t block_bytes) {
  std::string all;
  try {
    DocumentReader reader = read_documents("x", bytes, options, block_bytes);
    Document document;
    while (reader.next(document)) {
      check(document, options);
      all += std::to_string(document.line) + " " + document.text + "\n";
      for (const std::string& label : document.labels) all += label + "\n";
    }
    const ReaderReport& report = reader.report();
    all += std::to_string(report.rows) + " " + std::to_string(report.skipped) + " " +
           std::to_string(report.replaced) + " " + std::to_string(report.truncated) + " " +
           report.first_skipped;
  } catch (const UserError& error) {
    const std::string_view message = error.what();
    require(message.find('\n') == std::string_view::npos && find_bad_utf8(message) == std::string_view::npos);
    all += message;
  }
  return all;
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  const sluice::ReaderOptions options = sluice::options_from(data[0]);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = sluice::transcript(bytes, options, size);
  sluice::require(sluice::transcript(bytes, options, 1 + size % 7) == whole);
  return 0;
}
