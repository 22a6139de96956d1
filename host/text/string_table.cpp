#include "host/text/string_table.h"

#include <limits>

#include "engine/error.h"

#define XXH_INLINE_ALL  // the keys are words: a call would cost more than the hash
#include <xxhash.h>

namespace sluice {
namespace {

std::uint64_t hash_of(std::string_view text) {
  return XXH3_64bits(text.data(), text.size());
}
std::uint32_t tag_of(std::uint64_t hash) {
  return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace

std::size_t StringTable::slot_of(std::string_view text, std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.number == kAbsent) return i;
    if (slot.tag == tag_of(hash) && (*this)[slot.number] == text) return i;
  }
}

std::int32_t StringTable::find(std::string_view text) const {
  return slots_.empty() ? kAbsent : slots_[slot_of(text, hash_of(text))].number;
}

std::int32_t StringTable::add(std::string_view text) {
  if ((ends_.size() + 1) * 4 > slots_.size() * 3) grow();
  const std::uint64_t hash = hash_of(text);
  Slot& slot = slots_[slot_of(text, hash)];
  if (slot.number != kAbsent) return slot.number;
  SLUICE_CHECK(size() < std::numeric_limits<std::int32_t>::max(), "more than {} distinct strings", size());
  slot = {tag_of(hash), size()};
  arena_.append(text);
  ends_.push_back(arena_.size());
  return slot.number;
}

void StringTable::grow() {
  slots_.assign(slots_.empty() ? 16 : slots_.size() * 2, Slot());
  const std::size_t mask = slots_.size() - 1;
  for (std::int32_t number = 0; number < size(); ++number) {
    const std::uint64_t hash = hash_of((*this)[number]);
    std::size_t i = hash & mask;
    while (slots_[i].number != kAbsent) i = (i + 1) & mask;
    slots_[i] = {tag_of(hash), number};
  }
}

}  // namespace sluice
