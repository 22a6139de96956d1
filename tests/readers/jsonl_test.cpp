// JSON lines.
#include "tests/readers/reading.h"

#include <nlohmann/json.hpp>

#include <random>

namespace sluice {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

ReaderOptions paths(std::vector<std::string> text, std::string label) {
  ReaderOptions options;
  options.text_columns = std::move(text);
  options.label_column = std::move(label);
  return options;
}

TEST(Jsonl, ReadsTextAndLabel) {
  const Reading reading = read_text("x.jsonl",
                                    "{\"label\": \"a\", \"text\": \"one\\n\\\"two\\\" \\u20ac\"}\n"
                                    "\n \r\n"
                                    "{\"id\": [1, {\"text\": 2}, null], \"text\":\"x\",\"label\":\"b\"}\r\n"
                                    "  {\"text\":\"\",\"label\":\"c\"}");
  EXPECT_THAT(reading.texts(), ElementsAre("one\n\"two\" \u20ac", "x", ""));
  EXPECT_THAT(reading.labels(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(reading.documents[1].line, 4);
}

TEST(Jsonl, DottedPaths) {
  const ReaderOptions options = paths({"meta.title", "body"}, "meta.topic.name");
  EXPECT_THAT(
      read_text("x.jsonl",
                "{\"body\":\"B\",\"meta\":{\"title\":\"T\",\"topic\":{\"name\":\"n\"}},\"title\":1}\n",
                options)
          .texts(),
      ElementsAre("T B"));
  // A key that holds the dot itself is the same path.
  EXPECT_THAT(
      read_text("x.jsonl", "{\"body\":\"B\",\"meta.title\":\"T\",\"meta\":{\"topic.name\":\"n\"}}\n", options)
          .labels(),
      ElementsAre("n"));
  // What stands in an array has another path.
  EXPECT_THAT(
      read_error("x.jsonl", "{\"body\":\"B\",\"meta\":[{\"title\":\"T\",\"topic\":{\"name\":\"n\"}}]}\n",
                 options),
      HasSubstr("no field 'meta.title'"));
}

TEST(Jsonl, LabelsOfAllTypes) {
  const Reading reading = read_text("x.jsonl",
                                    "{\"text\":\"\",\"label\":\"s\"}\n"
                                    "{\"text\":\"\",\"label\":7}\n"
                                    "{\"text\":\"\",\"label\":-1.50 }\n"
                                    "{\"text\":\"\",\"label\":true}\n"
                                    "{\"text\":\"\",\"label\":[\"a\",\"b\"]}\n"
                                    "{\"text\":\"\",\"label\":123456789012345678901234567890}\n");
  EXPECT_THAT(reading.labels(),
              ElementsAre("s", "7", "-1.50", "true", "a+b", "123456789012345678901234567890"));
}

TEST(Jsonl, NumbersOfAnySizeAreJson) {
  EXPECT_THAT(
      read_text("x.jsonl",
                "{\"id\":123456789012345678901234567890,\"x\":1e999,\"text\":\"t\",\"label\":\"l\"}\n")
          .texts(),
      ElementsAre("t"));
}

TEST(Jsonl, WrongTypesNameTheirPlace) {
  EXPECT_THAT(read_error("x.jsonl", "{\"text\":\"\",\"label\":\"a\"}\n{\"label\":\"a\", \"text\":5}\n"),
              HasSubstr("x.jsonl:2:22: field 'text' is a number: it must be a string"));
  EXPECT_THAT(read_error("x.jsonl", "{\"text\":null,\"label\":\"a\"}\n"),
              HasSubstr("x.jsonl:1:9: field 'text' is null"));
  EXPECT_THAT(read_error("x.jsonl", "{\"text\":[\"a\"],\"label\":\"a\"}\n"),
              HasSubstr("x.jsonl:1:9: field 'text' is an array"));
  EXPECT_THAT(read_error("x.jsonl", "{\"text\":\"\",\"label\":{\"a\":1}}\n"),
              HasSubstr("x.jsonl:1:20: field 'label' is an object"));
  EXPECT_THAT(read_error("x.jsonl", "{\"text\":\"\",\"label\":null}\n"),
              HasSubstr("x.jsonl:1:20: field 'label' is null"));
  EXPECT_THAT(read_error("x.jsonl", "{\"text\":\"\",\"label\":[\"a\", 1]}\n"),
              HasSubstr("x.jsonl:1:26: field 'label' is a number"));
}

TEST(Jsonl, EmptyLabels) {
  EXPECT_THAT(read_error("x.jsonl", "{\"text\":\"\",\"label\":\" \"}\n"),
              HasSubstr("x.jsonl:1:20: empty label"));
  EXPECT_THAT(read_error("x.jsonl", "{\"text\":\"\",\"label\":[]}\n"), HasSubstr("x.jsonl:1:20: no label"));
  EXPECT_THAT(read_error("x.jsonl", "{\"text\":\"\"}\n"), HasSubstr("x.jsonl:1:1: no field 'label'"));
  EXPECT_THAT(
      read_text("x.jsonl", "{\"text\":\"\",\"label\":[]}\n{\"text\":\"\",\"label\":null}\n{\"text\":\"\"}\n",
                unlabelled())
          .labels(),
      ElementsAre("", "", ""));
}

TEST(Jsonl, MissingFieldsNameTheNearest) {
  EXPECT_THAT(
      read_error("x.jsonl", "{\"meta\":{\"texts\":\"a\",\"n\":1},\"label\":\"a\"}\n",
                 paths({"meta.text"}, "label")),
      AllOf(HasSubstr("x.jsonl:1:1: no field 'meta.text'"), HasSubstr("'meta.texts', 'meta.n', 'label'"),
            HasSubstr("nearest: 'meta.texts'"), HasSubstr("data.text_column")));
  EXPECT_THAT(read_error("x.jsonl", "{}\n"), HasSubstr("x.jsonl:1:1: an empty object"));
}

TEST(Jsonl, AFieldTwice) {
  EXPECT_THAT(read_error("x.jsonl", "{\"text\":\"a\",\"text\":\"b\",\"label\":\"a\"}\n"),
              HasSubstr("x.jsonl:1:20: field 'text' stands twice"));
  EXPECT_THAT(read_error("x.jsonl", "{\"text\":\"a\",\"label\":\"b\",\"label\":\"a\"}\n"),
              HasSubstr("'label' stands twice"));
}

TEST(Jsonl, BrokenJsonNamesItsPlace) {
  const auto broken = [](const std::string& line) {
    return read_error("x.jsonl", "{\"text\":\"a\",\"label\":\"b\"}\n" + line + "\n");
  };
  EXPECT_THAT(broken("{\"text\":\"a\",\"label\":\"b\""),
              HasSubstr("x.jsonl:2:24: broken JSON: the line does not end"));
  EXPECT_THAT(broken("{\"text\":\"a\" \"label\":\"b\"}"), HasSubstr("x.jsonl:2:13: broken JSON"));
  EXPECT_THAT(broken("{\"text\":\"a\",\"label\":\"b\"} x"), HasSubstr("x.jsonl:2:27: broken JSON"));
  EXPECT_THAT(broken("{\"text\":\"a\",\"label\":\"b\"}}"), HasSubstr("x.jsonl:2:25: broken JSON"));
  EXPECT_THAT(broken("{\"text\":\"a\",\"label\":\"b\",\"n\":01}"), HasSubstr("x.jsonl:2:29: broken JSON"));
  EXPECT_THAT(broken("{\"text\":\"a\",\"label\":\"b\",\"n\":nul}"), HasSubstr("x.jsonl:2:29: broken JSON"));
  EXPECT_THAT(broken("{\"text\":\"a\\q\",\"label\":\"b\"}"),
              HasSubstr("x.jsonl:2:9: broken JSON: a bad escape"));
  EXPECT_THAT(broken("{\"text\":\"\\ud800\",\"label\":\"b\"}"),
              HasSubstr("x.jsonl:2:9: broken JSON: a bad escape"));
  EXPECT_THAT(broken("{\"text\":\"a"), HasSubstr("x.jsonl:2:11: broken JSON: a string is not closed"));
  EXPECT_THAT(broken("{\"text\":\"a\tb\",\"label\":\"b\"}"),
              HasSubstr("x.jsonl:2:11: broken JSON: control character"));
  EXPECT_THAT(broken("{"), HasSubstr("x.jsonl:2:"));
  EXPECT_THAT(broken("[{\"text\":\"a\",\"label\":\"b\"}]"), HasSubstr("x.jsonl:2:1: not a JSON object"));
  EXPECT_THAT(broken("some words"), HasSubstr("x.jsonl:2:1: not a JSON object"));
}

TEST(Jsonl, DeepNesting) {
  const auto nested = [](std::size_t levels) {
    return "{\"text\":\"a\",\"label\":\"b\",\"x\":" + std::string(levels, '[') + std::string(levels, ']') +
           "}\n";
  };
  EXPECT_EQ(read_text("x.json", nested(90)).documents.size(), 1u);
  EXPECT_THAT(read_error("x.json", nested(101)), HasSubstr("levels deep"));
  EXPECT_THAT(read_error("x.json", nested(1000000)), HasSubstr("x.json:1:"));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  EXPECT_THAT(read_error("x.json", objects), HasSubstr("x.json:1:"));
}

TEST(Jsonl, SkipsBrokenRows) {
  ReaderOptions options;
  options.bad_rows = BadRows::skip;
  const Reading reading =
      read_text("x.jsonl",
                "{\"text\":\"a\",\"label\":\"b\"}\n{\"text\":\n{\"text\":1,\"label\":\"b\"}\n[]\n"
                "{\"text\":\"c\",\"label\":\"b\"}\n",
                options);
  EXPECT_THAT(reading.texts(), ElementsAre("a", "c"));
  EXPECT_EQ(reading.report.skipped, 3);
}

TEST(Jsonl, EscapedNulIsABadByte) {
  const std::string bytes = "{\"label\":\"a\",\"text\":\"x\\u0000y\"}\n{\"label\":\"a\",\"text\":\"z\"}\n";
  EXPECT_THAT(read_error("x.jsonl", bytes), AllOf(HasSubstr("x.jsonl:1:21:"), HasSubstr("data.bad_rows")));
  ReaderOptions options;
  options.bad_rows = BadRows::skip;
  EXPECT_THAT(read_text("x.jsonl", bytes, options).texts(), ElementsAre("z"));
  options.bad_rows = BadRows::replace;
  const Reading mended = read_text("x.jsonl", bytes, options);
  EXPECT_THAT(mended.texts(), ElementsAre("x\uFFFDy", "z"));
  EXPECT_EQ(mended.report.replaced, 1);
}

// One line in, accepted or not: the same verdict as another parser, nlohmann's, on documents damaged at
// random.
TEST(Jsonl, AcceptsWhatJsonIs) {
  std::mt19937 random(3);
  const std::string sound =
      "{\"text\":\"t\\n\",\"label\":\"l\",\"n\":[1,-2.5e3,{\"a\":null}],\"b\":{\"c\":true,\"d\":[]}}";
  const std::string alphabet = "{}[],:\"\\ntrue01-.e a";
  int accepted = 0;
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string line = sound;
    for (auto edits = 1 + random() % 2; edits > 0; --edits) {
      const std::size_t at = random() % line.size();
      switch (random() % 3) {
        case 0:
          line.erase(at, 1);
          break;
        case 1:
          line.insert(at, 1, alphabet[random() % alphabet.size()]);
          break;
        default:
          line[at] = alphabet[random() % alphabet.size()];
      }
    }
    std::string message;
    try {
      read_text("x.jsonl", line);
    } catch (const UserError& error) {
      message = error.what();
    }
    const auto says = [&](const char* words) { return message.find(words) != std::string::npos; };
    const bool broken = says("broken JSON") || says("not a JSON object");
    if (!broken && !message.empty() && !says("no field"))
      continue;  // stopped by a wrong type or label, before the end
    const bool expected = nlohmann::json::accept(line) && line[line.find_first_not_of(' ')] == '{';
    ASSERT_EQ(!broken, expected) << line << "\n" << message;
    accepted += expected ? 1 : 0;
    refused += expected ? 0 : 1;
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace sluice
