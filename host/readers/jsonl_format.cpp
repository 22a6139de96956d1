// JSON lines: one object a line (RFC 8259), parsed by simdjson's on-demand front end.
//
// Note [every value is visited]
// On-demand parsing checks what it is asked for and no more: `{"text": "a", "label": "b", oops` would pass.
// So every value of a line is visited, wanted or not: cheap beside tokenising, and a broken line is found
// where it breaks.
#include "host/readers/format.h"
#include "host/readers/utf8.h"
#include "host/readers/words.h"

#include <fmt/core.h>
#include <simdjson.h>

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

namespace ondemand = simdjson::ondemand;
using ondemand::json_type;

constexpr int kMaxDepth = 100;
// simdjson's buffers grow with the longest line: after one of more than this they are given back.
constexpr std::size_t kOrdinaryBytes = 1u << 22;

// Whether `token` is a number (RFC 8259, section 6). Its size is no matter: nothing computes with it.
bool is_number(std::string_view token) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < token.size() && token[at] >= '0' && token[at] <= '9') ++at;
    return at - begin;
  };
  const auto take = [&](std::string_view any_of) {
    const bool is = at < token.size() && any_of.find(token[at]) != std::string_view::npos;
    at += is ? 1 : 0;
    return is;
  };
  take("-");
  const bool zero = at < token.size() && token[at] == '0';
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (take(".") && digits() == 0) return false;
  if (take("eE")) {
    take("+-");
    if (digits() == 0) return false;
  }
  return at == token.size();
}

bool is_literal(std::string_view token) {
  return token == "true" || token == "false" || token == "null" || is_number(token);
}

// A scalar's own characters: simdjson's token reaches to the next one.
std::string_view raw_token(ondemand::value value) {
  const std::string_view token = value.raw_json_token();
  return token.substr(0, token.find_last_not_of(" \t\r") + 1);
}

const char* type_name(json_type type) {
  switch (type) {
    case json_type::array:
      return "an array";
    case json_type::object:
      return "an object";
    case json_type::number:
      return "a number";
    case json_type::string:
      return "a string";
    case json_type::boolean:
      return "a boolean";
    case json_type::null:
      return "null";
  }
  return "something else";
}

class JsonlFormat : public RowFormat {
 public:
  JsonlFormat(TextLines& lines, const ReaderOptions& options)
      : lines_(lines),
        options_(options),
        texts_(options.text_columns.size()),
        parser_(std::make_unique<ondemand::parser>()) {}

