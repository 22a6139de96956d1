#include "host/data/cache.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "tests/data/support.h"

namespace sluice {
namespace {

using sluice::testing::error_of;
using sluice::testing::plain_options;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Cache : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("SLUICE_CACHE", cache_.path().c_str(), 1);
    options_ = plain_options({folder_.write("train.tsv", sluice::testing::tsv(300))});
  }
  void TearDown() override { unsetenv("SLUICE_CACHE"); }

  CachedCorpus get(const PrepareOptions& options) {
    notes_.clear();
    return prepare_cached(options, {.threads = 2}, [&](const std::string& note) { notes_.push_back(note); });
  }
  std::string entry() const { return cache_.path() + "/" + cache_key(options_) + ".corpus"; }

  sluice::testing::TempFolder folder_, cache_;
  PrepareOptions options_;
  std::vector<std::string> notes_;
};

TEST_F(Cache, TheSecondTimeFindsWhatTheFirstMade) {
  const CachedCorpus first = get(options_);
  EXPECT_FALSE(first.hit);
  const CachedCorpus second = get(options_);
  EXPECT_TRUE(second.hit);
  EXPECT_THAT(second.corpus.tokens(17), ::testing::ElementsAreArray(first.corpus.tokens(17)));
  EXPECT_THAT(notes_, IsEmpty());
  EXPECT_THAT(cache_.names(), ::testing::ElementsAre(cache_key(options_) + ".corpus"));
}

TEST_F(Cache, EveryOptionAndEveryByteCounts) {
  const std::string other = folder_.write("other.tsv", sluice::testing::tsv(300));
  const std::string stop = folder_.write("stop.txt", "w1\n");
  using Change = std::function<void(PrepareOptions&)>;
  const std::vector<Change> changes = {
      [](PrepareOptions&) {},
      [&](PrepareOptions& o) { o.train = {other}; },
      [&](PrepareOptions& o) { o.train.push_back(other); },
      [&](PrepareOptions& o) { o.valid = {other}; },
      [&](PrepareOptions& o) { o.test = {other}; },
      [](PrepareOptions& o) { o.reader.format = FileFormat::tsv; },
      [](PrepareOptions& o) {
        o.reader.text_columns = {"a", "b"};
      },
      [](PrepareOptions& o) {
        o.reader.text_columns = {"aa", "b"};
      },
      [](PrepareOptions& o) {
        o.reader.text_columns = {"a", "ab"};
      },
      [](PrepareOptions& o) { o.reader.label_column = "x"; },
      [](PrepareOptions& o) { o.reader.header = HeaderRow::no; },
      [](PrepareOptions& o) { o.reader.bad_rows = BadRows::skip; },
      [](PrepareOptions& o) { o.reader.label_prefix = "#"; },
      [](PrepareOptions& o) { o.reader.label_separator = "|"; },
      [](PrepareOptions& o) { o.reader.max_document_bytes = 100; },
      [](PrepareOptions& o) { o.reader.labels_required = false; },
      [](PrepareOptions& o) { o.text.normalize = "none"; },
      [](PrepareOptions& o) { o.text.lowercase = false; },
      [](PrepareOptions& o) { o.text.html = "strip"; },
      [](PrepareOptions& o) { o.text.email_headers = "strip"; },
      [](PrepareOptions& o) { o.text.urls = "keep"; },
      [](PrepareOptions& o) { o.text.numbers = "fold"; },
      [](PrepareOptions& o) { o.text.users = "fold"; },
      [](PrepareOptions& o) { o.text.tokenizer = "char"; },
      [](PrepareOptions& o) { o.text.punctuation = "keep"; },
      [](PrepareOptions& o) { o.text.stop_words = "english"; },
      [&](PrepareOptions& o) { o.text.stop_words = stop; },
      [](PrepareOptions& o) { o.text.stemmer = "english"; },
      [](PrepareOptions& o) { o.text.max_tokens = 7; },
      [](PrepareOptions& o) { o.text.truncate = "tail"; },
      [](PrepareOptions& o) { o.min_count = 2; },
      [](PrepareOptions& o) { o.max_vocabulary = 100; },
      [](PrepareOptions& o) { o.valid_share = 0.2; },
      [](PrepareOptions& o) { o.seed = 2; },
  };
  std::set<std::string> keys;
  for (const Change& change : changes) {
    PrepareOptions options = options_;
    change(options);
    keys.insert(cache_key(options));
  }
  EXPECT_EQ(keys.size(), changes.size());

  options_.text.stop_words = stop;
  keys.insert(cache_key(options_));
  folder_.write("stop.txt", "w2\n");
  EXPECT_TRUE(keys.insert(cache_key(options_)).second) << "another stop word";
  folder_.write("train.tsv", sluice::testing::tsv(300) + "a\tone more\n");
  EXPECT_TRUE(keys.insert(cache_key(options_)).second) << "another byte of data";
}

