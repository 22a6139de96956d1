// The mask, and the rows of tables: gather, segment sums, scatter.
#include <algorithm>

#include "engine/backends/cpu/chunks.h"
#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/cpu/isa.h"

namespace sluice::cpu {

void CpuBackend::do_build_mask(const BuildMask& p) {
  const auto lengths = p.lengths.view<int32_t, 1>();
  const auto mask = p.mask.view<uint8_t, 2>();
  const int64_t steps = mask.dims[1];
  for_chunks(pool_, mask.dims[0], rows_per_task(steps), [&](int64_t begin, int64_t end, int64_t) {
    for (int64_t b = begin; b < end; ++b)
      for (int64_t t = 0; t < steps; ++t) mask(b, t) = t < lengths(b) ? 1 : 0;
  });
}

void CpuBackend::do_gather(const Gather& p) {
  dispatch_real(p.table.dtype, [&]<class T>() {
    const auto table = p.table.view<T, 2>(), y = p.y.view<T, 2>();
    const auto ids = p.ids.view<int32_t, 1>();
    const int64_t width = y.dims[1];
    for_chunks(pool_, y.dims[0], rows_per_task(width), [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t r = begin; r < end; ++r) {
        if (ids(r) < 0)
          std::fill_n(y.row(r), width, T(0));
        else
          std::copy_n(table.row(ids(r)), width, y.row(r));
      }
    });
  });
}

void CpuBackend::do_segment_sum(const SegmentSum& p) {
  dispatch_real(p.x.dtype, [&]<class T>() {
    const auto x = p.x.view<T, 2>(), y = p.y.view<T, 2>();
    const auto segments = p.segments.view<int32_t, 1>(), rows = p.segment_rows.view<int32_t, 1>();
    const int64_t width = y.dims[1];
    for_chunks(pool_, y.dims[0], rows_per_task(width), [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t u = begin; u < end; ++u) {
        T* sum = y.row(u);
        std::fill_n(sum, width, T(0));
        for (int64_t s = segments(u); s < segments(u + 1); ++s)
          isa_table().of<T>().add(width, x.row(rows(s)), sum);
      }
    });
  });
}

void CpuBackend::do_scatter_add(const ScatterAdd& p) {
  dispatch_real(p.x.dtype, [&]<class T>() {
    const auto x = p.x.view<T, 2>(), y = p.y.view<T, 2>();
    const auto slots = p.slots.view<int32_t, 1>();
    const int64_t width = x.dims[1];
    for_chunks(pool_, x.dims[0], rows_per_task(width), [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t u = begin; u < end; ++u)
        if (slots(u) >= 0) isa_table().of<T>().add(width, x.row(u), y.row(slots(u)));
    });
  });
}

}  // namespace sluice::cpu
