// One file to read, for DocumentReader: what to call it, its format, how to open it.
#pragma once

#include "host/readers/byte_source.h"
#include "host/readers/documents.h"

#include <functional>
#include <memory>
#include <string>

namespace sluice {

struct Input {
  std::string name;   // for messages
  FileFormat format;  // not automatic
  std::function<std::unique_ptr<ByteSource>()> open;
};

}  // namespace sluice
