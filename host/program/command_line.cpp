// The command line's grammar and help. The only place that knows CLI11.
#include "host/program/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <system_error>

#include "engine/error.h"
#include "host/program/config.h"
#include "host/program/option.h"
#include "host/program/version.h"
#include "host/readers/words.h"

namespace sluice {
namespace {

constexpr const char* kFiles = "Files";
constexpr const char* kSettings = "Settings";
constexpr const char* kOutput = "Output";

// A short flag that stands for a configuration key.
struct ShortFlag {
  const char* flag;
  const char* key;
  std::string value;
};

// What is wrong with `text` as a number of labels; "": nothing.
std::string a_count(const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value > 0 ? "" : fmt::format("must be a whole number from 1, not {}", in_quotes(text));
}

// The grammar, with the places its values go to.
class Grammar {
 public:
  Grammar();
  std::optional<Arguments> parse(int argc, const char* const* argv);

 private:
  CLI::App* command(const char* name, Command command, const char* summary);
  void add_files(CLI::App* app, const char* flag, std::vector<std::string>& to, const char* what);
  void add_run(CLI::App* app, const char* what);
  void add_voters(CLI::App* app);
  void add_settings(CLI::App* app);
  void add_kernel_question(CLI::App* app);
  void check_known(const CLI::App& app) const;
  void check_complete() const;
  void gather_settings();
  std::string settings_help();

