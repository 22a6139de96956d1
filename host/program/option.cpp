#include "host/program/option.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

#include "engine/error.h"
#include "host/readers/words.h"

namespace sluice {
namespace {

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// "a, b or c"
std::string one_of(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) list += i + 1 == names.size() ? " or " : ", ";
    list += names[i];
  }
  return list;
}

ValueKind kind_of(const Value& value) {
  return static_cast<ValueKind>(value.index());
}

// Turns what the user wrote into the kind the option wants, where that is harmless.
Value convert(Value value, ValueKind wanted) {
  if (wanted == ValueKind::real && kind_of(value) == ValueKind::integer) {
    return static_cast<double>(std::get<std::int64_t>(value));
  }
  if (wanted == ValueKind::integers && kind_of(value) == ValueKind::integer) {
    return std::vector<std::int64_t>{std::get<std::int64_t>(value)};
  }
  if (wanted == ValueKind::texts && kind_of(value) == ValueKind::text) {
    return std::vector<std::string>{std::get<std::string>(value)};
  }
  // An empty TOML array has no element to tell its kind by.
  if (wanted == ValueKind::integers && kind_of(value) == ValueKind::texts &&
      std::get<std::vector<std::string>>(value).empty()) {
    return std::vector<std::int64_t>{};
  }
  return value;
}

std::string number(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return fmt::format("{:.0f}", value);
  return fmt::format("{}", value);
}

void check_range(const Option& option, double value, const std::string& shown, std::string_view where) {
  if (value >= option.low && value <= option.high) return;  // false for NaN
  throw UserError("{}: {} is {}, but must be from {} to {}", where, option.key, shown, number(option.low),
                  number(option.high));
}

void check_choice(const Option& option, const std::string& value, std::string_view where) {
  if (option.choices.empty() || (option.like_choices && option.like_choices(value))) return;
  if (std::find(option.choices.begin(), option.choices.end(), value) != option.choices.end()) return;
  throw UserError("{}: {} is {}, but must be {}", where, option.key, in_quotes(value),
                  one_of(option.choices));
}

std::int64_t parse_integer(const Option& option, std::string_view text, std::string_view where) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw UserError("{}: {} must be {}, not {}", where, option.key, describe(option.kind), in_quotes(text));
  }
  return value;
}

double parse_real(const Option& option, std::string_view text, std::string_view where) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw UserError("{}: {} must be {}, not {}", where, option.key, describe(option.kind), in_quotes(text));
  }
  return value;
}

std::vector<std::string_view> split_list(std::string_view text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  std::vector<std::string_view> parts;
  if (trim(text).empty()) return parts;
  for (;;) {
    const std::size_t comma = text.find(',');
    parts.push_back(trim(text.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

bool parse_boolean(const Option& option, std::string_view text, std::string_view where) {
  if (text != "true" && text != "false") {
    throw UserError("{}: {} must be {}, not {}", where, option.key, describe(option.kind), in_quotes(text));
  }
  return text == "true";
}

// Reads the text of a value as the option's kind.
Value parse(const Option& option, std::string_view text, std::string_view where) {
  switch (option.kind) {
    case ValueKind::boolean:
      return parse_boolean(option, text, where);
    case ValueKind::integer:
      return parse_integer(option, text, where);
    case ValueKind::real:
      return parse_real(option, text, where);
    case ValueKind::text:
      return std::string(text);
    case ValueKind::integers: {
      std::vector<std::int64_t> list;
      for (const std::string_view part : split_list(text)) {
        list.push_back(parse_integer(option, part, where));
      }
      return list;
    }
    case ValueKind::texts: {
      std::vector<std::string> list;
      for (const std::string_view part : split_list(text)) list.emplace_back(part);
      return list;
    }
  }
  throw Failure("option {} has no kind", option.key);
}

std::string toml_string(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string toml_real(double value) {
  std::string text = fmt::format("{}", value);  // the shortest that reads back equal
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

const char* describe(ValueKind kind) {
  switch (kind) {
    case ValueKind::boolean:
      return "true or false";
    case ValueKind::integer:
      return "a whole number";
    case ValueKind::real:
      return "a number";
    case ValueKind::text:
      return "a string";
    case ValueKind::integers:
      return "a list of whole numbers";
    case ValueKind::texts:
      return "a list of strings";
  }
  return "";
}

const Option* find_option(std::string_view key) {
  for (const Option& option : options()) {
    if (option.key == key) return &option;
  }
  return nullptr;
}

std::string nearest_option(std::string_view key) {
  std::vector<std::string> keys;
  for (const Option& option : options()) keys.push_back(option.key);
  return did_you_mean(key, keys);
}

void put(const Option& option, Config& config, Value value, std::string_view where) {
  value = convert(std::move(value), option.kind);
  if (kind_of(value) != option.kind) {
    throw UserError("{}: {} must be {}, not {}", where, option.key, describe(option.kind),
                    describe(kind_of(value)));
  }
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    check_range(option, static_cast<double>(*integer), fmt::format("{}", *integer), where);
  } else if (const auto* real = std::get_if<double>(&value)) {
    check_range(option, *real, number(*real), where);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    check_choice(option, *text, where);
  } else if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&value)) {
    for (const std::int64_t i : *integers) {
      check_range(option, static_cast<double>(i), fmt::format("{}", i), where);
    }
  } else if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
    for (const std::string& one : *texts) check_choice(option, one, where);
  }
  option.put(config, value);
}

void put_text(Config& config, std::string_view assignment, std::string_view flag) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos)
    throw UserError("{} {}: write it as key=value", flag, in_quotes(assignment));
  const std::string_view key = trim(assignment.substr(0, equals));
  const Option* option = find_option(key);
  if (!option) throw UserError("{}: there is no option {}{}", flag, in_quotes(key), nearest_option(key));
  put(*option, config, parse(*option, trim(assignment.substr(equals + 1)), flag), flag);
}

std::string to_toml(const Value& value) {
  struct Printer {
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(std::int64_t i) const { return fmt::format("{}", i); }
    std::string operator()(double d) const { return toml_real(d); }
    std::string operator()(const std::string& s) const { return toml_string(s); }
    std::string operator()(const std::vector<std::int64_t>& list) const {
      return fmt::format("[{}]", fmt::join(list, ", "));
    }
    std::string operator()(const std::vector<std::string>& list) const {
      std::vector<std::string> items;
      for (const std::string& s : list) items.push_back(toml_string(s));
      return fmt::format("[{}]", fmt::join(items, ", "));
    }
  };
  return std::visit(Printer(), value);
}

std::string to_toml(const Config& config) {
  std::string out, section;
  for (const Option& option : options()) {
    if (option.section() != section) {
      section = option.section();
      out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", section);
    }
    out += fmt::format("# {}\n{} = {}\n", option.comment, option.name(), to_toml(option.get(config)));
  }
  return out;
}

}  // namespace sluice
