// Files on disk: plain, gzip and zstd, several, missing, damaged; and standard input.
#include "host/readers/byte_source.h"
#include "tests/readers/reading.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

namespace sluice {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "sluice_readers_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }

  // `filter`: ARCHIVE_FILTER_GZIP or _ZSTD.
  std::string write_compressed(const std::string& name, const std::string& bytes, int filter) const {
    archive* out = archive_write_new();
    EXPECT_EQ(archive_write_set_format_raw(out), ARCHIVE_OK);
    EXPECT_EQ(archive_write_add_filter(out, filter), ARCHIVE_OK);
    EXPECT_EQ(archive_write_open_filename(out, path(name).c_str()), ARCHIVE_OK);
    archive_entry* entry = archive_entry_new();
    archive_entry_set_filetype(entry, AE_IFREG);
    EXPECT_EQ(archive_write_header(out, entry), ARCHIVE_OK);
    EXPECT_EQ(archive_write_data(out, bytes.data(), bytes.size()), static_cast<la_ssize_t>(bytes.size()));
    EXPECT_EQ(archive_write_close(out), ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_free(out);
    return path(name);
  }

  std::string contents(const std::string& name) const {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  static Reading read(const std::vector<std::string>& files, const ReaderOptions& options = {}) {
    return read_to_end(open_documents(files, options));
  }
  static std::string error(const std::vector<std::string>& files, const ReaderOptions& options = {}) {
    return user_error([&] { read(files, options); });
  }

  fs::path folder_;
};

// Many documents, hard to compress, so that a compressed file has several blocks.
std::string many_documents() {
  std::mt19937 random(1);
  std::string bytes;
  for (int i = 0; i < 20000; ++i)
    bytes += "__label__" + std::to_string(i % 7) + " word" + std::to_string(random()) + "\n";
  return bytes;
}

TEST_F(Files, PlainGzipAndZstdAreToldApartByContent) {
  const std::string bytes = many_documents();
  const Reading expected = read_text("x.txt", bytes);
  for (const std::string& file :
       {write("plain.txt", bytes), write_compressed("a.txt.gz", bytes, ARCHIVE_FILTER_GZIP),
        write_compressed("b.txt.zst", bytes, ARCHIVE_FILTER_ZSTD),
        write_compressed("c.txt", bytes, ARCHIVE_FILTER_GZIP),
        write_compressed("d.txt.gz", bytes, ARCHIVE_FILTER_ZSTD)}) {
    const Reading reading = read({file});
    EXPECT_EQ(reading.texts(), expected.texts()) << file;
    EXPECT_EQ(reading.labels(), expected.labels()) << file;
  }
}

TEST_F(Files, MembersOfAGzipFileFollowEachOther) {
  write_compressed("a.gz", "__label__a x\n", ARCHIVE_FILTER_GZIP);
  write_compressed("b.gz", "__label__b y\n", ARCHIVE_FILTER_GZIP);
  EXPECT_THAT(read({write("ab.txt.gz", contents("a.gz") + contents("b.gz"))}).labels(),
              ElementsAre("a", "b"));
}

TEST_F(Files, FormatComesFromTheExtension) {
  const ReaderOptions options;
  for (const char* name : {"x.jsonl", "x.ndjson", "x.json"}) {
    EXPECT_THAT(read({write(name, "{\"text\":\"t\",\"label\":\"l\"}\n")}).labels(), ElementsAre("l"));
  }
  for (const char* name : {"x.txt", "x.ft"})
    EXPECT_THAT(read({write(name, "__label__l t\n")}).labels(), ElementsAre("l"));
  EXPECT_THAT(read({write("x.csv", "l,\"t\"\n")}).texts(), ElementsAre("t"));
  EXPECT_THAT(read({write("x.tsv", "l\t\"t\"\n")}).texts(), ElementsAre("\"t\""));
  EXPECT_THAT(read({write_compressed("x.csv.gz", "l,\"t\"\n", ARCHIVE_FILTER_GZIP)}).texts(),
              ElementsAre("t"));
  EXPECT_THAT(error({write("x.data", "l,t\n")}), AllOf(HasSubstr("x.data:"), HasSubstr("--format")));
  EXPECT_THAT(read({write("x.data", "l,t\n")}, unlabelled()).texts(), ElementsAre("l,t"));
}

TEST_F(Files, FormatOptionOverridesTheExtension) {
  ReaderOptions options;
  options.format = FileFormat::csv;
  EXPECT_THAT(read({write("x.txt", "l,\"t\"\n")}, options).texts(), ElementsAre("t"));
}

TEST_F(Files, SeveralFilesFollowEachOther) {
  const std::string one = write("one.csv", "text,label\nx,a\ny,b\n");
  const std::string two = write("two.tsv", "c\tz\n");
  const Reading reading = read({one, two, one});
  EXPECT_THAT(reading.labels(), ElementsAre("a", "b", "c", "a", "b"));
  EXPECT_EQ(reading.documents[1].file, 0);
  EXPECT_EQ(reading.documents[2].file, 1);
  EXPECT_EQ(reading.documents[2].line, 1);
  EXPECT_EQ(reading.documents[4].file, 2);
  EXPECT_EQ(reading.report.rows, 5);
  EXPECT_THAT(reading.report.notes, ElementsAre(HasSubstr("two.tsv: two columns")));
}

TEST_F(Files, ThatCannotBeReadAreNamedBeforeAnyIsRead) {
  const std::string good = write("good.txt", "__label__a x\n");
  const auto open_error = [&](const std::string& second) {
    return user_error([&] { open_documents({good, second}, {}); });
  };
  EXPECT_THAT(open_error(path("missing.txt")), AllOf(HasSubstr("missing.txt"), HasSubstr("no such file")));
  EXPECT_THAT(open_error(path("good.txt/x.txt")), HasSubstr("no such file"));
  EXPECT_THAT(open_error(folder_.string()), HasSubstr("is a directory"));
  EXPECT_THAT(open_error(write("empty.txt", "")), AllOf(HasSubstr("empty.txt"), HasSubstr("is empty")));
  EXPECT_THAT(user_error([&] { open_documents({"-", "-"}, unlabelled()); }), HasSubstr("standard input"));
  if (::geteuid() != 0) {  // root may read everything
    ::chmod(write("locked.txt", "x").c_str(), 0);
    EXPECT_THAT(open_error(path("locked.txt")), HasSubstr("locked.txt: cannot be read"));
  }
}

TEST_F(Files, WithoutARowAreErrors) {
  EXPECT_THAT(error({write("blank.txt", "\n \n")}), AllOf(HasSubstr("blank.txt"), HasSubstr("is empty")));
  EXPECT_THAT(error({write("header.csv", "text,label\n")}), HasSubstr("header.csv: is empty"));
  EXPECT_THAT(error({write_compressed("x.txt.gz", "", ARCHIVE_FILTER_GZIP)}), HasSubstr("is empty"));
  EXPECT_THAT(error({write("good.txt", "__label__a x\n"), write("bom.txt", "\xEF\xBB\xBF")}),
              HasSubstr("bom.txt: is empty"));
  ReaderOptions options;
  options.bad_rows = BadRows::skip;
  EXPECT_THAT(error({write("bad.txt", "x\ny\n")}, options),
              AllOf(HasSubstr("bad.txt: none of its 2 rows"), HasSubstr("data.bad_rows")));
}

TEST_F(Files, DamagedCompressionIsAnError) {
  const std::string bytes = many_documents();
  for (const auto& [name, filter] :
       {std::pair{"x.txt.gz", ARCHIVE_FILTER_GZIP}, std::pair{"x.txt.zst", ARCHIVE_FILTER_ZSTD}}) {
    write_compressed(name, bytes, filter);
    const std::string sound = contents(name);
    const auto expected = AllOf(HasSubstr(name), HasSubstr("again"));
    for (const std::size_t size : {sound.size() / 2, sound.size() - 1, std::size_t{12}, std::size_t{1}}) {
      EXPECT_THAT(error({write(name, sound.substr(0, size))}), expected) << name << " " << size;
    }
    std::string head = sound;
    head[0] = 'x';
    EXPECT_THAT(error({write(name, head)}), expected) << name;
    EXPECT_THAT(error({write(name, sound + "more")}), expected) << name;
  }
}

std::string decompress(std::string_view bytes, std::size_t block_bytes) {
  const auto source = decompressed(std::make_unique<MemorySource>(bytes, block_bytes), "x");
  std::string all;
  for (std::string_view block = source->read(); !block.empty(); block = source->read()) all += block;
  return all;
}

TEST_F(Files, CompressedBytesMayArriveInAnyBlocks) {
  write_compressed("x.gz", "some text", ARCHIVE_FILTER_GZIP);
  write_compressed("x.zst", "some text", ARCHIVE_FILTER_ZSTD);
  for (const std::size_t block : {1, 2, 3, 7, 1000}) {
    EXPECT_EQ(decompress(contents("x.gz"), block), "some text") << block;
    EXPECT_EQ(decompress(contents("x.zst"), block), "some text") << block;
    EXPECT_EQ(decompress("some text", block), "some text") << block;
    EXPECT_EQ(decompress("", block), "") << block;
  }
}

// No single bit of a gzip file may change and other words be read. (zstd data need not hold a checksum, and
// libarchive writes none.)
TEST_F(Files, FlippedBitsOfGzipChangeNoText) {
  const std::string bytes = many_documents().substr(0, 3000);
  write_compressed("x.gz", bytes, ARCHIVE_FILTER_GZIP);
  const std::string sound = contents("x.gz");
  std::mt19937 random(2);
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string flipped = sound;
    const std::size_t at = random() % flipped.size();
    flipped[at] = static_cast<char>(flipped[at] ^ 1 << random() % 8);
    std::string read_back;
    try {
      read_back = decompress(flipped, 1000);
    } catch (const UserError&) {
      ++refused;
      continue;
    }
    // A bit of the header that says nothing of the text, as the time of writing; or it is no gzip file any
    // more, and its bytes, which are no text, are taken as they are.
    ASSERT_TRUE(read_back == bytes || (at < 2 && read_back == flipped)) << at;
  }
  EXPECT_GT(refused, 900);
}

TEST_F(Files, ZerosMayFollowGzipData) {
  write_compressed("a.gz", "__label__a x\n", ARCHIVE_FILTER_GZIP);
  EXPECT_THAT(read({write("b.txt.gz", contents("a.gz") + std::string(1000, '\0'))}).labels(),
              ElementsAre("a"));
}

// Standard input from a file, while it lives.
class Stdin {
 public:
  explicit Stdin(const std::string& file, int flags = O_RDONLY) : saved_(::dup(STDIN_FILENO)) {
    const int opened = ::open(file.c_str(), flags);
    EXPECT_GE(opened, 0);
    ::dup2(opened, STDIN_FILENO);
    ::close(opened);
  }
  ~Stdin() {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }
  Stdin(const Stdin&) = delete;
  Stdin& operator=(const Stdin&) = delete;

