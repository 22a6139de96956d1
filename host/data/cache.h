// Prepared corpora kept from run to run.
#pragma once

#include <functional>
#include <string>

#include "host/data/corpus.h"
#include "host/data/prepare.h"

namespace sluice {

// Note [Cache]
// An entry is a corpus file called by the XXH3-128 hash of everything that decides what it holds: the bytes
// of the data files and of a stop word file, their names (they stand in reports), every option, the bytes
// of this program, and names, sizes and times of ICU and libstemmer, so that a program that splits words
// otherwise never takes an older one's ids. Entries are immutable: written under a temporary name and
// renamed, so two processes that prepare the same at once do the work twice and no harm. An entry that
// fails its checksums is made again. Entries not used for 30 days go when a new one is made.

struct CachedCorpus {
  Corpus corpus;
  bool hit = false;  // found ready-made
};

// The prepared corpus of `options`, from the cache or made now. Standard input is never cached, nor is
// anything where there is no cache folder that can be written to: the corpus then lives in a file without a
// name. `note` gets one line for everything unusual: a damaged entry, no cache folder. Throws as prepare()
// does; Failure when a data file changes while it is read.
CachedCorpus prepare_cached(const PrepareOptions& options, const PrepareRun& run,
                            const std::function<void(const std::string&)>& note);

// $SLUICE_CACHE, else $XDG_CACHE_HOME/sluice, else $HOME/.cache/sluice; "" where none is set.
std::string cache_folder();

// 32 hexadecimal digits.
std::string cache_key(const PrepareOptions& options);

}  // namespace sluice
