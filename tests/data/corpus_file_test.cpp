#include "host/data/corpus_file.h"

#include <gmock/gmock.h>

#include <cstring>

#include "tests/data/support.h"

namespace sluice {
namespace {

using sluice::testing::bytes_of;
using sluice::testing::error_of;
using ::testing::HasSubstr;

class CorpusFile : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = folder_.path() + "/a.corpus";
    PrepareOptions options =
        sluice::testing::plain_options({folder_.write("train.tsv", sluice::testing::tsv(60))});
    options.test = {folder_.write("test.ft", "__label__a __label__b w1 w2\n")};
    prepare_file(options, {}, path_);
    good_ = bytes_of(path_);
  }
  std::string error_with(const std::string& bytes) {
    const std::string path = folder_.write("changed.corpus", bytes);
    return error_of([&] { Corpus::open(path); });
  }

  sluice::testing::TempFolder folder_;
  std::string path_, good_;
};

TEST_F(CorpusFile, EveryByteOfContentIsGuarded) {
  CorpusHeader header;
  std::memcpy(&header, good_.data(), sizeof header);
  EXPECT_EQ(error_with(good_), "no error");
  size_t guarded = 0;
  for (const SectionEntry& entry : header.sections) {
    for (const uint64_t at : {entry.offset, entry.offset + entry.bytes / 2, entry.offset + entry.bytes - 1}) {
      if (entry.bytes == 0) continue;
      std::string bad = good_;
      bad[at] = static_cast<char>(bad[at] ^ 0x10);
      EXPECT_THAT(error_with(bad), HasSubstr("2: " + folder_.path() + "/changed.corpus is damaged")) << at;
      ++guarded;
    }
  }
  EXPECT_GE(guarded, 3 * (kSections - 2));
  for (size_t at = 0; at < sizeof(CorpusHeader); ++at) {
    std::string bad = good_;
    bad[at] = static_cast<char>(bad[at] ^ 0x01);
    EXPECT_THAT(error_with(bad), HasSubstr("2: ")) << at;
  }
}

TEST_F(CorpusFile, CutForeignAndOlderFilesAreToldApart) {
  EXPECT_THAT(error_with(good_.substr(0, good_.size() - 1)), HasSubstr("is damaged (header or size)"));
  EXPECT_THAT(error_with(good_ + "x"), HasSubstr("is damaged (header or size)"));
  EXPECT_THAT(error_with(good_.substr(0, 40)), HasSubstr("is not a prepared corpus (too short)"));
  EXPECT_THAT(error_with(""), HasSubstr("2: "));
  EXPECT_THAT(error_with(std::string(5000, 'x')), HasSubstr("is not a prepared corpus: make it"));
  std::string older = good_;
  older[offsetof(CorpusHeader, version)] = 0;
  EXPECT_THAT(error_with(older), HasSubstr("another version"));
  EXPECT_THAT(error_of([&] { Corpus::open(folder_.path() + "/none"); }), HasSubstr("2: "));
}

TEST(CorpusFileWriter, SectionsFillSideBySideAndMustBeFull) {
  sluice::testing::TempFolder folder;
  File file = TemporaryFile::anonymous(folder.path());
  CorpusFileWriter writer(file);
  writer.reserve(Section::tokens, 8);
  writer.reserve(Section::dropped, 8);
  for (const int32_t value : {1, 2}) {
    writer.append_value(Section::tokens, value);
    writer.append_value(Section::dropped, -value);
  }
  EXPECT_THROW(writer.reserve(Section::tokens, 1), Failure);
  writer.finish();
  const CorpusHeader header = verify_corpus_file(file);
  int32_t values[2];
  file.read_at(static_cast<int64_t>(header.sections[static_cast<size_t>(Section::dropped)].offset),
               std::as_writable_bytes(std::span(values)));
  EXPECT_THAT(values, ::testing::ElementsAre(-1, -2));

  for (const int count : {1, 3}) {
    File other = TemporaryFile::anonymous(folder.path());
    CorpusFileWriter wrong(other);
    wrong.reserve(Section::tokens, 8);
    for (int32_t i = 0; i < count; ++i) wrong.append_value(Section::tokens, i);
    EXPECT_THROW(wrong.finish(), Failure) << count;
  }
}

}  // namespace
}  // namespace sluice
