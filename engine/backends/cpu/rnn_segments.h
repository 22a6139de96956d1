// Segments (engine/backends/segments.h) for oneDNN's primitives: staging rows, and the memory of segments.
#pragma once

#include <algorithm>
#include <vector>

#include "engine/backends/cpu/rnn.h"
#include "engine/backends/segments.h"

namespace sluice::cpu {

constexpr int kLstmGates = 4;  // the only cell these paths take

// States that go into and come out of the segments of one direction, and the primitives' workspaces.
struct SavedSegment {
  float *h_in, *c_in, *h_out, *c_out;
  char* workspace;
};

// Both passes walk the saved memory in this same order: directions, then segments.
class SavedWalk {
 public:
  SavedWalk(const Tensor& saved) : carver_(saved.data), bytes_(saved.bytes()) {}
  SavedSegment next(const Segment& segment, int hidden_size, size_t workspace_bytes) {
    const int64_t states = static_cast<int64_t>(segment.active) * hidden_size;
    SavedSegment s{};
    for (float** part : {&s.h_in, &s.c_in, &s.h_out, &s.c_out}) *part = carver_.take<float>(states);
    s.workspace = carver_.take<char>(static_cast<int64_t>(workspace_bytes));
    SLUICE_CHECK(carver_.used() <= bytes_, "rnn.path = onednn: workspaces exceed the {} bytes planned",
                 bytes_);
    return s;
  }

 private:
  Carver carver_;
  size_t bytes_;
};

struct SegmentScratch {
  float *x, *y, *dy, *dx, *W, *R, *dW, *dR, *db, *h, *c, *dx_rows;
  SegmentScratch(Carver& carver, const RnnSize& s) {
    x = carver.take<float>(s.N * s.E);   // a segment's input
    y = carver.take<float>(s.N * s.H);   // its output
    dy = carver.take<float>(s.N * s.H);  // the gradient of that
    dx = carver.take<float>(s.N * s.E);  // its input gradient
    W = carver.take<float>(s.E * kLstmGates * s.H);
    R = carver.take<float>(s.H * kLstmGates * s.H);
    dW = carver.take<float>(s.E * kLstmGates * s.H);
    dR = carver.take<float>(s.H * kLstmGates * s.H);
    db = carver.take<float>(kLstmGates * s.H);
    h = carver.take<float>(2 * s.B * s.H);  // state or its gradient; then the part a segment gives back
    c = carver.take<float>(2 * s.B * s.H);
    dx_rows = carver.take<float>(s.N * s.E);  // over all rows
  }
};

// What forward and backward share: moving rows between the batch and a segment's own dense arrays.
class SegmentRun {
 public:
  SegmentRun(Pool& pool, const RnnForward& p, int threads)
      : pool_(pool),
        p_(p),
        size_(rnn_size(p)),
        host_(*p.batch->host),
        segments_(segments_of(host_)),
        carver_(p.scratch.data),
        scratch_(carver_, size_),
        walk_(p.saved),
        threads_(threads) {}

 protected:
  // The library meets at a barrier after each product: threads pay where a step is long enough.
  int threads_for(const Segment& s) const {
    constexpr int64_t kLeast = 500000;
    return s.active * kLstmGates * size_.H * size_.H >= kLeast ? threads_ : 1;
  }

  // Calls f(row of the batch, row of the segment).
  template <class F>
  void for_rows(const Segment& s, const F& f) const {
    pool_.parallel_for(s.steps, [&](int64_t step) {
      const int first = host_.row(s.first + static_cast<int>(step), 0);
      for (int b = 0; b < s.active; ++b) f(first + b, step * s.active + b);
    });
  }

  void load_x(const Segment& s) const {
    const int32_t* index = p_.x_index.as<int32_t>();
    for_rows(s, [&](int64_t row, int64_t place) {
      std::copy_n(p_.x.as<float>() + (index ? index[row] : row) * size_.E, size_.E,
                  scratch_.x + place * size_.E);
    });
  }
  // One direction's columns of [N,D*H].
  void load_half(const Segment& s, int64_t d, const Tensor& from, float* to) const {
    for_rows(s, [&](int64_t row, int64_t place) {
      std::copy_n(from.as<float>() + (row * size_.D + d) * size_.H, size_.H, to + place * size_.H);
    });
  }

  void load_state(const Tensor& from, int64_t d, float* to) const {
    const int64_t count = size_.B * size_.H;
    if (from)
      std::copy_n(from.as<float>() + d * count, count, to);
    else
      std::fill_n(to, count, 0.0f);
  }
  void store_state(const float* from, int64_t d, const Tensor& to) const {
    const int64_t count = size_.B * size_.H;
    if (to) std::copy_n(from, count, to.as<float>() + d * count);
  }

  Pool& pool_;
  const RnnForward& p_;
  RnnSize size_;
  const HostBatch& host_;
  std::vector<Segment> segments_;
  Carver carver_;
  SegmentScratch scratch_;
  SavedWalk walk_;
  int threads_;
};

}  // namespace sluice::cpu
