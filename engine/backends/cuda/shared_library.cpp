#include "engine/backends/cuda/shared_library.h"

#include <dlfcn.h>

namespace sluice::cuda {

void* load_library(const std::string& file, std::string& because) {
  because.clear();
  for (const std::string& path : {file, "/usr/local/cuda/lib64/" + file}) {
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    if (because.empty()) because = dlerror();
  }
  return nullptr;
}

}  // namespace sluice::cuda
