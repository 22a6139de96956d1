// One configuration option: its key, what it means, what it may be, and where it lives in Config.
//
// The table of all options (options()) drives everything that knows about options: configuration files,
// --set, `sluice config`, the run folder's config.toml and the defaults in --help.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sluice {

struct Config;

using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                           std::vector<std::string>>;

// What kind of value an option takes; Value's alternatives, in order.
enum class ValueKind { boolean, integer, real, text, integers, texts };
const char* describe(ValueKind kind);  // "a whole number"

struct Option {
  std::string key{};  // "model.dropout"
  std::string comment{};
  ValueKind kind = ValueKind::text;
  double low = 0, high = 0;                                // of numbers, inclusive
  std::vector<std::string> choices{};                      // of texts, where only these are legal
  std::function<bool(const std::string&)> like_choices{};  // others that are legal, too
  std::function<Value(const Config&)> get{};
  std::function<void(Config&, const Value&)> put{};  // of a value that check() let pass

  std::string section() const { return key.substr(0, key.find('.')); }
  std::string name() const { return key.substr(key.find('.') + 1); }
};

// Every option, sections together, in the order they are printed.
const std::vector<Option>& options();

// Parts of it, in option_*.cpp.
std::vector<Option> model_options();
std::vector<Option> optim_options();

// nullptr where there is no such key.
const Option* find_option(std::string_view key);
// ": did you mean 'model.dropout'?" for an unknown key; "" where none is near.
std::string nearest_option(std::string_view key);

// Sets an option. Throws UserError "<where>: ..." for a value of the wrong kind (a whole number serves where
// a real one is wanted, one value where a list is), outside the range or not among the choices.
void put(const Option& option, Config& config, Value value, std::string_view where);

// Applies "key=value" as given to `flag` (--set); lists are written with commas. Throws UserError naming the
// flag.
void put_text(Config& config, std::string_view assignment, std::string_view flag = "--set");

// The value as TOML.
std::string to_toml(const Value& value);

// The whole configuration as TOML, a comment at each key. Reading it gives an equal configuration.
std::string to_toml(const Config& config);

// Applies a TOML file or text. Throws UserError "<file>:<line>:<column>: ..." for a syntax error, an unknown
// key (the nearest one is named), a value of the wrong kind or out of range.
void put_toml(Config& config, std::string_view text, const std::string& file);

}  // namespace sluice
