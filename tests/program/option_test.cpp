// The table of options and everything that it drives.
#include "host/program/option.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <set>

#include "engine/error.h"
#include "host/program/config.h"
#include "host/program/run_folder.h"
#include "tests/program/expect_error.h"

namespace sluice {
namespace {

using testing::HasSubstr;

// A legal value other than `value`.
Value another(const Option& option, const Value& value) {
  const auto near = [&](double x) { return x < option.high ? std::min(option.high, x + 1) : option.low; };
  switch (option.kind) {
    case ValueKind::boolean:
      return !std::get<bool>(value);
    case ValueKind::integer:
      return static_cast<std::int64_t>(near(static_cast<double>(std::get<std::int64_t>(value))));
    case ValueKind::real: {
      const double middle = option.low + (option.high - option.low) / 3;
      return middle == std::get<double>(value) ? option.high : middle;
    }
    case ValueKind::text:
      for (const std::string& choice : option.choices) {
        if (choice != std::get<std::string>(value)) return choice;
      }
      return std::string("a \"quoted\" \\ value\t\x7f ä");
    case ValueKind::integers:
      return std::vector<std::int64_t>{3, 70, 11};
    case ValueKind::texts:
      if (option.choices.empty()) return std::vector<std::string>{"first", "sec\"ond"};
      return std::vector<std::string>{option.choices.back(), option.choices.front()};
  }
  return value;
}

TEST(Options, HaveDistinctKeysAndComments) {
  std::set<std::string> keys;
  for (const Option& option : options()) {
    EXPECT_TRUE(keys.insert(option.key).second) << option.key;
    EXPECT_FALSE(option.comment.empty()) << option.key;
    EXPECT_EQ(find_option(option.key), &option);
  }
  EXPECT_EQ(find_option("model.nothing"), nullptr);
}

TEST(Options, DefaultsAreLegal) {
  Config config;
  for (const Option& option : options()) {
    EXPECT_NO_THROW(put(option, config, option.get(config), "default")) << option.key;
  }
}

// Each key reaches its own field: a swapped member pointer would change another option.
TEST(Options, EachChangesItselfAlone) {
  const Config defaults;
  for (const Option& option : options()) {
    if (option.low == option.high && option.kind == ValueKind::integer) continue;  // run.format
    Config config;
    const Value value = another(option, option.get(config));
    put(option, config, value, "test");
    for (const Option& other : options()) {
      if (other.key == option.key) continue;
      EXPECT_EQ(other.get(config), other.get(defaults)) << option.key << " changed " << other.key;
    }
    // A list of flags is printed in the order of the table.
    if (option.key == "model.batch_norm") continue;
    EXPECT_EQ(option.get(config), value) << option.key;
  }
}

TEST(Options, PrintedConfigurationReadsBackEqual) {
  Config config;
  for (const Option& option : options()) {
    if (option.key != "run.format") put(option, config, another(option, option.get(config)), "test");
  }
  Config read;
  put_toml(read, to_toml(config), "printed.toml");
  for (const Option& option : options()) EXPECT_EQ(option.get(read), option.get(config)) << option.key;
  EXPECT_EQ(to_toml(read), to_toml(config));
}

TEST(Options, RealNumbersKeepEveryBit) {
  Config config, read;
  config.train.learning_rate = 0.1 + 0.2;
  config.optim.epsilon = 1e-8;
  put_toml(read, to_toml(config), "printed.toml");
  EXPECT_EQ(read.train.learning_rate, config.train.learning_rate);
  EXPECT_EQ(read.optim.epsilon, 1e-8);
}

TEST(Set, TakesEveryKindOfValue) {
  Config config;
  put_text(config, "model.hidden_size=256, 128");
  EXPECT_THAT(config.model.hidden_size, testing::ElementsAre(256, 128));
  put_text(config, "model.hidden_size=64");
  EXPECT_THAT(config.model.hidden_size, testing::ElementsAre(64));
  put_text(config, "model.batch_norm=[input,pooled]");
  EXPECT_TRUE(config.model.batch_norm_input && config.model.batch_norm_pooled &&
              !config.model.batch_norm_between_layers);
  put_text(config, "model.batch_norm=");
  EXPECT_FALSE(config.model.batch_norm_input || config.model.batch_norm_pooled);
  put_text(config, " optim.learning_rate = 1 ");
  EXPECT_EQ(config.train.learning_rate, 1);
  put_text(config, "text.lowercase=false");
  EXPECT_FALSE(config.text.lowercase);
  put_text(config, "data.label_prefix=x=y");
  EXPECT_EQ(config.data.label_prefix, "x=y");
}

TEST(Set, NamesWhatIsWrong) {
  const auto error = [](const char* assignment) {
    return user_error([&] {
      Config config;
      put_text(config, assignment);
    });
  };
  EXPECT_EQ(error("model.dropout"), "--set 'model.dropout': write it as key=value");
  EXPECT_THAT(error("model.drop_out=0.1"), HasSubstr("'model.drop_out': did you mean 'model.dropout'?"));
  EXPECT_EQ(error("model.dropout=1"), "--set: model.dropout is 1, but must be from 0 to 0.99");
  EXPECT_THAT(error("model.dropout=nan"), HasSubstr("must be from 0 to 0.99"));
  EXPECT_EQ(error("train.epochs=3.5"), "--set: train.epochs must be a whole number, not '3.5'");
  EXPECT_THAT(error("train.epochs=99999999999999999999"), HasSubstr("whole number"));
  EXPECT_THAT(error("train.epochs="), HasSubstr("whole number"));
  EXPECT_THAT(error("model.bidirectional=yes"), HasSubstr("true or false, not 'yes'"));
  EXPECT_EQ(error("rnn.path=gpu"),
            "--set: rnn.path is 'gpu', but must be auto, cpu, onednn, step, cudnn or persistent");
  EXPECT_THAT(error("model.pooling=max,sum"),
              HasSubstr("model.pooling is 'sum', but must be last, mean, max or sqrtn"));
  EXPECT_THAT(error("model.hidden_size=128,0"), HasSubstr("model.hidden_size is 0, but must be from 1"));
}

TEST(Toml, NamesThePlace) {
  const auto error = [](const char* text) {
    return user_error([&] {
      Config config;
      put_toml(config, text, "my.toml");
    });
  };
  EXPECT_THAT(error("[model]\nhiden_size = 4\n"),
              AllOf(HasSubstr("my.toml:2:1: "), HasSubstr("did you mean 'model.hidden_size'?")));
  EXPECT_THAT(error("[modle]\nhidden_size = 4\n"), HasSubstr("did you mean 'model'?"));
  EXPECT_THAT(error("model = 4\n"), HasSubstr("write [model]"));
  EXPECT_THAT(error("[model]\n\nhidden_size = \"wide\"\n"),
              HasSubstr("my.toml:3:15: model.hidden_size must be a list of whole numbers, not a string"));
  EXPECT_THAT(error("[model]\ndropout = 1.5\n"),
              HasSubstr("my.toml:2:11: model.dropout is 1.5, but must be"));
  EXPECT_THAT(error("[model]\ndropout = 1979-05-27\n"),
              HasSubstr("my.toml:2:11: model.dropout must be a number"));
  EXPECT_THAT(error("[model]\nhidden_size = [1, \"a\"]\n"),
              HasSubstr("my.toml:2:15: model.hidden_size must be"));
  EXPECT_THAT(error("[model\n"), HasSubstr("my.toml:1:"));
  EXPECT_THAT(error("[run]\nformat = 99\n[other]\nkey = 1\n"), HasSubstr("another version"));
}

// Those that quickstart and the benchmarks train with.
TEST(Toml, CommittedConfigurationsAreLegal) {
  int files = 0;
  for (const char* place : {"host", "bench"}) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::string(SLUICE_SOURCE "/") + place)) {
      if (entry.path().extension() != ".toml") continue;
      ++files;
      Config config;
      EXPECT_EQ(user_error([&] { put_toml(config, read_file(entry.path()), entry.path()); }), "");
    }
  }
  EXPECT_GT(files, 0);
}

TEST(Toml, LeavesTheRestAlone) {
  Config config;
  put_toml(config, "[model]\nnum_layers = 2\nhidden_size = 32\n", "my.toml");
  put_toml(config, "[model]\nhidden_size = [16, 8]\n", "my.toml");
  EXPECT_EQ(config.model.num_layers, 2);
  EXPECT_THAT(config.model.hidden_size, testing::ElementsAre(16, 8));
  EXPECT_EQ(config.train.epochs, Config().train.epochs);
}

}  // namespace
}  // namespace sluice
