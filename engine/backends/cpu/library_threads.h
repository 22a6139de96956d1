// How many threads of its own a library call (oneDNN's, by libgomp) may start from the calling thread.
#pragma once

extern "C" void omp_set_num_threads(int);  // <omp.h> is not with every compiler; libgomp is, with oneDNN

namespace sluice::cpu {

// While it lives the library may use `threads`; else the pool has the calling thread at 1.
class LibraryThreads {
 public:
  explicit LibraryThreads(int threads) { omp_set_num_threads(threads); }
  ~LibraryThreads() { omp_set_num_threads(1); }
  LibraryThreads(const LibraryThreads&) = delete;
  LibraryThreads& operator=(const LibraryThreads&) = delete;
};

}  // namespace sluice::cpu
