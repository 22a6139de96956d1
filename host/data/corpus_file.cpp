#include "host/data/corpus_file.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <type_traits>

#include "engine/error.h"

namespace sluice {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr size_t kBlockBytes = 1u << 18;

static_assert(std::has_unique_object_representations_v<CorpusHeader>, "the header is hashed as bytes");

struct FreeHash {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};
using Hash = std::unique_ptr<XXH3_state_t, FreeHash>;

Hash new_hash() {
  Hash hash(XXH3_createState());
  SLUICE_CHECK(hash && XXH3_64bits_reset(hash.get()) == XXH_OK, "no memory for a checksum");
  return hash;
}

uint64_t header_checksum(const CorpusHeader& header) {
  return XXH3_64bits(&header, offsetof(CorpusHeader, checksum));
}

uint64_t section_checksum(const File& file, const SectionEntry& entry) {
  const Hash hash = new_hash();
  std::vector<std::byte> block(kBlockBytes);
  for (uint64_t done = 0; done < entry.bytes; done += kBlockBytes) {
    const auto part = std::span(block).first(std::min<uint64_t>(kBlockBytes, entry.bytes - done));
    file.read_at(static_cast<int64_t>(entry.offset + done), part);
    XXH3_64bits_update(hash.get(), part.data(), part.size());
  }
  return XXH3_64bits_digest(hash.get());
}

}  // namespace

struct CorpusFileWriter::Stream {
  SectionEntry* entry = nullptr;
  uint64_t written = 0;  // bytes handed to the file
  std::vector<std::byte> pending;
  Hash hash = new_hash();
};

CorpusFileWriter::CorpusFileWriter(File& file) : file_(file), streams_(kSections) {
  header_.file_bytes = (sizeof(CorpusHeader) + kAlignment - 1) / kAlignment * kAlignment;
}

CorpusFileWriter::~CorpusFileWriter() = default;

void CorpusFileWriter::reserve(Section section, uint64_t bytes) {
  const auto index = static_cast<size_t>(section);
  SectionEntry& entry = header_.sections[index];
  SLUICE_CHECK(!streams_[index].entry, "section {} of a corpus file is reserved twice", index);
  streams_[index].entry = &entry;
  entry.offset = header_.file_bytes;
  entry.bytes = bytes;
  header_.file_bytes += (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

void CorpusFileWriter::append(Section section, std::span<const std::byte> bytes) {
  Stream& stream = streams_[static_cast<size_t>(section)];
  stream.pending.insert(stream.pending.end(), bytes.begin(), bytes.end());
  if (stream.pending.size() >= kBlockBytes) flush(stream);
}

void CorpusFileWriter::flush(Stream& stream) {
  SLUICE_CHECK(stream.entry && stream.written + stream.pending.size() <= stream.entry->bytes,
               "a section of a corpus file is longer than announced");
  XXH3_64bits_update(stream.hash.get(), stream.pending.data(), stream.pending.size());
  file_.write_at(static_cast<int64_t>(stream.entry->offset + stream.written), stream.pending);
  stream.written += stream.pending.size();
  stream.pending.clear();
}

void CorpusFileWriter::write(Section section, std::string_view text) {
  reserve(section, text.size());
  append(section, std::span<const char>(text));
}

void CorpusFileWriter::finish() {
  for (size_t index = 0; index < kSections; ++index) {
    Stream& stream = streams_[index];
    if (!stream.entry) reserve(static_cast<Section>(index), 0);
    flush(stream);
    SLUICE_CHECK(stream.written == stream.entry->bytes,
                 "section {} of a corpus file is shorter than announced", index);
    stream.entry->checksum = XXH3_64bits_digest(stream.hash.get());
  }
  file_.resize(static_cast<int64_t>(header_.file_bytes));  // the last section's padding
  header_.checksum = header_checksum(header_);
  file_.write_at(0, std::as_bytes(std::span(&header_, 1)));
}

CorpusHeader verify_corpus_file(const File& file) {
  CorpusHeader header;
  const CorpusHeader ours;
  if (file.size() < static_cast<int64_t>(sizeof header))
    throw UserError("{} is not a prepared corpus (too short): make it with 'sluice prepare'", file.name());
  file.read_at(0, std::as_writable_bytes(std::span(&header, 1)));
  if (std::memcmp(header.magic, ours.magic, sizeof ours.magic) != 0)
    throw UserError("{} is not a prepared corpus: make it with 'sluice prepare'", file.name());
  if (header.version != ours.version || header.byte_order != ours.byte_order)
    throw UserError(
        "{} was prepared by another version of sluice or on another kind of machine: prepare it again",
        file.name());
  if (header.checksum != header_checksum(header) || header.file_bytes != static_cast<uint64_t>(file.size()))
    throw UserError("{} is damaged (header or size): prepare it again", file.name());
  for (const SectionEntry& entry : header.sections) {
    if (entry.checksum != section_checksum(file, entry))
      throw UserError("{} is damaged (checksum of the bytes from {}): prepare it again", file.name(),
                      entry.offset);
  }
  return header;
}

}  // namespace sluice
