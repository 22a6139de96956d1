#include "engine/backends/cpu/isa.h"

#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace sluice::cpu {

#define SLUICE_ISA_TABLE(isa)                                                 \
  namespace isa {                                                             \
  void mask_words(const MaskStream&, int64_t, uint32_t, uint32_t, uint32_t*); \
  void add_rnn(Kernels<float>&, Kernels<double>&);                            \
  void add_elementwise(Kernels<float>&, Kernels<double>&);                    \
  static IsaTable make_table() {                                              \
    IsaTable table{#isa, mask_words, {}, {}};                                 \
    add_rnn(table.f32, table.f64);                                            \
    add_elementwise(table.f32, table.f64);                                    \
    return table;                                                             \
  }                                                                           \
  static const IsaTable& table() {                                            \
    static const IsaTable result = make_table();                              \
    return result;                                                            \
  }                                                                           \
  }

SLUICE_ISA_TABLE(baseline)
#ifdef __x86_64__
SLUICE_ISA_TABLE(avx2)
SLUICE_ISA_TABLE(avx512)
#endif

const IsaTable* isa_table_named(const char* name) {
#ifdef __x86_64__
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!strcmp(name, "avx2") && has_avx2) return &avx2::table();
  if (!strcmp(name, "avx512") && has_avx2 && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    return &avx512::table();
#endif
  return strcmp(name, "baseline") ? nullptr : &baseline::table();
}

const IsaTable& isa_table() {
  static const IsaTable* const chosen = [] {
    const char* wanted = getenv("SLUICE_ISA");
    for (const char* name : {wanted ? wanted : "avx512", "avx512", "avx2"})
      if (const IsaTable* table = isa_table_named(name)) return table;
    return isa_table_named("baseline");
  }();
  return *chosen;
}

}  // namespace sluice::cpu
