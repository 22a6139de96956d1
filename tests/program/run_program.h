// Runs the real program and keeps what it said.
#pragma once

#include <string>
#include <vector>

namespace sluice {

struct Outcome {
  int exit_code = -1;  // 128 + the signal that ended it
  std::string out, err;
};

struct RunOptions {
  std::string input;                     // given to standard input
  std::vector<std::string> environment;  // NAME=value, beside the test's own
  long long file_bytes = -1;             // RLIMIT_FSIZE, where not negative: no file grows beyond
  long long memory_bytes = -1;           // RLIMIT_AS, where not negative: the most address space
  std::string out_path;                  // standard output goes there, not to Outcome::out
  std::string program;                   // another build of it
};

// The program as built beside the tests, with a cache folder of its own for each test program.
Outcome run_sluice(const std::vector<std::string>& arguments, const RunOptions& options = {});

// A started program, for tests of signals and streams. Killed when it goes.
class Started {
 public:
  explicit Started(const std::vector<std::string>& arguments);
  ~Started();
  Started(const Started&) = delete;
  Started& operator=(const Started&) = delete;

  void signal(int number) const;
  void write(const std::string& text) const;  // to its standard input
  void close_input();
  std::string read_line();                            // of its standard output; "" at its end
  bool wait_for_error_text(const std::string& text);  // false when it ended without saying it
  int wait();                                         // its exit code

 private:
  int process_ = -1, input_ = -1, output_ = -1, error_ = -1;
};

}  // namespace sluice
