#include "host/text/vectors.h"

#include <algorithm>

#include "engine/error.h"
#include "host/readers/byte_source.h"
#include "host/text/unicode.h"
#include "host/text/vector_rows.h"

namespace sluice {

VectorRows::VectorRows(std::string name, const Vocabulary& vocabulary, std::int64_t embedding_size)
    : name_(std::move(name)),
      vocabulary_(vocabulary),
      embedding_size_(embedding_size),
      best_(static_cast<std::size_t>(vocabulary.size()), kNone) {
  for (std::int32_t id = Vocabulary::kUnknownId + 1; id < vocabulary.size(); ++id) {
    const std::string_view token = vocabulary.token(id);
    add_variant(to_lower(token), id, kLower);
    add_variant(capitalized(token), id, kCapitalized);
    add_variant(to_upper(token), id, kUpper);
  }
}

void VectorRows::add_variant(std::string_view variant, std::int32_t id, Match match) {
  if (variant == vocabulary_.token(id)) return;
  const auto number = static_cast<std::size_t>(variants_.add(variant));
  if (number == first_use_.size()) first_use_.push_back(StringTable::kAbsent);
  uses_.push_back({id, match, first_use_[number]});
  first_use_[number] = static_cast<std::int32_t>(uses_.size() - 1);
}

void VectorRows::set_dimension(std::int64_t dimension, std::int64_t line) {
  if (dimension < 1 || dimension > kMaxVectorDimension) {
    throw UserError("{}:{}: vectors of {} numbers; from 1 to {} are possible; is this a vector file?", name_,
                    line, dimension, kMaxVectorDimension);
  }
  if (embedding_size_ != 0 && dimension > embedding_size_) {
    throw UserError("{}:{}: the vectors have {} numbers but model.embedding_size is {}; set it to {} or more",
                    name_, line, dimension, embedding_size_, dimension);
  }
  result_.dimension = dimension;
  result_.rows.assign(best_.size() * static_cast<std::size_t>(dimension), 0.0f);
}

void VectorRows::want(std::int32_t id, Match match) {
  const auto i = static_cast<std::size_t>(id);
  if (match >= best_[i]) return;
  best_[i] = match;
  wanted_.push_back(id);
}

bool VectorRows::wants(std::string_view word) {
  wanted_.clear();
  const std::int32_t id = vocabulary_.id(word);
  if (id != Vocabulary::kUnknownId || word == Vocabulary::kUnknownToken) want(id, kExact);
  const std::int32_t variant = variants_.find(word);
  std::int32_t use =
      variant == StringTable::kAbsent ? variant : first_use_[static_cast<std::size_t>(variant)];
  while (use != StringTable::kAbsent) {
    const Use& next = uses_[static_cast<std::size_t>(use)];
    want(next.id, next.match);
    use = next.next;
  }
  return !wanted_.empty();
}

void VectorRows::take(std::span<const float> row) {
  for (const std::int32_t id : wanted_) {
    const auto begin = static_cast<std::ptrdiff_t>(id) * result_.dimension;
    std::copy(row.begin(), row.end(), result_.rows.begin() + begin);
  }
}

PretrainedVectors VectorRows::finish(std::span<const std::uint64_t> counts) {
  SLUICE_CHECK(counts.empty() || counts.size() == best_.size(), "{} counts for {} tokens", counts.size(),
               best_.size());
  VectorCoverage& coverage = result_.coverage;
  for (std::size_t i = 0; i < best_.size(); ++i) {
    const bool found = best_[i] != kNone;
    result_.found.push_back(found ? 1 : 0);
    const std::uint64_t count = counts.empty() ? 0 : counts[i];
    coverage.tokens += count;
    if (i == Vocabulary::kUnknownId) continue;  // a vector for <unk> covers no word
    coverage.types += 1;
    if (!found) continue;
    coverage.types_found += 1;
    coverage.types_by_case += best_[i] == kExact ? 0 : 1;
    coverage.tokens_found += count;
  }
  return std::move(result_);
}

PretrainedVectors read_vectors(ByteSource& source, const std::string& name, VectorFormat format,
                               const Vocabulary& vocabulary, std::span<const std::uint64_t> counts,
                               std::int64_t embedding_size) {
  VectorRows rows(name, vocabulary, embedding_size);
  if (format == VectorFormat::binary) {
    read_binary_vectors(source, name, rows);
  } else {
    read_text_vectors(source, name, rows);
  }
  return rows.finish(counts);
}

PretrainedVectors load_vectors(const std::string& path, const Vocabulary& vocabulary,
                               std::span<const std::uint64_t> counts, std::int64_t embedding_size) {
  const auto ends_with = [](std::string_view text, std::string_view end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
  };
  std::string_view inner = path;
  for (const std::string_view extension : {".gz", ".zst"}) {
    if (ends_with(inner, extension)) inner.remove_suffix(extension.size());
  }
  const VectorFormat format = ends_with(inner, ".bin") ? VectorFormat::binary : VectorFormat::text;
  check_readable(path);
  return read_vectors(*open_file(path), display_name(path), format, vocabulary, counts, embedding_size);
}

}  // namespace sluice
