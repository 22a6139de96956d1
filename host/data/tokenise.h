// Text files to tokens on several threads, in the order of the files.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "host/readers/documents.h"
#include "host/text/pipeline.h"
#include "host/text/string_table.h"

namespace sluice {

// Some consecutive documents and their tokens. Tokens are numbers of `words`, which only this chunk knows:
// whoever takes chunks in order looks up each distinct word of a chunk once.
struct TokenChunk {
  struct Entry {
    int32_t tokens = 0;  // how many of TokenChunk::tokens are its
    int32_t dropped =
        0;  // cut off by truncation; estimated from the text left over where that was not tokenised
    bool truncated = false;
    uint64_t fingerprint = 0;  // of its tokens as words; 0 without tokens
  };
  std::vector<Document> documents;  // labels, file, line; the text is spent
  std::vector<Entry> entries;       // [documents]
  std::vector<int32_t> tokens;
  StringTable words;
};

// Reads and tokenises files and hands the chunks to `consume` on the calling thread. What it gets does not
// depend on the number of threads (at least 1), nor does the error thrown: that of the first document that
// fails. Memory is bounded.
ReaderReport tokenise(DocumentReader reader, const TextPipeline& pipeline, int threads,
                      const std::function<void(const TokenChunk&)>& consume);

}  // namespace sluice
