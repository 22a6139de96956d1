// A small corpus that a small model learns in a second, and the options of such a model.
#pragma once

#include <string>
#include <vector>

namespace sluice {

// `documents` rows "label<TAB>words": three labels, each with a word of its own among words that all share.
std::string small_corpus(int documents, unsigned seed = 1);

// sluice train arguments for a tiny model: hidden and embedding sizes 8, two epochs.
std::vector<std::string> train_small(const std::string& file, const std::string& run,
                                     const std::vector<std::string>& more = {});

}  // namespace sluice
