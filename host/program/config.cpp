#include "host/program/config.h"

#include <algorithm>
#include <string_view>

#include "engine/error.h"
#include "host/program/option.h"
#include "host/program/run_folder.h"

namespace sluice {
namespace {

// What may differ from the run's own configuration: how its data is read and computed, and how long it
// trains.
bool is_free(const Option& option, Command command) {
  constexpr std::string_view kAlways[] = {"train.device", "train.threads", "rnn.path", "rnn.cudnn_algorithm"};
  constexpr std::string_view kResume[] = {"train.epochs",   "train.max_updates", "train.time_limit",
                                          "train.patience", "train.min_delta",   "train.checkpoint_every"};
  const auto in = [&](const auto& keys) {
    return std::find(std::begin(keys), std::end(keys), option.key) != std::end(keys);
  };
  if (in(kAlways)) return true;
  if (command == Command::train) return in(kResume);
  // The parameters that a run holds serve every type.
  return option.section() == "data" || option.section() == "batch" || option.key == "model.dtype";
}

void check_fixed(const Config& run, const Config& config, const Arguments& args) {
  for (const Option& option : options()) {
    if (is_free(option, args.command) || option.get(run) == option.get(config)) continue;
    throw UserError("{} is fixed by the run {}: it is {} there", option.key, args.run,
                    to_toml(option.get(run)));
  }
}

}  // namespace

Config make_config(const Arguments& args) {
  Config config;
  const bool from_run = !args.run.empty() && (args.command != Command::train || args.resume);
  if (from_run) RunFolder(args.run).read_config(config);
  const Config run = config;
  if (args.command == Command::predict) config.data.format = FileFormat::automatic;
  if (!args.config_file.empty()) put_toml(config, read_file(args.config_file), args.config_file);
  for (const Setting& setting : args.settings) put_text(config, setting.assignment, setting.flag);
  if (from_run && args.command != Command::config) check_fixed(run, config, args);
  return config;
}

}  // namespace sluice
