#include "host/program/commands.h"

#include <fmt/core.h>

#include "engine/error.h"
#include "host/program/config.h"
#include "host/program/console.h"
#include "host/program/option.h"
#include "host/program/session.h"

namespace sluice {

void run_command(const Arguments& args) {
  switch (args.command) {
    case Command::train:
      return train_command(args);
    case Command::evaluate:
      return evaluate_command(args);
    case Command::predict:
      return predict_command(args);
    case Command::prepare:
      return prepare_command(args);
    case Command::info:
      return info_command(args);
    case Command::config:
      return config_command(args);
    case Command::explain_kernel:
      return explain_kernel_command(args);
  }
  throw Failure("a command has no code");
}

void config_command(const Arguments& args) {
  fmt::print("{}", to_toml(make_config(args)));
}

void prepare_command(const Arguments& args) {
  const Config config = make_config(args);
  Console console(args.quiet);
  const Corpus corpus = prepare_corpus(args, config, console);
  for (const std::string& line : describe(corpus)) console.line(line);
}

}  // namespace sluice