  bool next(Document& document, DocumentBuilder& builder) override {
    do {
      if (!lines_.next(line_)) return false;
    } while (!line_.cut && trimmed(line_.bytes).empty());
    if (line_.cut) {
      throw RowError{
          {line_.number, 1},
          fmt::format("a line of more than {} bytes: write one object a line", line_.bytes.size())};
    }
    if (parser_->capacity() > kOrdinaryBytes && line_.bytes.size() < kOrdinaryBytes) {
      parser_ = std::make_unique<ondemand::parser>();
    }
    builder_ = &builder;
    builder.start(document, line_.number);
    for (Text& text : texts_) text.found = false;
    label_at_.reset();
    parse_line();
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      if (!texts_[i].found) throw_missing(options_.text_columns[i], "data.text_column");
      builder.add_text(texts_[i].value);
    }
    if (!label_at_ && options_.labels_required) throw_missing(options_.label_column, "data.label_column");
    builder.finish(label_at_.value_or(Position{line_.number, 1}));
    return true;
  }

 private:
  struct Text {
    std::string value;
    bool found = false;
  };

  void parse_line() {
    ondemand::document json;
    if (const auto error = start(json); error != simdjson::SUCCESS) throw_broken(error, nullptr);
    try {
      path_.clear();
      visit_object(json.get_object().value(), 1);
      const char* rest = nullptr;
      if (json.current_location().get(rest) == simdjson::SUCCESS) throw_broken(simdjson::TAPE_ERROR, rest);
    } catch (const simdjson::simdjson_error& error) {
      const char* where = nullptr;
      if (json.current_location().get(where) != simdjson::SUCCESS) where = nullptr;
      throw_broken(error.error(), where);
    }
  }

  simdjson::error_code start(ondemand::document& json) {
    const std::string_view bytes = line_.bytes;
    const std::size_t first = bytes.find_first_not_of(" \t\r");
    if (first != std::string_view::npos && bytes[first] != '{') {
      throw RowError{position(bytes.data() + first),
                     "not a JSON object: write one object a line, as jq -c '.[]' makes of an array"};
    }
    return parser_->iterate(bytes.data(), bytes.size(), bytes.size() + TextLines::kPadding).get(json);
  }

  // path_ is the object's own dotted path, "" for that of the whole line; what stands in an array has "[]" in
  // its path.
  void visit_object(ondemand::object object, int depth) {
    const std::size_t path_size = path_.size();
    for (auto field : object) {
      if (path_size > 0) path_ += '.';
      path_ += field.unescaped_key().value();
      visit(field.value().value(), depth + 1);
      path_.resize(path_size);
    }
  }

  void visit(ondemand::value value, int depth) {
    if (depth > kMaxDepth) {
      throw RowError{position(value),
                     fmt::format("JSON nested more than {} levels deep: flatten it", kMaxDepth)};
    }
    if (path_ == options_.label_column) return take_label(value);
    const auto text = std::find(options_.text_columns.begin(), options_.text_columns.end(), path_);
    if (text != options_.text_columns.end())
      return take_text(value, texts_[text - options_.text_columns.begin()]);
    switch (value.type()) {
      case json_type::object:
        return visit_object(value.get_object(), depth);
      case json_type::array:
        path_ += "[]";
        for (auto element : value.get_array()) visit(element.value(), depth + 1);
        return path_.resize(path_.size() - 2);
      case json_type::string:
        unescaped(value, position(value));
        return;
      default:
        check_literal(value);
    }
  }

  void take_text(ondemand::value value, Text& text) {
    const Position at = position(value);
    if (std::exchange(text.found, true)) throw_twice(at);
    if (value.type() != json_type::string) throw_wrong_type(value, "a string");
    // A few bytes past the limit, so that the builder sees that there is more.
    text.value.assign(checked_string(value, at).substr(0, options_.max_document_bytes + 4));
  }

  void take_label(ondemand::value value) {
    const Position at = position(value);
    if (label_at_) throw_twice(at);
    label_at_ = at;
    switch (value.type()) {
      case json_type::string:
        return builder_->add_label(checked_string(value, at), at);
      case json_type::number:
      case json_type::boolean:
        check_literal(value);
        return builder_->add_label(raw_token(value), at);
      case json_type::array:
        for (auto member : value.get_array()) {
          ondemand::value element = member.value();
          if (element.type() != json_type::string) throw_wrong_type(element, "a string, in a list of labels");
          const Position element_at = position(element);
          builder_->add_label(checked_string(element, element_at), element_at);
        }
        return;
      case json_type::null:
        check_literal(value);
        if (!options_.labels_required) return;
        [[fallthrough]];
      default:
        throw_wrong_type(value, "a string, a number, a boolean or a list of strings");
    }
  }

  static std::string_view unescaped(ondemand::value value, Position at) {
    std::string_view string;
    if (value.get_string().get(string) == simdjson::SUCCESS) return string;
    throw RowError{at, "broken JSON: a bad escape in this string"};
  }

  // A string's characters, of which NUL, written \u0000, gets the treatment of a NUL byte.
  std::string_view checked_string(ondemand::value value, Position at) {
    const std::string_view string = unescaped(value, at);
    if (string.find('\0') == std::string_view::npos) return string;
    lines_.note_bad_bytes({at, 0});
    if (!lines_.mend()) return string;
    mended_.clear();
    append_mended_utf8(string, mended_);
    return mended_;
  }

  void check_literal(ondemand::value value) {
    if (!is_literal(raw_token(value))) throw_broken(simdjson::TAPE_ERROR, value.raw_json_token().data());
  }

  Position position(const char* where) const {
    const std::ptrdiff_t offset =
        std::clamp<std::ptrdiff_t>(where - line_.bytes.data(), 0, line_.bytes.size());
    return {line_.number, offset + 1};
  }
  Position position(ondemand::value value) const { return position(value.raw_json_token().data()); }

  // `where` is null for an error of the whole line, which simdjson does not place.
  [[noreturn]] void throw_broken(simdjson::error_code error, const char* where) const {
    const char* end = line_.bytes.data() + line_.bytes.size();
    switch (error) {
      case simdjson::UNCLOSED_STRING:
        throw RowError{position(end),
                       "broken JSON: a string is not closed: write one complete object a line"};
      case simdjson::UNESCAPED_CHARS:
        throw RowError{first_control_character(),
                       "broken JSON: control character in a string: write it as an escape"};
      case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
        throw RowError{position(end),
                       "broken JSON: the line does not end its object: write one complete object a line"};
      case simdjson::DEPTH_ERROR:
        throw RowError{position(where), "JSON nested too deep: flatten it"};
      default:
        throw RowError{where == nullptr ? position(end) : position(where),
                       "broken JSON: write one complete object a line"};
    }
  }

  Position first_control_character() const {
    const auto found = std::find_if(line_.bytes.begin(), line_.bytes.end(),
                                    [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    return position(line_.bytes.data() + (found - line_.bytes.begin()));
  }

  [[noreturn]] void throw_wrong_type(ondemand::value value, const char* wanted) const {
    throw RowError{position(value), fmt::format("field {} is {}: it must be {}", in_quotes(path_),
                                                type_name(value.type()), wanted)};
  }

  [[noreturn]] void throw_twice(Position at) const {
    throw RowError{at, fmt::format("field {} stands twice in the object: remove one", in_quotes(path_))};
  }

  // Parses the line, known to be sound, once more for the names that there are.
  [[noreturn]] void throw_missing(const std::string& name, const char* option) {
    ondemand::document json;
    std::vector<std::string> names;
    if (start(json) == simdjson::SUCCESS) collect_names(json.get_object(), "", names);
    throw RowError{{line_.number, 1},
                   names.empty()
                       ? "an empty object: no field " + in_quotes(name)
                       : fmt::format("no field {}: the object has {}; set {}{}", in_quotes(name),
                                     list_in_quotes(names), option, nearest_in_brackets(name, names))};
  }

  static void collect_names(ondemand::object object, const std::string& prefix,
                            std::vector<std::string>& names) {
    for (auto field : object) {
      const std::string name = prefix + std::string(field.unescaped_key().value());
      ondemand::value value = field.value().value();
      if (value.type() == json_type::object) {
        collect_names(value.get_object(), name + ".", names);
      } else {
        names.push_back(name);
      }
    }
  }

  TextLines& lines_;
  const ReaderOptions& options_;
  std::vector<Text> texts_;  // for each of options_.text_columns
  std::optional<Position> label_at_;
  DocumentBuilder* builder_ = nullptr;  // of the row being read
  std::unique_ptr<ondemand::parser> parser_;
  Line line_;
  std::string path_;
  std::string mended_;
};

}  // namespace

std::unique_ptr<RowFormat> make_jsonl_format(TextLines& lines, const ReaderOptions& options) {
  return std::make_unique<JsonlFormat>(lines, options);
}

}  // namespace sluice
