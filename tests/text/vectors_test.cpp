#include "host/text/vectors.h"

#include <cstdlib>
#include <cstring>
#include <limits>

#include "host/readers/byte_source.h"
#include "tests/text/tokens.h"

namespace sluice {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Vocabulary vocabulary_of(const Strings& tokens) {
  VocabularyCounter counter;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    for (std::size_t n = tokens.size(); n > i; --n) counter.add(tokens[i]);  // counts fall: the order stays
  }
  return BuiltVocabulary::from(counter, 1, 0).vocabulary;
}

PretrainedVectors read(std::string_view bytes, const Vocabulary& vocabulary,
                       VectorFormat format = VectorFormat::text, std::int64_t embedding_size = 0,
                       std::size_t block = 5, const std::vector<std::uint64_t>& counts = {}) {
  MemorySource source(bytes, block);
  return read_vectors(source, "v", format, vocabulary, counts, embedding_size);
}

std::string row_bytes(const std::string& word, const std::vector<float>& numbers) {
  std::string bytes = word + ' ';
  const auto* data = reinterpret_cast<const char*>(numbers.data());
  return bytes.append(data, numbers.size() * sizeof(float));
}

TEST(TextVectors, WithAndWithoutHeader) {
  const Vocabulary vocabulary = vocabulary_of({"cat", "dog", "emu"});
  for (const char* bytes :
       {"3 2\nfox 9 9\ndog 1 -2.5e-1\ncat +3 4\n", "fox 9 9\ndog\t1\t-2.5e-1 \r\ncat +3 4"}) {
    const PretrainedVectors vectors = read(bytes, vocabulary);
    EXPECT_EQ(vectors.dimension, 2);
    EXPECT_THAT(vectors.rows, ElementsAre(0, 0, 3, 4, 1, -0.25f, 0, 0));
    EXPECT_THAT(vectors.found, ElementsAre(0, 1, 1, 0));
  }
}

TEST(TextVectors, FirstOfEqualWordsCountsAndWordsWithBlanksArePassedOver) {
  const PretrainedVectors vectors =
      read("a 1 2\na 3 4\n. . 5 6\nb c d 7 8\n", vocabulary_of({"a", ".", "b"}));
  EXPECT_THAT(vectors.rows, ElementsAre(0, 0, 1, 2, 0, 0, 0, 0));
}

TEST(TextVectors, CaseFallsBackInOrder) {
  const Vocabulary vocabulary = vocabulary_of({"paris", "NATO", "usa", "Both", "\u00e9tat"});
  const PretrainedVectors vectors =
      read("PARIS 1\nParis 2\nnato 3\nUSA 4\nboth 5\nBoth 6\nBOTH 7\n\u00c9TAT 8\n", vocabulary);
  EXPECT_THAT(vectors.rows, ElementsAre(0, 2, 3, 4, 6, 8));
  EXPECT_EQ(vectors.coverage.types_by_case, 4);
}

TEST(TextVectors, CoverageCountsTypesAndTokens) {
  const PretrainedVectors vectors =
      read("a 1\nC 2\n<unk> 3\n", vocabulary_of({"a", "b", "c"}), VectorFormat::text, 1, 64, {10, 5, 4, 1});
  EXPECT_EQ(vectors.coverage.types, 3);
  EXPECT_EQ(vectors.coverage.types_found, 2);
  EXPECT_EQ(vectors.coverage.types_by_case, 1);
  EXPECT_EQ(vectors.coverage.tokens, 20u);
  EXPECT_EQ(vectors.coverage.tokens_found, 6u);
  EXPECT_THAT(vectors.found, ElementsAre(1, 1, 0, 1));
}

TEST(TextVectors, MistakesAreNamedByFileLineAndColumn) {
  const Vocabulary vocabulary = vocabulary_of({"a", "b"});
  const auto error_of = [&](std::string_view bytes, std::int64_t size = 0) {
    return user_error([&] { read(bytes, vocabulary, VectorFormat::text, size); });
  };
  EXPECT_EQ(error_of("a 1 2\nx 1\n"), "v:2:1: 1 numbers where 2 are expected");
  EXPECT_EQ(error_of("a 1 2\nb 1 2 3\n"), "v:2:1: 3 numbers where 2 are expected");
  EXPECT_EQ(error_of("a 1 x2\n"), "v:1:5: 'x2' is not a number");
  EXPECT_EQ(error_of("2 2\nb 1 2\na nan 1\n"), "v:3:3: 'nan' is not a finite number");
  EXPECT_EQ(error_of("a 1 inf\n"), "v:1:5: 'inf' is not a finite number");
  EXPECT_EQ(error_of("a 1 1e99\n"), "v:1:5: '1e99' is not a finite number");
  EXPECT_EQ(error_of("a 1 1e999\n"), "v:1:5: '1e999' is not a finite number");
  EXPECT_THAT(error_of("a 1 2 3\n", 2), AllOf(HasSubstr("v:1: "), HasSubstr("embedding_size is 2")));
  EXPECT_THAT(error_of("5 2\na 1 2\n"), AllOf(HasSubstr("v:2: "), HasSubstr("1 of 5 rows")));
  EXPECT_THAT(error_of("a\n"), HasSubstr("v:1:1: "));
  EXPECT_THAT(error_of("5 0\n"), HasSubstr("v:1: vectors of 0 numbers"));
  EXPECT_THAT(error_of(""), HasSubstr("no vector"));
}

