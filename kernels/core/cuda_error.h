// What kernels/ throws: a CUDA call or a launch that failed. what() names the call and CUDA's own words.
#pragma once

#include <stdexcept>
#include <string>

namespace sluice {

class CudaError : public std::runtime_error {
 public:
  // code: a cudaError_t; name and text as cudaGetErrorName and cudaGetErrorString give them.
  CudaError(const char* call, int code, const char* name, const char* text)
      : std::runtime_error(std::string(call) + ": " + name + " (" + text + ")"), code_(code) {}
  int code() const { return code_; }

 private:
  int code_;
};

}  // namespace sluice
