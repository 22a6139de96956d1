#include "host/program/signals.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "engine/error.h"

namespace sluice {
namespace {

// What a signal handler may touch: lock-free atomics.
std::atomic<std::atomic<bool>*> stop_flag{nullptr};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<std::atomic<bool>*>::is_always_lock_free);

void on_signal(int signal) {
  std::atomic<bool>* flag = stop_flag;
  if (!flag || flag->exchange(true)) _exit(128 + signal);
  constexpr char kText[] = "\nstopping after this step; a second signal stops at once\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kText, sizeof(kText) - 1);
}

void handle(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM}) {
    SLUICE_CHECK(sigaction(signal, &action, nullptr) == 0, "cannot handle signals: {}", std::strerror(errno));
  }
}

}  // namespace

StopOnSignals::StopOnSignals(std::atomic<bool>& stop) {
  stop_flag = &stop;
  handle(on_signal);
}

StopOnSignals::~StopOnSignals() {
  for (const int signal : {SIGINT, SIGTERM})
    std::signal(signal, SIG_DFL);  // fails for no signal that it knows
  stop_flag = nullptr;
}

}  // namespace sluice
