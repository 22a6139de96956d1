#include "host/data/tokenise.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "host/data/ordered_stream.h"

namespace sluice {
namespace {

constexpr size_t kChunkBytes = 1u << 17;  // of text: milliseconds of work
constexpr size_t kChunkDocuments = 1024;

// Documents being read; the vector only grows, so that texts keep their memory.
struct TextChunk {
  std::vector<Document> documents;
};

bool read_chunk(DocumentReader& reader, TextChunk& chunk) {
  size_t count = 0;
  for (size_t bytes = 0; bytes < kChunkBytes && count < kChunkDocuments; ++count) {
    if (count == chunk.documents.size()) chunk.documents.emplace_back();
    if (!reader.next(chunk.documents[count])) break;
    bytes += chunk.documents[count].text.size();
  }
  chunk.documents.resize(count);
  return count > 0;
}

int32_t dropped_tokens(const Truncation& cut, size_t text_bytes, size_t tokens) {
  const size_t read = text_bytes - cut.unread_bytes;
  const double unread = read == 0 ? 0.0 : static_cast<double>(cut.unread_bytes) / static_cast<double>(read);
  const double dropped = static_cast<double>(cut.dropped_tokens) +
                         std::floor(unread * static_cast<double>(tokens + cut.dropped_tokens));
  return static_cast<int32_t>(std::min<double>(dropped, std::numeric_limits<int32_t>::max()));
}

// One worker's state: its own pipeline and tokens.
class Tokeniser {
 public:
  explicit Tokeniser(const TextPipeline& pipeline) : pipeline_(pipeline.clone()) {}

  void operator()(TextChunk& in, TokenChunk& out) {
    std::swap(in.documents, out.documents);
    out.entries.clear();
    out.tokens.clear();
    out.words = {};
    for (const Document& document : out.documents) out.entries.push_back(add(document, out));
  }

 private:
  TokenChunk::Entry add(const Document& document, TokenChunk& out) {
    const Truncation cut = pipeline_.run(document.text, list_);
    TokenChunk::Entry entry;
    entry.tokens = static_cast<int32_t>(list_.size());
    entry.truncated = cut.truncated;
    entry.dropped = dropped_tokens(cut, document.text.size(), list_.size());
    for (size_t i = 0; i < list_.size(); ++i) {
      const std::string_view token = list_[i];
      out.tokens.push_back(out.words.add(token));
      entry.fingerprint = XXH3_64bits_withSeed(token.data(), token.size(), entry.fingerprint + 1);
    }
    return entry;
  }

  TextPipeline pipeline_;
  TokenList list_;
};

}  // namespace

ReaderReport tokenise(DocumentReader reader, const TextPipeline& pipeline, int threads,
                      const std::function<void(const TokenChunk&)>& consume) {
  using Stream = OrderedStream<TextChunk, TokenChunk>;
  Stream::run(
      threads, [&](TextChunk& chunk) { return read_chunk(reader, chunk); },
      [&]() -> Stream::Work {
        return [worker = std::make_shared<Tokeniser>(pipeline)](TextChunk& in, TokenChunk& out) {
          (*worker)(in, out);
        };
      },
      consume);
  return reader.report();
}

}  // namespace sluice
