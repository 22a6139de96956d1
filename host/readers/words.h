// Small helpers for messages: one line, whatever the user's file holds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// `text` in single quotes, control characters shown as \xNN, cut to about 40 bytes.
std::string in_quotes(std::string_view text);

// "'a', 'b', 'c'", at most ten names, then how many more there are.
std::string list_in_quotes(const std::vector<std::string>& names);

// The name with the fewest edits (Levenshtein, letters' case ignored) to `wanted`; "" when none is as near as
// a slip of the keyboard: about a third of the word.
std::string nearest_name(std::string_view wanted, const std::vector<std::string>& names);

// ": did you mean 'name'?" of the nearest name, "" where none is near.
std::string did_you_mean(std::string_view wanted, const std::vector<std::string>& names);

// " (nearest: 'name')", or "".
std::string nearest_in_brackets(std::string_view wanted, const std::vector<std::string>& names);

}  // namespace sluice
