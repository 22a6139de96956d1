// Fuzzes decompression: whatever the bytes of a file are, the end is other bytes or a UserError.
#include "engine/error.h"
#include "host/readers/byte_source.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const auto source =
        sluice::decompressed(std::make_unique<sluice::MemorySource>(bytes, 1 + size % 50), "x");
    // A few bytes may stand for gigabytes of zeros: a bounded part is enough.
    for (int i = 0; i < 100 && !source->read().empty(); ++i) {
    }
  } catch (const sluice::UserError&) {
  }
  return 0;
}
