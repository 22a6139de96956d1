#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/frame.h"
#include "engine/error.h"

namespace sluice::bench {

struct Rival::Pipes {
  pid_t child = -1;
  FILE* in = nullptr;   // what the rival reads
  FILE* out = nullptr;  // what the rival prints
  std::string name;

  ~Pipes() {
    if (in) fclose(in);  // its standard input ends, and so does the rival
    if (out) fclose(out);
    if (child > 0) waitpid(child, nullptr, 0);
  }
};

Rival::Rival(const std::vector<std::string>& command) : pipes_(std::make_unique<Pipes>()) {
  signal(SIGPIPE, SIG_IGN);
  int to_child[2], from_child[2];
  SLUICE_CHECK(pipe2(to_child, O_CLOEXEC) == 0 && pipe2(from_child, O_CLOEXEC) == 0, "pipe: {}",
               strerror(errno));
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pipes_->name = command.front();
  pipes_->child = fork();
  SLUICE_CHECK(pipes_->child >= 0, "fork: {}", strerror(errno));
  if (pipes_->child == 0) {
    dup2(to_child[0], STDIN_FILENO);
    dup2(from_child[1], STDOUT_FILENO);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  close(to_child[0]);
  close(from_child[1]);
  pipes_->in = fdopen(to_child[1], "w");
  pipes_->out = fdopen(from_child[0], "r");
  const std::string line = read_line();
  SLUICE_CHECK(line == "ready", "{} printed '{}', not 'ready'", pipes_->name, line);
}

Rival::~Rival() = default;
Rival::Rival(Rival&&) noexcept = default;

std::string Rival::read_line() {
  char line[1024];
  SLUICE_CHECK(fgets(line, sizeof line, pipes_->out), "the rival {} ended", pipes_->name);
  std::string text(line);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

std::string Rival::ask(const std::string& line) {
  SLUICE_CHECK(fputs((line + "\n").c_str(), pipes_->in) >= 0 && fflush(pipes_->in) == 0,
               "the rival {} reads no more", pipes_->name);
  return read_line();
}

void Rival::prepare(const std::string& name, const std::string& options) {
  const std::string line = ask(fmt::format("case {} {}", name, options));
  if (line.starts_with("refused ")) throw UserError("{}", line.substr(strlen("refused ")));
  SLUICE_CHECK(line == "ready", "{} printed '{}', not 'ready'", pipes_->name, line);
}

void Rival::drop(const std::string& name) {
  const std::string line = ask("drop " + name);
  SLUICE_CHECK(line == "ready", "{} printed '{}', not 'ready'", pipes_->name, line);
}

double Rival::repeat(const std::string& name) {
  const std::string line = ask("go " + name);
  char* end = nullptr;
  const double seconds = strtod(line.c_str(), &end);
  SLUICE_CHECK(end != line.c_str() && *end == 0 && seconds > 0, "{} printed '{}', not seconds", pipes_->name,
               line);
  return seconds;
}

}  // namespace sluice::bench
