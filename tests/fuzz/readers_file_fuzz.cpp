// Fuzzes the way from a file's bytes, perhaps compressed, to documents: whatever they are, the end is
// documents or a UserError.
#include "engine/error.h"
#include "host/readers/documents.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const int file = ::memfd_create("fuzz", 0);
  if (file < 0 || ::write(file, data, size) != static_cast<ssize_t>(size)) std::abort();
  try {
    sluice::ReaderOptions options;
    options.format = sluice::FileFormat::lines;
    options.labels_required = false;
    sluice::DocumentReader reader =
        sluice::open_documents({"/proc/self/fd/" + std::to_string(file)}, options);
    sluice::Document document;
    // A few bytes may stand for gigabytes of zeros: a bounded part is enough.
    for (int i = 0; i < 1000 && reader.next(document); ++i) {
    }
  } catch (const sluice::UserError&) {
  }
  ::close(file);
  return 0;
}
