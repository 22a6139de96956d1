// A CUDA runtime that fails on demand. Preloaded into the program (LD_PRELOAD), it stands before libcudart,
// real or virtual, and hands on every call but those that SLUICE_FAULTS names, commas between them:
//
//   CALL=CODE      CALL returns CODE; cublas... and cudnn... are found by the name the program looks up
//   CALL@N=CODE    from its N-th call on; `launch` stands for kernels and graphs, `malloc` for all of memory
//   CALL@N=CODE!   and from then on every call does: the device is lost
//   driver=12040   the driver is for CUDA 12.4;  devices=N   there are N GPUs, all of them the first one
//   capability=75  every GPU has compute capability 7.5;  memory=BYTES   so much is free
//   missing=TEXT   no library whose name has TEXT in it can be loaded
//   report=FILE    the number of launches is written to FILE at the end
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>
#include <string>

namespace {

struct Fault {
  long from = 1;
  int code = 0;
  bool lost = false;
};

using Lookup = void* (*)(void*, const char*);
Lookup real_dlsym() {
  static void* found = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
  static void* older = found ? found : dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
  return reinterpret_cast<Lookup>(older);
}

class Faults {
 public:
  static Faults& get() {
    static Faults faults;
    return faults;
  }

  // The code that this call of `name` must return; 0: none.
  int next(const std::string& name) {
    const long count = ++counts_[name];
    const auto fault = faults_.find(name);
    if (fault != faults_.end() && count >= fault->second.from) {
      if (fault->second.lost) lost_ = fault->second.code;
      return fault->second.code;
    }
    return lost_;
  }
  const Fault* find(const std::string& name) const {
    const auto fault = faults_.find(name);
    return fault == faults_.end() ? nullptr : &fault->second;
  }
  // A setting's text; null where it is not given.
  const std::string* setting(const char* name) const {
    const auto found = settings_.find(name);
    return found == settings_.end() ? nullptr : &found->second;
  }

 private:
  Faults() {
    const char* text = std::getenv("SLUICE_FAULTS");
    std::istringstream in(text ? text : "");
    for (std::string item; std::getline(in, item, ',');) add(item);
  }
  ~Faults() {
    const std::string* report = setting("report");
    std::FILE* file = report ? std::fopen(report->c_str(), "w") : nullptr;
    if (!file) return;
    std::fprintf(file, "%ld", counts_["launch"]);
    std::fclose(file);
  }

  void add(const std::string& item) {
    const size_t equals = item.find('='), at = item.find('@');
    const std::string name = item.substr(0, std::min(at, equals)), value = item.substr(equals + 1);
    settings_[name] = value;
    Fault fault;
    if (at < equals) fault.from = std::atol(item.c_str() + at + 1);
    fault.code = std::atoi(value.c_str());
    fault.lost = value.back() == '!';
    faults_[name] = fault;
  }

  std::map<std::string, Fault> faults_;
  std::map<std::string, std::string> settings_;
  std::map<std::string, long> counts_;
  int lost_ = 0;
};

template <class... A>
cudaError_t hand_on(const char* name, A... args) {
  const auto next = reinterpret_cast<cudaError_t (*)(A...)>(real_dlsym()(RTLD_NEXT, name));
  return next(args...);
}
template <class... A>
cudaError_t call(const char* name, A... args) {
  if (const int code = Faults::get().next(name)) return static_cast<cudaError_t>(code);
  return hand_on(name, args...);
}
// A call of a group of calls: a fault of either strikes.
template <class... A>
cudaError_t call_of(const char* group, const char* name, A... args) {
  if (const int code = Faults::get().next(group)) return static_cast<cudaError_t>(code);
  return call(name, args...);
}

int library_code = 0;
int failing_library_call() {
  return library_code;
}

}  // namespace

extern "C" {

cudaError_t cudaDriverGetVersion(int* version) {
  if (const std::string* driver = Faults::get().setting("driver")) {
    *version = std::atoi(driver->c_str());
    return cudaSuccess;
  }
  return call("cudaDriverGetVersion", version);
}
cudaError_t cudaGetDeviceCount(int* count) {
  if (const std::string* devices = Faults::get().setting("devices")) {
    *count = std::atoi(devices->c_str());
    return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
  }
  return call("cudaGetDeviceCount", count);
}
cudaError_t cudaSetDevice(int) {
  return call("cudaSetDevice", 0);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* props, int index) {
  const cudaError_t error = call("cudaGetDeviceProperties", props, 0);
  if (error != cudaSuccess) return error;
  if (index > 0) std::snprintf(props->name, sizeof props->name, "Second GPU");
  if (const Fault* capability = Faults::get().find("capability")) {
    props->major = capability->code / 10;
    props->minor = capability->code % 10;
  }
  return error;
}
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) {
  return call("cudaDeviceGetDefaultMemPool", pool, 0);
}
cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total) {
  const cudaError_t error = call("cudaMemGetInfo", free_bytes, total);
  if (const std::string* memory = Faults::get().setting("memory"))
    *free_bytes = std::strtoull(memory->c_str(), nullptr, 10);
  return error;
}
cudaError_t cudaMallocAsync(void** data, size_t bytes, cudaStream_t stream) {
  return call_of("malloc", "cudaMallocAsync", data, bytes, stream);
}
cudaError_t cudaMallocFromPoolAsync(void** data, size_t bytes, cudaMemPool_t pool, cudaStream_t stream) {
  return call_of("malloc", "cudaMallocFromPoolAsync", data, bytes, pool, stream);
}
cudaError_t cudaMallocHost(void** data, size_t bytes) {
  return call("cudaMallocHost", data, bytes);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return call("cudaMemcpyAsync", to, from, bytes, kind, stream);
}
cudaError_t cudaMemsetAsync(void* data, int value, size_t bytes, cudaStream_t stream) {
  return call("cudaMemsetAsync", data, value, bytes, stream);
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call("cudaStreamSynchronize", stream);
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  return call("cudaStreamCreateWithPriority", stream, flags, priority);
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call("cudaEventRecord", event, stream);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call("cudaEventSynchronize", event);
}
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* kernel, void** arguments) {
  return call_of("launch", "cudaLaunchKernelExC", config, kernel, arguments);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  return call_of("launch", "cudaGraphLaunch", graph, stream);
}

void* dlopen(const char* name, int flags) {
  const std::string* missing = Faults::get().setting("missing");
  using Open = void* (*)(const char*, int);
  static const auto next = reinterpret_cast<Open>(real_dlsym()(RTLD_NEXT, "dlopen"));
  if (missing && name && std::strstr(name, missing->c_str())) return next("/no/such/library.so", flags);
  return next(name, flags);
}

void* dlsym(void* library, const char* name) {
  const bool vendor = std::strncmp(name, "cublas", 6) == 0 || std::strncmp(name, "cudnn", 5) == 0;
  const Fault* fault = vendor ? Faults::get().find(name) : nullptr;
  if (!fault) return real_dlsym()(library, name);
  library_code = fault->code;
  return reinterpret_cast<void*>(&failing_library_call);
}

}  // extern "C"
