// How the blocks of a team hand to each other what they compute: Note [Exchange] in recurrence_persistent.h.
#pragma once

#include <cstdint>

namespace sluice {

enum class PersistentExchange : uint8_t { automatic, flags, cluster };

}  // namespace sluice
