#pragma once

namespace sluice {

extern const char* const kVersion;  // of the program

}  // namespace sluice
