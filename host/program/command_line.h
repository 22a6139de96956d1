// What the user asked for: the command, its files, and its settings in the order in which they apply.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sluice {

enum class Command { train, evaluate, predict, prepare, info, config, explain_kernel };

// key=value, and the flag that gave it.
struct Setting {
  std::string assignment;
  std::string flag;
};

// The layer that explain-kernel is asked about.
struct KernelQuestion {
  int hidden = 0, batch = 0, directions = 2;
  std::string lengths = "fixed:100", dtype = "f32", cell = "lstm", gpu = "H100 SXM";
  std::string grid;  // a file to write; then hidden and batch are not looked at
};

struct Arguments {
  Command command = Command::train;
  std::string run;  // the run folder: --out of train, RUN of the others
  std::vector<std::string> train, valid, test, data;
  std::vector<std::string> with;  // evaluate, predict: runs that vote beside `run`
  std::string input = "-";        // predict

  std::string config_file;
  std::vector<Setting> settings;  // in order; those of short flags such as --seed last

  bool resume = false, quiet = false;
  bool json = false;        // predict
  int top = 0;              // predict; 0: see chosen_labels()
  std::string json_file;    // evaluate
  std::string predictions;  // evaluate
  KernelQuestion kernel;    // explain-kernel
};

// Reads the command line. Prints the text of --help or --version and gives nothing where that was asked for.
// Throws UserError for what it does not know, naming the nearest command or option.
std::optional<Arguments> parse_command_line(int argc, const char* const* argv);

}  // namespace sluice