  CLI::App app_{"Trains LSTM text classifiers and uses them.", "sluice"};
  std::vector<std::pair<CLI::App*, Command>> commands_;
  Arguments args_;
  std::vector<std::string> settings_;
  ShortFlag flags_[3] = {
      {"--device", "train.device", ""}, {"--format", "data.format", ""}, {"--seed", "train.seed", ""}};
};

CLI::App* Grammar::command(const char* name, Command which, const char* summary) {
  CLI::App* app = app_.add_subcommand(name, summary);
  app->allow_extras()->footer("")->get_formatter()->column_width(34);
  commands_.emplace_back(app, which);
  return app;
}

void Grammar::add_files(CLI::App* app, const char* flag, std::vector<std::string>& to, const char* what) {
  app->add_option(flag, to, what)->type_name("FILE")->group(kFiles);
}

void Grammar::add_run(CLI::App* app, const char* what) {
  app->add_option("RUN", args_.run, what)->type_name("")->group(kFiles);
}

void Grammar::add_voters(CLI::App* app) {
  app->add_option("--with", args_.with,
                  "Average the probabilities with those of these runs, of the same labels")
      ->type_name("RUN")
      ->group(kFiles);
}

void Grammar::add_settings(CLI::App* app) {
  app->add_option("--config", args_.config_file, "A TOML file of settings")
      ->type_name("FILE")
      ->group(kSettings);
  app->add_option("--set", settings_, "One setting, as model.dropout=0.3; goes before --config's")
      ->type_name("KEY=VALUE")
      ->group(kSettings)
      ->allow_extra_args(false);
  for (ShortFlag& flag : flags_) {
    const Option* option = find_option(flag.key);
    app->add_option(flag.flag, flag.value, fmt::format("Short for --set {}=...", flag.key))
        ->type_name(option->choices.empty() ? "N" : fmt::format("{}", fmt::join(option->choices, "|")))
        ->group(kSettings);
  }
  app->footer([this] { return settings_help(); });
}

Grammar::Grammar() {
  app_.set_version_flag("--version", fmt::format("sluice {}", kVersion));
  app_.require_subcommand(0, 1);
  app_.allow_extras();
  app_.set_help_flag("-h,--help", "Print this help");
  app_.footer(
      "sluice COMMAND --help tells more. Results go to standard output, all else to standard error.\n"
      "Exit code: 0 done, 1 something failed, 2 the input or an option is wrong.");

  CLI::App* train = command("train", Command::train, "Train a classifier and write it to a run folder");
  add_files(train, "--train", args_.train, "Documents to learn from (required); - is standard input");
  add_files(train, "--valid", args_.valid, "Documents to choose the best epoch on; else a part of --train");
  add_files(train, "--test", args_.test, "Documents to evaluate the best epoch on");
  train->add_option("--out", args_.run, "The run folder to write (required)")
      ->type_name("RUN")
      ->group(kFiles);
  train->add_flag("--resume", args_.resume, "Go on with an interrupted run")->group(kFiles);
  train->add_flag("--quiet", args_.quiet, "Report warnings only")->group(kOutput);
  add_settings(train);

  CLI::App* evaluate = command("evaluate", Command::evaluate, "Evaluate a run on labelled documents");
  add_run(evaluate, "The run folder");
  add_voters(evaluate);
  add_files(evaluate, "--data", args_.data, "Labelled documents (required); - is standard input");
  evaluate->add_option("--json", args_.json_file, "Write the figures as JSON")
      ->type_name("OUT.json")
      ->group(kOutput);
  evaluate
      ->add_option("--predictions", args_.predictions,
                   "Write one row a document: labels, prediction, probability")
      ->type_name("OUT.tsv")
      ->group(kOutput);
  evaluate->add_flag("--quiet", args_.quiet, "Report warnings only")->group(kOutput);
  add_settings(evaluate);

  CLI::App* predict = command("predict", Command::predict, "Print label<TAB>probability for each text");
  add_run(predict, "The run folder");
  predict
      ->add_option("FILE", args_.input,
                   "Texts, one a line unless --format says otherwise; - is standard input")
      ->type_name("")
      ->group(kFiles);
  add_voters(predict);
  predict
      ->add_option("--top", args_.top,
                   "So many labels a text, the likeliest first; else 1, or all above 0.5 where a text may "
                   "have several")
      ->type_name("K")
      ->check(a_count)
      ->group(kOutput);
  predict->add_flag("--json", args_.json, "Print a JSON object a text")->group(kOutput);
  add_settings(predict);

  CLI::App* prepare =
      command("prepare", Command::prepare, "Tokenise documents into the cache ahead of training");
  add_files(prepare, "--train", args_.train, "As for train (required)");
  add_files(prepare, "--valid", args_.valid, "As for train");
  add_files(prepare, "--test", args_.test, "As for train");
  prepare->add_flag("--quiet", args_.quiet, "Report warnings only")->group(kOutput);
  add_settings(prepare);

  CLI::App* info = command("info", Command::info, "Say what a run folder holds");
  add_run(info, "The run folder");

  CLI::App* config = command("config", Command::config, "Print the complete effective configuration as TOML");
  config->add_option("RUN", args_.run, "A run folder, to start from its configuration")
      ->type_name("")
      ->group(kFiles);
  add_settings(config);

  add_kernel_question(
      command("explain-kernel", Command::explain_kernel,
              "Say how a GPU would run a recurrent layer, and how long by a model; no GPU is needed"));
}

void Grammar::add_kernel_question(CLI::App* app) {
  KernelQuestion& q = args_.kernel;
  const auto add = [&](const char* flag, auto& to, const char* what, const char* type) {
    return app->add_option(flag, to, what)->type_name(type)->group(kSettings);
  };
  add("--hidden", q.hidden, "Units of the layer", "N")->check(CLI::Range(1, 1 << 14));
  add("--batch", q.batch, "Sequences of a batch", "N")->check(CLI::Range(1, 1 << 14));
  add("--lengths", q.lengths, "Their lengths: fixed:N or uniform:LOW:HIGH (fixed:100)", "SPEC");
  add("--directions", q.directions, "1, or 2 (2)", "N")->check(CLI::Range(1, 2));
  add("--cell", q.cell, "lstm (the default) or gru", "NAME")->check(CLI::IsMember({"lstm", "gru"}));
  add("--dtype", q.dtype, "f32 (the default), f64, bf16 or f16", "NAME")
      ->check(CLI::IsMember({"f32", "f64", "bf16", "f16"}));
  add("--gpu", q.gpu, "A GPU by its name or how that begins (H100 SXM)", "NAME");
  app->add_option("--grid", q.grid, "Write a table of many layers as CSV, and a plot beside it")
      ->type_name("OUT.csv")
      ->group(kOutput);
}

void Grammar::gather_settings() {
  args_.settings.clear();
  for (const std::string& setting : settings_) args_.settings.push_back({setting, "--set"});
  for (const ShortFlag& flag : flags_) {
    if (!flag.value.empty())
      args_.settings.push_back({fmt::format("{}={}", flag.key, flag.value), flag.flag});
  }
}

// The settings in effect, so that a help text read beside --config or --set tells the truth.
std::string Grammar::settings_help() {
  std::string text = "Keys for --set and --config with their values in effect (sluice config explains each):";
  std::string section;
  gather_settings();
  const Config config = make_config(args_);
  for (const Option& option : options()) {
    if (option.section() == "run") continue;  // not the user's to set
    if (option.section() != section) text += "\n";
    section = option.section();
    text += fmt::format("\n  {} = {}", option.key, to_toml(option.get(config)));
  }
  return text;
}

void Grammar::check_known(const CLI::App& app) const {
  const std::vector<std::string> extras = app.remaining();
  if (extras.empty()) return;
  const std::string& first = extras.front();
  std::vector<std::string> names;
  if (&app == &app_ && first.rfind('-', 0) != 0) {
    for (const auto& [sub, which] : commands_) names.push_back(sub->get_name());
    throw UserError("there is no command {}{} (sluice --help lists them)", in_quotes(first),
                    did_you_mean(first, names));
  }
  if (first.size() < 2 || first.front() != '-') {
    throw UserError("{}: {} is one argument too many (see sluice {} --help)", app.get_name(),
                    in_quotes(first), app.get_name());
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  throw UserError("there is no option {}{} (see {} --help)", in_quotes(first),
                  did_you_mean(first.substr(0, first.find('=')), names),
                  &app == &app_ ? "sluice" : "sluice " + app.get_name());
}

void Grammar::check_complete() const {
  const auto need = [](bool given, const char* what) {
    if (!given) throw UserError("{} is missing", what);
  };
  const auto need_names = [](const std::vector<std::string>& files, const char* what) {
    for (const std::string& file : files)
      if (file.empty()) throw UserError("{} '': the name of a file is empty", what);
  };
  need_names(args_.train, "--train");
  need_names(args_.valid, "--valid");
  need_names(args_.test, "--test");
  need_names(args_.data, "--data");
  need_names({args_.input}, "FILE");
  switch (args_.command) {
    case Command::train:
      need(!args_.train.empty(), "--train FILE, the documents to learn from,");
      need(!args_.run.empty(), "--out RUN, the folder to write,");
      break;
    case Command::prepare:
      need(!args_.train.empty(), "--train FILE, the documents to prepare,");
      break;
    case Command::evaluate:
      need(!args_.run.empty(), "RUN, the folder of a trained model,");
      need(!args_.data.empty(), "--data FILE, the documents to evaluate on,");
      break;
    case Command::predict:
    case Command::info:
      need(!args_.run.empty(), "RUN, the folder of a trained model,");
      break;
    case Command::config:
      break;
    case Command::explain_kernel:
      need(!args_.kernel.grid.empty() || args_.kernel.hidden > 0, "--hidden N, the layer's units,");
      need(!args_.kernel.grid.empty() || args_.kernel.batch > 0, "--batch N, the sequences of a batch,");
      break;
  }
}

std::optional<Arguments> Grammar::parse(int argc, const char* const* argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::CallForVersion& version) {
    fmt::print("{}\n", version.what());
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app_.help());
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    throw UserError("{} (see --help)", message);
  }
  for (const auto& [sub, which] : commands_) {
    if (!sub->parsed()) continue;
    args_.command = which;
    check_known(*sub);
    gather_settings();
    check_complete();
    return args_;
  }
  check_known(app_);
  throw UserError(
      "no command given: use train, evaluate, predict, prepare, info, config or explain-kernel (see sluice "
      "--help)");
}

}  // namespace

std::optional<Arguments> parse_command_line(int argc, const char* const* argv) {
  return Grammar().parse(argc, argv);
}

}  // namespace sluice