TEST_F(Cache, DamagedEntriesAreMadeAgain) {
  const int64_t tokens = get(options_).corpus.meta().tokens;
  const std::string good = sluice::testing::bytes_of(entry());
  for (const std::string& bad : {good.substr(0, good.size() / 2), std::string(), std::string("junk")}) {
    std::ofstream(entry(), std::ios::binary) << bad;
    const CachedCorpus again = get(options_);
    EXPECT_FALSE(again.hit);
    EXPECT_EQ(again.corpus.meta().tokens, tokens);
    ASSERT_THAT(notes_, SizeIs(1));
    EXPECT_THAT(notes_[0], HasSubstr("making it again"));
    EXPECT_EQ(sluice::testing::bytes_of(entry()), good);
  }
  std::string flipped = good;
  flipped[good.size() / 2] ^= 4;
  std::ofstream(entry(), std::ios::binary) << flipped;
  EXPECT_FALSE(get(options_).hit);
}

TEST_F(Cache, AProcessKilledHalfWayHarmsNothing) {
  const pid_t child = fork();
  if (child == 0) {
    const PrepareRun kill_me{.threads = 1, .progress = [](int64_t) { kill(getpid(), SIGKILL); }};
    prepare_cached(options_, kill_me, [](const std::string&) {});
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_THAT(cache_.names(), SizeIs(1));
  EXPECT_FALSE(get(options_).hit);
  EXPECT_TRUE(get(options_).hit);
  EXPECT_THAT(cache_.names(), SizeIs(1)) << "what the killed process left is gone";
}

TEST_F(Cache, TwoProcessesAtOnceDoNotHarmEachOther) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(fork());
    if (children.back() == 0) {
      const int64_t documents = get(options_).corpus.documents();
      _exit(documents == 300 && notes_.empty() ? 0 : 1);
    }
  }
  for (const pid_t child : children) {
    int status = 1;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_TRUE(get(options_).hit);
  EXPECT_THAT(cache_.names(), SizeIs(1));
}

TEST_F(Cache, EntriesLongUnusedGoWhenANewOneIsMade) {
  get(options_);
  const std::string old_entry = entry();
  namespace fs = std::filesystem;
  fs::last_write_time(old_entry, fs::file_time_type::clock::now() - std::chrono::hours(24 * 40));
  EXPECT_TRUE(get(options_).hit);  // which counts as use
  options_.seed = 3;
  get(options_);
  EXPECT_TRUE(fs::exists(old_entry));
  fs::last_write_time(old_entry, fs::file_time_type::clock::now() - std::chrono::hours(24 * 40));
  options_.seed = 4;
  get(options_);
  EXPECT_FALSE(fs::exists(old_entry));
  EXPECT_THAT(cache_.names(), SizeIs(2));
}

TEST_F(Cache, WithoutAFolderTheCorpusIsMadeAllTheSame) {
  setenv("SLUICE_CACHE", "/proc/no/such", 1);
  const CachedCorpus made = get(options_);
  EXPECT_FALSE(made.hit);
  EXPECT_EQ(made.corpus.documents(), 300);
  ASSERT_THAT(notes_, SizeIs(1));
  EXPECT_THAT(notes_[0], HasSubstr("no cache: "));
}

TEST_F(Cache, ChangingDataWhileItIsReadIsNoticed) {
  const PrepareRun meddle{.threads = 1, .progress = [&](int64_t) {
                            std::ofstream(options_.train[0], std::ios::app) << "a\tmore\n";
                          }};
  EXPECT_THAT(error_of([&] { prepare_cached(options_, meddle, [](const std::string&) {}); }),
              HasSubstr("changed while it was being read"));
  EXPECT_THAT(cache_.names(), IsEmpty());
}

TEST_F(Cache, MissingFilesAreTheUsersMistake) {
  options_.test = {"/no/such/file.tsv"};
  EXPECT_THAT(error_of([&] { get(options_); }), ::testing::StartsWith("2: "));
}

TEST(CacheFolder, FollowsTheEnvironment) {
  const std::string home = std::getenv("HOME") ? std::getenv("HOME") : "";
  setenv("SLUICE_CACHE", "/a", 1);
  setenv("XDG_CACHE_HOME", "/b", 1);
  setenv("HOME", "/c", 1);
  EXPECT_EQ(cache_folder(), "/a");
  unsetenv("SLUICE_CACHE");
  EXPECT_EQ(cache_folder(), "/b/sluice");
  unsetenv("XDG_CACHE_HOME");
  EXPECT_EQ(cache_folder(), "/c/.cache/sluice");
  setenv("HOME", home.c_str(), 1);
}

}  // namespace
}  // namespace sluice
