// TOML configuration files. The only place that knows toml++.
#define TOML_EXCEPTIONS 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <fmt/core.h>

#include "engine/error.h"
#include "host/program/config.h"
#include "host/program/option.h"
#include "host/readers/words.h"

namespace sluice {
namespace {

std::string place(const std::string& file, const toml::source_region& source) {
  return fmt::format("{}:{}:{}", file, source.begin.line, source.begin.column);
}

// Throws for kinds of value that no option takes (dates, tables in lists, mixed lists).
Value to_value(const toml::node& node, const Option& option, const std::string& where) {
  if (const auto* b = node.as_boolean()) return b->get();
  if (const auto* i = node.as_integer()) return i->get();
  if (const auto* d = node.as_floating_point()) return d->get();
  if (const auto* s = node.as_string()) return s->get();
  if (const auto* list = node.as_array()) {
    if (list->is_homogeneous(toml::node_type::integer)) {
      std::vector<std::int64_t> integers;
      for (const auto& item : *list) integers.push_back(item.as_integer()->get());
      return integers;
    }
    if (list->empty() || list->is_homogeneous(toml::node_type::string)) {
      std::vector<std::string> texts;
      for (const auto& item : *list) texts.push_back(item.as_string()->get());
      return texts;
    }
  }
  throw UserError("{}: {} must be {}", where, option.key, describe(option.kind));
}

bool is_section(std::string_view name) {
  for (const Option& option : options()) {
    if (option.section() == name) return true;
  }
  return false;
}

std::vector<std::string> section_names() {
  std::vector<std::string> names;
  for (const Option& option : options()) {
    if (names.empty() || names.back() != option.section()) names.push_back(option.section());
  }
  return names;
}

void put_section(Config& config, const toml::table& table, std::string_view section,
                 const std::string& file) {
  for (const auto& [name, node] : table) {
    const std::string key = fmt::format("{}.{}", section, name.str());
    const Option* option = find_option(key);
    if (!option) {
      throw UserError("{}: there is no option {}{}", place(file, name.source()), in_quotes(key),
                      nearest_option(key));
    }
    const std::string where = place(file, node.source());
    put(*option, config, to_value(node, *option, where), where);
  }
}

// Before anything else, lest keys that another version knows are called unknown.
void check_run_format(const toml::table& root, const std::string& file) {
  const auto node = root["run"]["format"];
  const auto* format = node.as_integer();
  if (!format || format->get() == kRunFormat) return;
  throw UserError(
      "{}: written by another version of sluice (run.format is {}, this one knows {}): use that version, "
      "or train again",
      place(file, format->source()), format->get(), kRunFormat);
}

}  // namespace

void put_toml(Config& config, std::string_view text, const std::string& file) {
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    throw UserError("{}: {}", place(file, error.source()), error.description());
  }
  check_run_format(root, file);
  for (const auto& [name, node] : root) {
    const std::string where = place(file, name.source());
    if (!is_section(name.str())) {
      throw UserError("{}: there is no section {}{}", where, in_quotes(name.str()),
                      did_you_mean(name.str(), section_names()));
    }
    const auto* section = node.as_table();
    if (!section) throw UserError("{}: {} is a section: write [{}]", where, name.str(), name.str());
    put_section(config, *section, name.str(), file);
  }
}

}  // namespace sluice
