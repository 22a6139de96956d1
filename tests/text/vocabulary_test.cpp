#include "host/text/vocabulary.h"

#include <map>

#include "host/readers/byte_source.h"
#include "tests/text/tokens.h"

namespace sluice {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

VocabularyCounter counted(const Strings& tokens) {
  VocabularyCounter counter;
  for (const std::string& token : tokens) counter.add(token);
  return counter;
}

Strings tokens_in(const Vocabulary& vocabulary) {
  Strings tokens;
  for (std::int32_t id = 0; id < vocabulary.size(); ++id) tokens.emplace_back(vocabulary.token(id));
  return tokens;
}

TEST(StringTable, AgreesWithAMap) {
  StringTable table;
  std::map<std::string, std::int32_t> expected;
  std::mt19937 random(8);
  for (int i = 0; i < 50000; ++i) {
    const std::string text = std::to_string(random() % 20000);
    const auto [entry, fresh] = expected.emplace(text, static_cast<std::int32_t>(expected.size()));
    ASSERT_EQ(table.find(text), fresh ? StringTable::kAbsent : entry->second);
    ASSERT_EQ(table.add(text), entry->second);
  }
  ASSERT_EQ(table.size(), static_cast<std::int32_t>(expected.size()));
  for (const auto& [text, number] : expected) ASSERT_EQ(table[number], text);
}

TEST(VocabularyCounter, ProvisionalIdsComeInOrderOfFirstSight) {
  VocabularyCounter counter;
  TokenList tokens;
  for (const char* word : {"b", "a", "b", "c"}) tokens.add(word);
  std::vector<std::int32_t> ids = {7};
  counter.add(tokens, ids);
  EXPECT_THAT(ids, ElementsAre(7, 0, 1, 0, 2));
  EXPECT_EQ(counter.count(0), 2u);
  EXPECT_EQ(counter.token(2), "c");
}

TEST(Vocabulary, IsOrderedByCountThenBytes) {
  const BuiltVocabulary built =
      BuiltVocabulary::from(counted({"z", "b", "b", "a", "z", "c", "\u00e9"}), 1, 0);
  EXPECT_THAT(tokens_in(built.vocabulary), ElementsAre("<unk>", "b", "z", "a", "c", "\u00e9"));
  EXPECT_THAT(built.remap, ElementsAre(2, 1, 3, 4, 5));
  EXPECT_THAT(built.counts, ElementsAre(0u, 2u, 2u, 1u, 1u, 1u));
  EXPECT_EQ(built.vocabulary.id("z"), 2);
  EXPECT_EQ(built.vocabulary.id("absent"), Vocabulary::kUnknownId);
}

TEST(Vocabulary, MinCountAndMaxSizeSendTheRestToUnknown) {
  const VocabularyCounter counter = counted({"a", "b", "a", "c", "a", "b", "<unk>"});
  const BuiltVocabulary frequent = BuiltVocabulary::from(counter, 2, 0);
  EXPECT_THAT(tokens_in(frequent.vocabulary), ElementsAre("<unk>", "a", "b"));
  EXPECT_THAT(frequent.counts, ElementsAre(2u, 3u, 2u));  // c, and the text's own <unk>
  EXPECT_THAT(frequent.remap, ElementsAre(1, 2, 0, 0));
  EXPECT_THAT(tokens_in(BuiltVocabulary::from(counter, 1, 2).vocabulary), ElementsAre("<unk>", "a"));
  EXPECT_THAT(tokens_in(BuiltVocabulary::from(counter, 1, 1).vocabulary), ElementsAre("<unk>"));
  const VocabularyCounter spoken = counted({"<unk>", "<unk>", "a"});  // takes no second row
  EXPECT_THAT(tokens_in(BuiltVocabulary::from(spoken, 1, 2).vocabulary), ElementsAre("<unk>", "a"));
  EXPECT_THAT(tokens_in(BuiltVocabulary::from(VocabularyCounter(), 1, 0).vocabulary), ElementsAre("<unk>"));
}

TEST(Vocabulary, SavedAndLoadedIsTheSame) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "vocab.txt").string();
  const Strings odd = {" ", "\\", "\n", "\r", "\t", "\\n", "a b", "\u00e9", "#", "<url>"};
  const Vocabulary vocabulary = BuiltVocabulary::from(counted(odd), 1, 0).vocabulary;
  vocabulary.save(path);
  EXPECT_EQ(tokens_in(Vocabulary::load(path)), tokens_in(vocabulary));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1)
      << "a temporary file stayed";
}

TEST(Vocabulary, DamageIsNamedByFileLineAndColumn) {
  const auto error_of = [](std::string_view bytes) {
    return user_error([&] {
      MemorySource source(bytes, 7);
      Vocabulary::read(source, "vocab.txt");
    });
  };
  EXPECT_THAT(error_of(""), HasSubstr("vocab.txt: the file is empty"));
  EXPECT_THAT(error_of("the\n"), AllOf(HasSubstr("vocab.txt:1:1: "), HasSubstr("'the', not <unk>")));
  EXPECT_THAT(error_of("<unk>\na\nb\na\n"), AllOf(HasSubstr("vocab.txt:4:1: "), HasSubstr("line 2 already")));
  EXPECT_THAT(error_of("<unk>\n<unk>\n"), HasSubstr("vocab.txt:2:1: "));
  EXPECT_THAT(error_of("<unk>\n\n"), HasSubstr("vocab.txt:2:1: an empty line"));
  EXPECT_THAT(error_of("<unk>\nab\xff\n"), AllOf(HasSubstr("vocab.txt:2:3: "), HasSubstr("UTF-8")));
  EXPECT_THAT(error_of("<unk>\na\\x\n"), HasSubstr("vocab.txt:2:2: a backslash"));
  EXPECT_THAT(error_of("<unk>\na\\"), HasSubstr("vocab.txt:2:2: a backslash"));
  EXPECT_THAT(user_error([] { Vocabulary::load("/nonexistent/vocab.txt"); }),
              HasSubstr("/nonexistent/vocab.txt"));
}

}  // namespace
}  // namespace sluice
