// The two kinds of error that leave Sluice, and the checks that raise them.
//
// UserError: the user's input, option or file is wrong; the program exits with 2.
// Failure:   something outside the user's input failed (full disk, no memory, a library call); exit code 1.
// what() is one line: what is wrong, where (file:line:column or the option's name), what to do about it.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace sluice {

class Error : public std::runtime_error {
 public:
  Error(const std::string& message, int exit_code) : std::runtime_error(message), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

class UserError : public Error {
 public:
  template <class... Args>
  explicit UserError(fmt::format_string<Args...> format, Args&&... args)
      : Error(fmt::format(format, std::forward<Args>(args)...), 2) {}
};

class Failure : public Error {
 public:
  template <class... Args>
  explicit Failure(fmt::format_string<Args...> format, Args&&... args)
      : Error(fmt::format(format, std::forward<Args>(args)...), 1) {}
};

}  // namespace sluice

// Throws sluice::Failure with the formatted message when `condition` is false. For conditions that only a bug
// or a failing machine can break; what a user can get wrong is thrown as UserError where the user's words are
// at hand.
#define SLUICE_CHECK(condition, ...)                        \
  do {                                                      \
    if (!(condition)) throw ::sluice::Failure(__VA_ARGS__); \
  } while (false)
