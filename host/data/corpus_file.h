// The file of a prepared corpus: a header and sections of plain arrays, made to be mapped.
//
// Note [Corpus file]
// Header (CorpusHeader, at offset 0), then the sections in any order, each at a multiple of 64 bytes.
// Integers are in the machine's own byte order, which the header states: the file is a cache, not an exchange
// format. The header bears the file's size, each section's place, size and XXH3-64 checksum, and a checksum
// of itself.
//
//   section         elements    count  what
//   meta            CorpusMeta  1
//   tokens          int32       N      ids of all documents, one after another
//   offsets         int64       D+1    tokens of document d: [offsets[d], offsets[d+1])
//   class_offsets   int64       D+1    its classes; absent (0 bytes) where every document has just one
//   classes         int32              ascending within a document; >= meta.classes: not in training
//   dropped         int32       D      tokens cut off by truncation
//   lines           int64       D      line of its row in its file, from 1
//   fingerprints    uint64      D      hash of its tokens as words
//   file_runs       FileRun            file of each document
//   class_counts    int64       P*L    documents of each label in each part
//   token_counts    uint64      V      how often each id stands in the training part; absent without one
//   labels          names              each ends in NUL
//   files           names
//   notes           names
//   vocabulary      text               see Vocabulary
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/file.h"

namespace sluice {

enum class Section : uint32_t {
  meta,
  tokens,
  offsets,
  class_offsets,
  classes,
  dropped,
  lines,
  fingerprints,
  file_runs,
  class_counts,
  token_counts,
  labels,
  files,
  notes,
  vocabulary
};
inline constexpr size_t kSections = 15;
inline constexpr uint32_t kCorpusVersion = 1;

struct SectionEntry {
  uint64_t offset = 0, bytes = 0, checksum = 0;
};

struct CorpusHeader {
  char magic[8] = {'s', 'l', 'u', 'i', 'c', 'e', ' ', 'c'};
  uint32_t version = kCorpusVersion;
  uint32_t byte_order = 0x01020304;
  uint64_t file_bytes = 0;
  std::array<SectionEntry, kSections> sections;
  uint64_t checksum = 0;  // of all before it
};

// Writes a corpus file. Sections are reserved with their final size and may then be filled side by side.
class CorpusFileWriter {
 public:
  explicit CorpusFileWriter(File& file);  // empty and open for writing; must outlive the writer
  ~CorpusFileWriter();

  // Makes room for a section. Each section at most once.
  void reserve(Section section, uint64_t bytes);
  // Appends to a reserved section.
  void append(Section section, std::span<const std::byte> bytes);
  template <class T>
  void append(Section section, std::span<const T> values) {
    append(section, std::as_bytes(values));
  }
  template <class T>
  void append_value(Section section, const T& value) {
    append(section, std::as_bytes(std::span(&value, 1)));
  }
  // Reserves and fills.
  void write(Section section, std::string_view text);
  // Writes the header. Throws Failure unless every section is full.
  void finish();

 private:
  struct Stream;  // a section being written
  void flush(Stream& stream);

  File& file_;
  CorpusHeader header_;
  std::vector<Stream> streams_;
};

// Reads the header and verifies every checksum, without mapping anything. Throws UserError naming the file
// when it is no corpus, of another version, cut or damaged.
CorpusHeader verify_corpus_file(const File& file);

}  // namespace sluice
