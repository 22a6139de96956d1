#include "engine/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/data/support.h"

namespace sluice {
namespace {

using sluice::testing::error_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(TemporaryFile, BearsItsTargetsNameOnlyWhenWhole) {
  sluice::testing::TempFolder folder;
  folder.write("target", "old");
  {
    TemporaryFile file(folder.path());
    file.file().write_at(0, as_bytes("new"));
    EXPECT_EQ(sluice::testing::bytes_of(folder.path() + "/target"), "old");
    file.rename_to(folder.path() + "/target");
  }
  EXPECT_EQ(sluice::testing::bytes_of(folder.path() + "/target"), "new");
  EXPECT_THAT(folder.names(), ElementsAre("target"));
}

TEST(TemporaryFile, TakesThePlaceOfNothingButARegularFile) {
  sluice::testing::TempFolder folder;
  const std::string pipe = folder.path() + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(error_of([&] { write_file(pipe, "new"); }),
              AllOf(StartsWith("2: "), HasSubstr("regular file")));
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  EXPECT_THAT(folder.names(), ElementsAre("pipe"));
}

TEST(TemporaryFile, VanishesUnlessRenamed) {
  sluice::testing::TempFolder folder;
  {
    TemporaryFile file(folder.path());
    const TemporaryFile moved(std::move(file));
    EXPECT_EQ(folder.names().size(), 1u);
  }
  EXPECT_THAT(folder.names(), IsEmpty());
}

TEST(TemporaryFile, AnonymousHasNoName) {
  sluice::testing::TempFolder folder;
  File file = TemporaryFile::anonymous(folder.path());
  EXPECT_THAT(folder.names(), IsEmpty());
  file.write_at(5, as_bytes("x"));
  EXPECT_EQ(file.size(), 6);
}

TEST(TemporaryFile, AKilledProcessLeavesAFileThatIsCleanedUpAndALivingOneKeepsIts) {
  sluice::testing::TempFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    TemporaryFile file(folder.path());
    kill(getpid(), SIGKILL);
  }
  waitpid(child, nullptr, 0);
  ASSERT_EQ(folder.names().size(), 1u);
  const std::string abandoned = folder.names()[0];
  const TemporaryFile living(folder.path());
  folder.write("other", "");
  TemporaryFile::remove_abandoned(folder.path());
  EXPECT_THAT(folder.names(),
              ::testing::UnorderedElementsAre("other", std::filesystem::path(living.path()).filename()));
  EXPECT_THAT(folder.names(), ::testing::Not(::testing::Contains(abandoned)));
}

TEST(TemporaryFile, AFolderThatIsNotThereIsTheUsersMistake) {
  EXPECT_THAT(error_of([] { TemporaryFile("/no/such/folder"); }),
              StartsWith("2: cannot write in the folder '/no/such"));
}

TEST(File, ReadingPastTheEndAndWritingToAFullDiskFail) {
  sluice::testing::TempFolder folder;
  const File file = File::open_read(folder.write("short", "abc"));
  std::byte four[4];
  EXPECT_THAT(error_of([&] { file.read_at(0, four); }), HasSubstr("ends early"));
  File full(open("/dev/full", O_WRONLY), "/dev/full");
  EXPECT_THAT(error_of([&] { full.write_at(0, four); }),
              StartsWith("1: cannot write /dev/full: No space left"));
}

}  // namespace
}  // namespace sluice
