#include "host/program/signals.h"

#include <unistd.h>

#include <csignal>
#include <cstring>
#include <ctime>

#include "engine/error.h"

namespace sluice {
namespace {

sigset_t both() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

StopOnSignals::StopOnSignals() {
  const sigset_t set = both();
  const int error = pthread_sigmask(SIG_BLOCK, &set, nullptr);
  SLUICE_CHECK(error == 0, "cannot block signals: {}", std::strerror(error));
  watcher_ = std::jthread([this](const std::stop_token& done) { watch(done); });
}

StopOnSignals::~StopOnSignals() {
  watcher_ = {};  // joins
  const sigset_t set = both();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void StopOnSignals::ask(std::atomic<bool>* stop) {
  const std::lock_guard lock(mutex_);
  stop_ = stop;
}

void StopOnSignals::watch(const std::stop_token& done) {
  const sigset_t set = both();
  constexpr timespec kPatience{0, 20'000'000};  // between looks at `done`
  while (!done.stop_requested()) {
    const int signal = sigtimedwait(&set, nullptr, &kPatience);
    if (signal < 0) continue;
    const std::lock_guard lock(mutex_);
    if (!stop_ || stop_->exchange(true)) _exit(128 + signal);
    constexpr char kText[] = "\nstopping after this step; a second signal stops at once\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kText, sizeof(kText) - 1);
  }
}

}  // namespace sluice
