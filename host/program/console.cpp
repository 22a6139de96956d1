#include "host/program/console.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace sluice {
namespace {

bool is_terminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && term && std::string_view(term) != "dumb";
}

int terminal_width() {
  winsize size = {};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void put(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

std::string clock_text(double seconds) {
  const auto s = static_cast<std::int64_t>(std::clamp(seconds, 0.0, 1e9) + 0.5);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string progress_figures(const Progress& p, double eta) {
  return fmt::format("ETA {}  {:.0f} tokens/s  loss {:.4f}  gradient norm {:.3f}  padding {:.1f}%",
                     clock_text(eta), p.tokens_per_second, p.loss, p.gradient_norm, 100 * p.padding);
}

std::string bar(double done, int width) {
  const int inside = std::max(width - 2, 1);
  const int full = std::clamp(static_cast<int>(done * inside), 0, inside);
  std::string text(static_cast<std::size_t>(full), '=');
  if (full < inside) text += '>';
  text.resize(static_cast<std::size_t>(inside), ' ');
  return '[' + text + ']';
}

Console::Console(bool quiet) : quiet_(quiet), terminal_(is_terminal()) {}

void Console::clear_bar() {
  if (bar_shown_) put("\r\033[K");
  bar_shown_ = false;
}

void Console::line(const std::string& text) {
  if (quiet_) return;
  clear_bar();
  put(text + '\n');
}

void Console::warn(const std::string& text) {
  clear_bar();
  put("sluice: warning: " + text + '\n');
}

void Console::status(const std::string& text) {
  if (quiet_ || !terminal_) return;
  put("\r" + text + "\033[K");
  bar_shown_ = true;
}

void Console::start_progress(std::int64_t update) {
  start_ = last_ = Clock::now();
  start_update_ = update;
}

bool Console::wants_progress() const {
  const std::chrono::duration<double> since_last = Clock::now() - last_;
  return !quiet_ && since_last.count() >= (terminal_ ? 0.1 : 10.0);
}

void Console::progress(const Progress& p) {
  if (quiet_) return;
  last_ = Clock::now();
  const std::chrono::duration<double> elapsed = last_ - start_;
  const auto done = static_cast<double>(p.update - start_update_);
  const double eta = done > 0 ? elapsed.count() * static_cast<double>(p.updates - p.update) / done : 0;
  const std::string epoch = fmt::format("epoch {}/{} ", p.epoch, p.epochs);
  const std::string figures = progress_figures(p, eta);
  if (!terminal_) {
    put(fmt::format("{}update {}/{}  {}\n", epoch, p.update, p.updates, figures));
    return;
  }
  const int width = terminal_width() - 1;
  const int room = width - static_cast<int>(epoch.size() + figures.size() + 1);
  const double share =
      static_cast<double>(p.update) / static_cast<double>(std::max<std::int64_t>(p.updates, 1));
  std::string text = epoch + (room >= 6 ? bar(share, std::min(room, 30)) + ' ' : "") + figures;
  text.resize(std::min(text.size(), static_cast<std::size_t>(std::max(width, 1))));
  status(text);
}

}  // namespace sluice
