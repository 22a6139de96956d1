// A set of distinct strings, numbered from 0 in the order they came: one arena of bytes and an
// open-addressing hash table (XXH3, linear probing) of 8 bytes a slot. About 12 bytes a string beside its own
// bytes and the slots.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

class StringTable {
 public:
  static constexpr std::int32_t kAbsent = -1;

  // The number of `text`, given to it now if it is new. Throws Failure past 2^31 - 1 strings.
  std::int32_t add(std::string_view text);
  std::int32_t find(std::string_view text) const;  // kAbsent where there is none
  // Valid until the next add().
  std::string_view operator[](std::int32_t number) const {
    const auto i = static_cast<std::size_t>(number);
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(arena_).substr(begin, ends_[i] - begin);
  }
  std::int32_t size() const { return static_cast<std::int32_t>(ends_.size()); }

 private:
  struct Slot {
    std::uint32_t tag =
        0;  // upper half of the hash: most strangers are told apart without a look at the arena
    std::int32_t number = kAbsent;
  };
  // The slot that holds `text`, or the free one where it belongs.
  std::size_t slot_of(std::string_view text, std::uint64_t hash) const;
  void grow();

  std::string arena_;
  std::vector<std::uint64_t> ends_;
  std::vector<Slot> slots_;  // a power of two, at most 3/4 full; empty before the first string
};

}  // namespace sluice
