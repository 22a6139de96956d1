// What the user would be told.
#pragma once

#include <string>

#include "engine/error.h"

namespace sluice {

// The message of the UserError that `action` throws, "" when it throws none; a test of a message also tests
// that it is one line.
template <class Action>
std::string user_error(Action action) {
  try {
    action();
  } catch (const UserError& error) {
    const std::string message = error.what();
    return message.find('\n') == std::string::npos ? message : "several lines: " + message;
  }
  return "";
}

}  // namespace sluice
