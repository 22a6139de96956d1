#include "host/data/cache.h"

#include <link.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <type_traits>

#include "engine/error.h"
#include "host/readers/byte_source.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExtension = ".corpus";
constexpr auto kUnusedFor = std::chrono::hours(24 * 30);

class KeyHash {
 public:
  KeyHash() : state_(XXH3_createState()) {
    SLUICE_CHECK(state_ && XXH3_128bits_reset(state_.get()) == XXH_OK, "no memory for a hash");
  }
  // Sizes go in before contents: no two lists of values look alike.
  void add(const std::string& text) {
    add(text.size());
    XXH3_128bits_update(state_.get(), text.data(), text.size());
  }
  void add(const std::vector<std::string>& texts) {
    add(texts.size());
    for (const std::string& text : texts) add(text);
  }
  template <class T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void add(T value) { XXH3_128bits_update(state_.get(), &value, sizeof value); }
  void add_file(const std::string& path) {
    const File file = File::open_read(path);
    const int64_t size = file.size();
    add(size);
    std::vector<std::byte> block(1u << 20);
    for (int64_t at = 0; at < size; at += static_cast<int64_t>(block.size())) {
      const auto part =
          std::span(block).first(static_cast<size_t>(std::min<int64_t>(block.size(), size - at)));
      file.read_at(at, part);
      XXH3_128bits_update(state_.get(), part.data(), part.size());
    }
  }
  std::string digest() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_;
};

// Structured bindings name every member: a new one that is not hashed does not compile.
void add_options(KeyHash& hash, const ReaderOptions& options) {
  const auto& [format, text_columns, label_column, header, bad_rows, label_prefix, label_separator,
               max_document_bytes, labels_required] = options;
  hash.add(format);
  hash.add(text_columns);
  hash.add(label_column);
  hash.add(header);
  hash.add(bad_rows);
  hash.add(label_prefix);
  hash.add(label_separator);
  hash.add(max_document_bytes);
  hash.add(labels_required);
}

void add_options(KeyHash& hash, const TextOptions& options) {
  const auto& [normalize, lowercase, html, email_headers, urls, numbers, users, tokenizer, punctuation,
               stop_words, stemmer, max_tokens, truncate] = options;
  hash.add(normalize);
  hash.add(lowercase);
  hash.add(html);
  hash.add(email_headers);
  hash.add(urls);
  hash.add(numbers);
  hash.add(users);
  hash.add(tokenizer);
  hash.add(punctuation);
  hash.add(stop_words);
  if (stop_words != "none" && stop_words != "english") hash.add_file(stop_words);
  hash.add(stemmer);
  hash.add(max_tokens);
  hash.add(truncate);
}

std::vector<std::string> data_files(const PrepareOptions& options) {
  std::vector<std::string> files = options.train;
  files.insert(files.end(), options.valid.begin(), options.valid.end());
  files.insert(files.end(), options.test.begin(), options.test.end());
  return files;
}

// Size and time of the last change of each file: alike before and after, it was not changed in between.
std::vector<int64_t> stamps(const std::vector<std::string>& files) {
  std::vector<int64_t> all;
  for (const std::string& file : files) {
    struct stat status {};
    SLUICE_CHECK(stat(file.c_str(), &status) == 0, "{} has gone while it was being read: run again", file);
    all.insert(all.end(), {status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec});
  }
  return all;
}

std::optional<Corpus> open_entry(const std::string& path,
                                 const std::function<void(const std::string&)>& note) {
  std::error_code error;
  if (!fs::exists(path, error)) return std::nullopt;
  try {
    Corpus corpus = Corpus::open(path);
    fs::last_write_time(path, fs::file_time_type::clock::now(),
                        error);  // "used"; where it cannot be said, no harm
    return corpus;
  } catch (const Error& e) {
    note(fmt::format("cache: {}; making it again", e.what()));
    return std::nullopt;
  }
}

// A courtesy to the disk: what cannot be removed stays.
void remove_unused(const std::string& folder) {
  std::error_code error;
  const auto now = fs::file_time_type::clock::now();
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == kExtension && now - entry.last_write_time(error) > kUnusedFor && !error)
      fs::remove(entry.path(), error);
  }
  TemporaryFile::remove_abandoned(folder);
}

Corpus prepare_unnamed(const PrepareOptions& options, const PrepareRun& run) {
  const std::string folder = fs::temp_directory_path();
  File out = TemporaryFile::anonymous(folder);
  prepare(options, run, folder, out);
  return Corpus(std::move(out));
}

// The cache folder, made if need be; "" with a note where it cannot be written to.
std::string usable_folder(const std::function<void(const std::string&)>& note) {
  const std::string folder = cache_folder();
  if (folder.empty()) {
    note("no cache: neither SLUICE_CACHE nor HOME is set");
    return "";
  }
  try {
    fs::create_directories(folder);
    TemporaryFile::anonymous(folder);
    return folder;
  } catch (const std::exception& e) {
    note(fmt::format("no cache: {}", e.what()));
    return "";
  }
}

// The libraries that decide where a word ends and what its stem is; libstemmer cannot tell its version.
void add_text_libraries(KeyHash& hash) {
  std::vector<std::string> paths;
  const auto collect = [](dl_phdr_info* library, size_t, void* list) {
    const std::string path = library->dlpi_name;
    for (const char* name : {"/libicu", "/libstemmer"})
      if (path.find(name) != std::string::npos) static_cast<std::vector<std::string>*>(list)->push_back(path);
    return 0;
  };
  dl_iterate_phdr(collect, &paths);
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    hash.add(fs::canonical(path).string());
    for (const int64_t stamp : stamps({path})) hash.add(stamp);
  }
}

}  // namespace

std::string cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (const std::string own = variable("SLUICE_CACHE"); !own.empty()) return own;
  if (const std::string shared = variable("XDG_CACHE_HOME"); !shared.empty()) return shared + "/sluice";
  if (const std::string home = variable("HOME"); !home.empty()) return home + "/.cache/sluice";
  return "";
}

std::string cache_key(const PrepareOptions& options) {
  const auto& [train, valid, test, reader, text, min_count, max_vocabulary, valid_share, seed] = options;
  KeyHash hash;
  hash.add_file("/proc/self/exe");
  add_text_libraries(hash);
  for (const auto* files : {&train, &valid, &test}) {
    hash.add(*files);
    for (const std::string& file : *files) hash.add_file(file);
  }
  add_options(hash, reader);
  add_options(hash, text);
  hash.add(min_count);
  hash.add(max_vocabulary);
  hash.add(valid_share);
  hash.add(seed);
  return hash.digest();
}

CachedCorpus prepare_cached(const PrepareOptions& options, const PrepareRun& run,
                            const std::function<void(const std::string&)>& note) {
  check(options);
  const std::vector<std::string> files = data_files(options);
  for (const std::string& file : files) check_readable(file);
  if (std::find(files.begin(), files.end(), "-") != files.end())
    return {prepare_unnamed(options, run), false};
  const std::string folder = usable_folder(note);
  if (folder.empty()) return {prepare_unnamed(options, run), false};

  const std::vector<int64_t> before = stamps(files);
  const std::string path = folder + "/" + cache_key(options) + kExtension;
  if (std::optional<Corpus> corpus = open_entry(path, note)) return {std::move(*corpus), true};
  remove_unused(folder);
  TemporaryFile temporary(folder);
  prepare(options, run, folder, temporary.file());
  SLUICE_CHECK(stamps(files) == before, "a data file changed while it was being read: run again");
  temporary.rename_to(path);
  return {Corpus::open(path), false};
}

}  // namespace sluice