 private:
  int saved_;
};

TEST_F(Files, NothingToReadIsLegalWhereNoLabelsAreNeeded) {
  EXPECT_THAT(
      read({write("none.txt", ""), write("one.txt", "a\n"), write("head.csv", "text\n")}, unlabelled())
          .texts(),
      ElementsAre("a"));
}

TEST_F(Files, StandardInput) {
  const auto from = [&](const std::string& file, const ReaderOptions& options) {
    const Stdin input(file);
    return read({"-"}, options);
  };
  EXPECT_THAT(from(write("x", "one\ntwo\n"), unlabelled()).texts(), ElementsAre("one", "two"));
  ReaderOptions options;
  options.format = FileFormat::csv;
  EXPECT_THAT(from(write_compressed("y", "a,b\n", ARCHIVE_FILTER_GZIP), options).labels(), ElementsAre("a"));
  EXPECT_THAT(user_error([&] { from(write("x", "a\n"), options); }), HasSubstr("<stdin>:1:1:"));
  EXPECT_THAT(from("/dev/null", unlabelled()).texts(), testing::IsEmpty());
  EXPECT_THAT(user_error([&] { from("/dev/null", {}); }), AllOf(HasSubstr("<stdin>"), HasSubstr("--format")));
  EXPECT_THAT(user_error([&] { from(folder_.string(), unlabelled()); }), HasSubstr("is a directory"));
}

TEST_F(Files, AFailedReadIsTheMachinesFailure) {
  const Stdin input(write("x", "one\n"), O_WRONLY);
  try {
    read({"-"}, unlabelled());
    ADD_FAILURE() << "nothing thrown";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("<stdin>: cannot be read"));
    EXPECT_EQ(failure.exit_code(), 1);
  }
}

TEST_F(Files, APipeHandsOutLinesAsTheyArrive) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int saved = ::dup(STDIN_FILENO);
  ::dup2(ends[0], STDIN_FILENO);
  ::close(ends[0]);
  const std::string first = "a first line\n";
  ASSERT_EQ(::write(ends[1], first.data(), first.size()), static_cast<ssize_t>(first.size()));
  DocumentReader reader = open_documents({"-"}, unlabelled());
  Document document;
  ASSERT_TRUE(reader.next(document));  // the writing end is still open: this must not wait for more
  EXPECT_EQ(document.text, "a first line");
  ::close(ends[1]);
  EXPECT_FALSE(reader.next(document));
  ::dup2(saved, STDIN_FILENO);
  ::close(saved);
}

}  // namespace
}  // namespace sluice