TEST(TextVectors, TinyNumbersAreZero) {
  EXPECT_THAT(read("a 1e-60 1e-999\n", vocabulary_of({"a"})).rows, ElementsAre(0, 0, 0, 0));
}

TEST(BinaryVectors, AsWord2vecAndAsGensimWriteThem) {
  const Vocabulary vocabulary = vocabulary_of({"cat", "dog"});
  for (const char* after : {"\n", ""}) {
    const std::string bytes = "3 2\n" + row_bytes("fox", {9, 9}) + after + row_bytes("Dog", {1, -2}) + after +
                              row_bytes("cat", {3, 4}) + after;
    for (const std::size_t block : {1u, 7u, 1000u}) {
      const PretrainedVectors vectors = read(bytes, vocabulary, VectorFormat::binary, 2, block);
      EXPECT_THAT(vectors.rows, ElementsAre(0, 0, 3, 4, 1, -2));
    }
  }
}

TEST(BinaryVectors, MistakesAreNamed) {
  const Vocabulary vocabulary = vocabulary_of({"a"});
  const auto error_of = [&](const std::string& bytes, std::int64_t size = 0) {
    return user_error([&] { read(bytes, vocabulary, VectorFormat::binary, size); });
  };
  const std::string good = "2 2\n" + row_bytes("x", {1, 2}) + "\n" + row_bytes("a", {3, 4}) + "\n";
  EXPECT_THAT(error_of(good.substr(0, good.size() - 3)),
              HasSubstr("v: row 2: the file ends within the numbers of 'a'"));
  EXPECT_THAT(error_of(good.substr(0, 15)), HasSubstr("v: row 2: the file ends within a word"));
  EXPECT_THAT(error_of(good, 1), HasSubstr("embedding_size is 1"));
  EXPECT_THAT(error_of("1 2\n" + row_bytes("a", {1, std::numeric_limits<float>::quiet_NaN()})),
              HasSubstr("v: row 1 ('a'), number 2: not a finite number"));
  EXPECT_THAT(error_of("\xba\x16\x4f\x2f more"), HasSubstr("fastText model"));
  for (const char* head : {"", "2\n", "x 2\n", "2 x\n", "2 2 2\n", "-1 2\n", "2 99999999999999999999\n"}) {
    EXPECT_THAT(error_of(head), HasSubstr("v:1:1: no line")) << head;
  }
  EXPECT_THAT(error_of("2 100000000\n"), HasSubstr("v:1: vectors of 100000000 numbers"));
}

TEST(LoadVectors, FormatIsToldByTheName) {
  const TemporaryFolder folder;
  const Vocabulary vocabulary = vocabulary_of({"a"});
  EXPECT_THAT(load_vectors(folder.write("v.vec", "a 1\n"), vocabulary, {}, 1).rows, ElementsAre(0, 1));
  EXPECT_THAT(load_vectors(folder.write("v.bin", "1 1\n" + row_bytes("a", {2})), vocabulary, {}, 1).rows,
              ElementsAre(0, 2));
  EXPECT_THAT(user_error([&] { load_vectors((folder.path() / "none.vec").string(), vocabulary, {}, 1); }),
              HasSubstr("none.vec"));
}

TEST(LoadVectors, GloveOfTheCorpora) {
  const char* corpora = std::getenv("SLUICE_CORPORA");
  if (corpora == nullptr) GTEST_SKIP() << "SLUICE_CORPORA is not set";
  const Vocabulary vocabulary = vocabulary_of({"the", "Baghdad", "qqzzxx", ","});
  const PretrainedVectors vectors =
      load_vectors(std::string(corpora) + "/vectors/glove.6B.50d.vec.gz", vocabulary, {}, 50);
  EXPECT_THAT(vectors.found, ElementsAre(0, 1, 1, 0, 1));
  EXPECT_EQ(vectors.rows[50], 0.418f);
  EXPECT_EQ(vectors.rows[99], -0.78581f);
  EXPECT_EQ(vectors.coverage.types_by_case, 1);
}

}  // namespace
}  // namespace sluice
