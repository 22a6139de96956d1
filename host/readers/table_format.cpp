// CSV and TSV: which columns are the text and the label, and documents from rows.
#include "engine/error.h"
#include "host/readers/delimited_rows.h"
#include "host/readers/format.h"
#include "host/readers/words.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::size_t kNoColumn = static_cast<std::size_t>(-1);
constexpr std::size_t kMaxLabelFieldBytes = 1u << 16;

class TableFormat : public RowFormat {
 public:
  TableFormat(TextLines& lines, const ReaderOptions& options, bool tabs, std::vector<std::string>& notes)
      : lines_(lines),
        options_(options),
        rows_(lines, tabs, std::max(options.max_document_bytes, kMaxLabelFieldBytes) + 4) {
    if (!read_first_row()) return;
    first_row_waits_ = !find_named_columns();
    if (first_row_waits_) {
      assume_columns(notes);
    } else if (const auto bad = lines_.take_bad_bytes(); bad && !lines_.mend()) {
      throw_at(*bad, "the header is not valid UTF-8: save the file as UTF-8");
    }
    columns_ = rows_.size();
    rows_.set_max_fields(columns_);
  }

  bool next(Document& document, DocumentBuilder& builder) override {
    if (!std::exchange(first_row_waits_, false) && !rows_.next()) return false;
    check_size();
    builder.start(document, rows_.begin().line);
    for (const std::size_t column : text_) builder.add_text(rows_.field(column).value);
    if (label_ != kNoColumn) {
      add_labels(rows_.field(label_), builder);
      builder.finish(rows_.field(label_).at);
    } else {
      builder.finish(rows_.begin());
    }
    return true;
  }

 private:
  // Without a first row nothing can be known of the columns: whatever is wrong with it ends the reading.
  bool read_first_row() {
    bool any = false;
    std::optional<RowError> error;
    try {
      any = rows_.next();
    } catch (RowError& thrown) {
      error = std::move(thrown);
    }
    const std::optional<BadBytes> bad = lines_.take_bad_bytes();
    if (bad && options_.bad_rows == BadRows::stop) throw_at(*bad, bad_bytes_message(*bad));
    if (error) throw_at(error->at, error->message);
    if (bad) lines_.note_bad_bytes(*bad);  // if this is no header, it is a row like others
    if (!any) return false;
    if (rows_.size() > rows_.max_fields()) {
      throw_at(rows_.first_extra(),
               fmt::format("more than {} columns: is this file of the format that was given?",
                           rows_.max_fields()));
    }
    return true;
  }

  [[noreturn]] void throw_at(Position at, const std::string& message) const {
    throw UserError("{}:{}:{}: {}", lines_.name(), at.line, at.column, message);
  }

  void check_size() const {
    if (rows_.size() == columns_) return;
    const bool few = rows_.size() < columns_;
    throw RowError{
        few ? rows_.end() : rows_.first_extra(),
        fmt::format("{} field{} where {} are expected: {}", rows_.size(), rows_.size() == 1 ? "" : "s",
                    columns_, few ? "add what is missing" : "quote a field that holds the separator")};
  }

  std::vector<std::string> first_row_names() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < rows_.size(); ++i) names.emplace_back(trimmed(rows_.field(i).value));
    return names;
  }

  // Takes the first row as the header; false, if header = auto, where it does not look like one.
  bool find_named_columns() {
    if (options_.header == HeaderRow::no) return false;
    const std::vector<std::string> names = first_row_names();
    const auto has = [&](const std::string& name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    const bool any = std::any_of(options_.text_columns.begin(), options_.text_columns.end(), has) ||
                     has(options_.label_column);
    const ReaderOptions defaults;
    const bool named =
        options_.text_columns != defaults.text_columns || options_.label_column != defaults.label_column;
    // Whoever names columns has a header: a misspelt name must not turn the header into a document.
    if (options_.header == HeaderRow::automatic && !any && !named) return false;
    for (const std::string& name : options_.text_columns)
      text_.push_back(find_column(names, name, "data.text_column"));
    if (options_.labels_required || has(options_.label_column)) {
      label_ = find_column(names, options_.label_column, "data.label_column");
    }
    return true;
  }

  std::size_t find_column(const std::vector<std::string>& names, const std::string& name,
                          const char* option) const {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      throw_at(rows_.begin(),
               fmt::format("no column {}: the first row has {}; set {}{}, or data.header=no "
                           "if there is no header",
                           in_quotes(name), list_in_quotes(names), option, nearest_in_brackets(name, names)));
    }
    if (std::find(found + 1, names.end(), name) != names.end()) {
      throw_at(rows_.begin(), fmt::format("two columns are called {}: rename one", in_quotes(name)));
    }
    return static_cast<std::size_t>(found - names.begin());
  }

  // No header: label, then text.
  void assume_columns(std::vector<std::string>& notes) {
    const std::size_t count = rows_.size();
    const bool text_only = count == 1 && !options_.labels_required;
    if (!text_only && count != 2) {
      throw_at(
          rows_.begin(),
          fmt::format("the first row does not name {}: it has {}; name columns with data.text_column and "
                      "data.label_column (only two columns, label then text, can be read without a header)",
                      wanted_names(), list_in_quotes(first_row_names())));
    }
    text_ = {count - 1};
    if (!text_only) label_ = 0;
    notes.push_back(fmt::format("{}: {} assumed: {}", lines_.name(),
                                text_only ? "one column, the text," : "two columns, label then text,",
                                options_.header == HeaderRow::no
                                    ? "data.header=no"
                                    : "the first row does not name " + wanted_names()));
  }

  std::string wanted_names() const {
    return list_in_quotes(options_.text_columns) + " and " + in_quotes(options_.label_column);
  }

  void add_labels(const Field& field, DocumentBuilder& builder) const {
    if (field.value.size() > kMaxLabelFieldBytes) {
      throw RowError{field.at, fmt::format("labels of more than {} bytes: are text and label swapped?",
                                           kMaxLabelFieldBytes)};
    }
    std::string_view rest = field.value;
    const std::string& separator = options_.label_separator;
    for (;;) {
      const std::size_t end = separator.empty() ? std::string_view::npos : rest.find(separator);
      builder.add_label(rest.substr(0, end), field.at);
      if (end == std::string_view::npos) return;
      rest.remove_prefix(end + separator.size());
    }
  }

  TextLines& lines_;
  const ReaderOptions& options_;
  DelimitedRows rows_;
  std::size_t columns_ = 0;
  std::vector<std::size_t> text_;  // columns of the text, in the order they are joined
  std::size_t label_ = kNoColumn;
  bool first_row_waits_ = false;  // the first row is a document that was read already
};

}  // namespace

std::unique_ptr<RowFormat> make_table_format(TextLines& lines, const ReaderOptions& options, bool tabs,
                                             std::vector<std::string>& notes) {
  return std::make_unique<TableFormat>(lines, options, tabs, notes);
}

}  // namespace sluice
