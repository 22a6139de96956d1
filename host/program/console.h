// What the program tells its user on standard error: lines, and the progress of training as one bar on a
// terminal or as plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sluice {

// Where a training run stands, with figures since the last report of it.
struct Progress {
  std::int64_t epoch = 1, epochs = 1;    // from 1
  std::int64_t update = 0, updates = 1;  // done, foreseen
  double tokens_per_second = 0;
  double loss = 0;
  double gradient_norm = 0;
  double padding = 0;  // share of rows that a padded layout would waste
};

// "1:02:03", "2:03"
std::string clock_text(double seconds);
// One line of figures, as both the bar and plain lines show them. `eta` in seconds.
std::string progress_figures(const Progress& progress, double eta);
// "[=====>    ]" of `width` columns in all.
std::string bar(double done, int width);

class Console {
 public:
  explicit Console(bool quiet);
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  ~Console() { clear_bar(); }

  void line(const std::string& text);  // nothing when quiet
  void warn(const std::string& text);  // "warning: ..." always
  // Training begins, with so many updates done before.
  void start_progress(std::int64_t update);
  // Whether it is time for another report: some ten a second on a terminal, one in ten seconds elsewhere.
  bool wants_progress() const;
  void progress(const Progress& progress);
  // A line that the next one replaces; on a terminal only.
  void status(const std::string& text);
  void clear_bar();

 private:
  using Clock = std::chrono::steady_clock;
  bool quiet_, terminal_;
  bool bar_shown_ = false;
  Clock::time_point last_ = Clock::now();
  // What the time left is reckoned from.
  Clock::time_point start_ = Clock::now();
  std::int64_t start_update_ = 0;
};

}  // namespace sluice
