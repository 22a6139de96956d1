#include "tests/program/run_program.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include "tests/program/files.h"

namespace sluice {
namespace {

// Shared by the runs of one test program: corpora prepared once stay prepared.
const Folder& cache_folder() {
  static const Folder folder;
  return folder;
}

// Becomes the program; only between fork and exec.
[[noreturn]] void become(const std::vector<std::string>& arguments, const RunOptions& options) {
  setenv("SLUICE_CACHE", cache_folder().path().c_str(), 1);
  for (const std::string& variable : options.environment) putenv(const_cast<char*>(variable.c_str()));
  if (options.file_bytes >= 0) {
    const auto bytes = static_cast<rlim_t>(options.file_bytes);
    const rlimit limit = {bytes, bytes};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, SIG_IGN);  // write() then fails with EFBIG, as it would with ENOSPC
  }
  if (options.memory_bytes >= 0) {
    const auto bytes = static_cast<rlim_t>(options.memory_bytes);
    const rlimit limit = {bytes, bytes};
    setrlimit(RLIMIT_AS, &limit);
  }
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  _exit(127);
}

std::vector<std::string> with_program(const std::vector<std::string>& arguments) {
  std::vector<std::string> all = {SLUICE_PROGRAM};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

int exit_code_of(int process) {
  int status = 0;
  if (waitpid(process, &status, 0) != process) throw std::runtime_error("waitpid failed");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void replace_descriptor(int target, const std::string& path, int flags) {
  const int descriptor = open(path.c_str(), flags, 0600);
  if (descriptor < 0 || dup2(descriptor, target) < 0) _exit(126);
}

}  // namespace

Outcome run_sluice(const std::vector<std::string>& arguments, const RunOptions& options) {
  const Folder streams;
  const std::string input = streams.write("in", options.input);
  const std::string output = options.out_path.empty() ? streams.path("out") : options.out_path;
  std::vector<std::string> command = with_program(arguments);
  if (!options.program.empty()) command[0] = options.program;
  cache_folder();
  const int process = fork();
  if (process < 0) throw std::runtime_error("fork failed");
  if (process == 0) {
    replace_descriptor(STDIN_FILENO, input, O_RDONLY);
    replace_descriptor(STDOUT_FILENO, output, options.out_path.empty() ? O_WRONLY | O_CREAT : O_WRONLY);
    replace_descriptor(STDERR_FILENO, streams.path("err"), O_WRONLY | O_CREAT);
    become(command, options);
  }
  Outcome outcome;
  outcome.exit_code = exit_code_of(process);
  if (options.out_path.empty()) outcome.out = streams.read("out");
  outcome.err = streams.read("err");
  return outcome;
}

Started::Started(const std::vector<std::string>& arguments) {
  const std::vector<std::string> command = with_program(arguments);
  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe failed");
  }
  cache_folder();
  process_ = fork();
  if (process_ < 0) throw std::runtime_error("fork failed");
  if (process_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    become(command, {});
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  input_ = in[1];
  output_ = out[0];
  error_ = err[0];
}

Started::~Started() {
  if (process_ > 0) {
    kill(process_, SIGKILL);
    wait();
  }
  close_input();
  close(output_);
  close(error_);
}

void Started::signal(int number) const {
  kill(process_, number);
}

void Started::write(const std::string& text) const {
  if (::write(input_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw std::runtime_error("cannot write to the program");
  }
}

void Started::close_input() {
  if (input_ >= 0) close(input_);
  input_ = -1;
}

std::string Started::read_line() {
  std::string line;
  char c = 0;
  while (read(output_, &c, 1) == 1 && c != '\n') line += c;
  return line;
}

bool Started::wait_for_error_text(const std::string& text) {
  std::string said;
  char c = 0;
  while (read(error_, &c, 1) == 1) {
    said += c;
    if (said.size() >= text.size() && said.compare(said.size() - text.size(), text.size(), text) == 0)
      return true;
  }
  return false;
}

int Started::wait() {
  const int code = exit_code_of(process_);
  process_ = -1;
  return code;
}

}  // namespace sluice
