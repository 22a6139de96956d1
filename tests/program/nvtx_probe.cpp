// What a profiler would see: named by NVTX_INJECTION64_PATH, writes a line for each range that begins,
// indented by how many are open, to the file SLUICE_NVTX_LOG, and at the end how many are left open.
#include <nvtx3/nvToolsExt.h>

#include <cstdio>
#include <cstdlib>

namespace {

struct Log {
  std::FILE* file = std::fopen(std::getenv("SLUICE_NVTX_LOG"), "w");
  int open = 0;
  ~Log() {
    if (!file) return;
    std::fprintf(file, "open %d\n", open);
    std::fclose(file);
  }
};
Log& log() {
  static Log log;
  return log;
}

int push(const char* name) {
  if (log().file) std::fprintf(log().file, "%*s%s\n", log().open, "", name);
  return log().open++;
}
int pop() {
  return --log().open;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int InitializeInjectionNvtx2(
    NvtxGetExportTableFunc_t export_table) {
  const auto* callbacks = static_cast<const NvtxExportTableCallbacks*>(export_table(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned size = 0;
  if (!callbacks || !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE, &table, &size)) return 0;
  *table[NVTX_CBID_CORE_RangePushA] = reinterpret_cast<NvtxFunctionPointer>(&push);
  *table[NVTX_CBID_CORE_RangePop] = reinterpret_cast<NvtxFunctionPointer>(&pop);
  return 1;
}
