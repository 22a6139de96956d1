#include "engine/backends/cpu/rnn_onednn.h"

#include <algorithm>
#include <dnnl.hpp>
#include <map>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "engine/backends/cpu/chunks.h"
#include "engine/backends/cpu/library_threads.h"
#include "engine/backends/cpu/rnn_segments.h"

namespace sluice::cpu {
namespace {

using Memory = dnnl::memory;
using Arguments = std::unordered_map<int, Memory>;
using Tag = Memory::format_tag;

struct Key {
  int steps, active, input_size, hidden_size, direction;
  Key(int l, int n, int e, int h, int d) : steps(l), active(n), input_size(e), hidden_size(h), direction(d) {}
  Key(const Segment& s, const RnnSize& size, int64_t d)
      : Key(s.steps, s.active, static_cast<int>(size.E), static_cast<int>(size.H), static_cast<int>(d)) {}
  auto tied() const { return std::tie(steps, active, input_size, hidden_size, direction); }
  bool operator<(const Key& other) const { return tied() < other.tied(); }
};

// The shapes of one primitive. Weights: the forward pass takes them as [input, gate, unit], the backward pass
// as [gate, unit, input] (ours), and gives their gradients as [input, gate, unit].
struct Descs {
  Memory::desc src, state, dst, W_forward, R_forward, W_backward, R_backward, b;

  explicit Descs(const Key& k)
      : src(plain({k.steps, k.active, k.input_size}, Tag::tnc)),
        state(plain({1, 1, k.active, k.hidden_size}, Tag::ldnc)),
        dst(plain({k.steps, k.active, k.hidden_size}, Tag::tnc)),
        W_forward(plain({1, 1, k.input_size, kLstmGates, k.hidden_size}, Tag::ldigo)),
        R_forward(plain({1, 1, k.hidden_size, kLstmGates, k.hidden_size}, Tag::ldigo)),
        W_backward(plain({1, 1, k.input_size, kLstmGates, k.hidden_size}, Tag::ldgoi)),
        R_backward(plain({1, 1, k.hidden_size, kLstmGates, k.hidden_size}, Tag::ldgoi)),
        b(plain({1, 1, kLstmGates, k.hidden_size}, Tag::ldgo)) {}

  static Memory::desc plain(const Memory::dims& dims, Tag tag) { return {dims, Memory::data_type::f32, tag}; }
};

struct Primitive {
  Descs descs;
  dnnl::lstm_forward::primitive_desc forward_desc;
  dnnl::lstm_forward forward;
  dnnl::lstm_backward backward;
};

dnnl::rnn_direction direction_of(const Key& key) {
  return key.direction == 0 ? dnnl::rnn_direction::unidirectional_left2right
                            : dnnl::rnn_direction::unidirectional_right2left;
}

// oneDNN 3 dropped the operation descriptors that 2.x makes primitive descriptors from.
dnnl::lstm_forward::primitive_desc forward_desc(const dnnl::engine& engine, const Key& key, const Descs& s) {
  const auto kind = dnnl::prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
  return {engine, kind,  direction_of(key), s.src,  s.state, s.state, s.W_forward, s.R_forward,
          s.b,    s.dst, s.state,           s.state};
#else
  return {{kind, direction_of(key), s.src, s.state, s.state, s.W_forward, s.R_forward, s.b, s.dst, s.state,
           s.state},
          engine};
#endif
}

dnnl::lstm_backward::primitive_desc backward_desc(const dnnl::engine& engine, const Key& key, const Descs& s,
                                                  const dnnl::lstm_forward::primitive_desc& forward) {
  const auto kind = dnnl::prop_kind::backward;
#if DNNL_VERSION_MAJOR >= 3
  return {engine, kind,    direction_of(key), s.src,  s.state, s.state, s.W_backward, s.R_backward, s.b,
          s.dst,  s.state, s.state,           s.src,  s.state, s.state, s.W_forward,  s.R_forward,  s.b,
          s.dst,  s.state, s.state,           forward};
#else
  return {{kind,         direction_of(key),
           s.src,        s.state,
           s.state,      s.W_backward,
           s.R_backward, s.b,
           s.dst,        s.state,
           s.state,      s.src,
           s.state,      s.state,
           s.W_forward,  s.R_forward,
           s.b,          s.dst,
           s.state,      s.state},
          engine,
          forward};
#endif
}

}  // namespace

// Primitives by shape: making one compiles code.
class RnnOnednn::Cache {
 public:
  Cache() : engine(dnnl::engine::kind::cpu, 0), stream(engine) {}

  const Primitive& get(const Key& key) {
    if (const auto found = primitives_.find(key); found != primitives_.end()) return found->second;
    if (primitives_.size() >= kMost) primitives_.clear();
    const Descs descs(key);
    auto forward = forward_desc(engine, key, descs);
    auto backward = backward_desc(engine, key, descs, forward);
    const Primitive made{descs, forward, dnnl::lstm_forward(forward), dnnl::lstm_backward(backward)};
    return primitives_.emplace(key, made).first->second;
  }

  size_t workspace_bytes(const Key& key) {
    return forward_desc(engine, key, Descs(key)).workspace_desc().get_size();
  }

  dnnl::engine engine;
  dnnl::stream stream;

 private:
  static constexpr size_t kMost = 512;
  std::map<Key, Primitive> primitives_;
};

std::string onednn_version() {
  const dnnl::version_t* v = dnnl::version();
  return fmt::format("{}.{}.{}", v->major, v->minor, v->patch);
}

RnnOnednn::RnnOnednn(int threads) : threads_(threads) {}
RnnOnednn::~RnnOnednn() = default;

std::string RnnOnednn::refusal(const RnnShape& shape) {
  if (shape.dtype != DType::f32) return fmt::format("no {}, only f32", name_of(shape.dtype));
  if (shape.cell != CellKind::lstm) return fmt::format("no {}, only {}", name_of(shape.cell), Lstm::kName);
  if (shape.layer_norm) return "no layer normalisation in the cell";
  if (shape.recurrent_dropout > 0) return "no recurrent dropout";
  if (shape.zoneout_hidden > 0 || shape.zoneout_cell > 0) return "no zoneout";
  return "";
}

RnnBytes RnnOnednn::bytes(const RnnShape& shape, const MaxShape& max) {
  const RnnSize size = rnn_size(shape, max);
  const int64_t segments = std::min(max.sequences, max.steps), rows = most_segment_rows(max);
  // Workspaces by two samples: what one more step costs, and what a segment costs besides.
  int64_t workspaces = 0;
  if (segments > 0) {
    const LibraryThreads library(threads_);
    const auto sample = [&](int steps) {
      return static_cast<int64_t>(
          cache().workspace_bytes({steps, max.sequences, shape.input_size, shape.hidden_size, 0}));
    };
    constexpr int64_t kPages = 65536;  // its parts start on pages
    const int64_t one = sample(1), step = sample(2) - one + kPages;
    workspaces = (step * size.N + one * rows) / size.B + segments * kPages;
  }
  constexpr int64_t kAlignment = 64;
  const int64_t states = 4 * (rows * size.H * static_cast<int64_t>(sizeof(float)) + segments * kAlignment);
  Carver scratch(nullptr);
  static_cast<void>(SegmentScratch(scratch, size));
  return {static_cast<size_t>(size.D * (states + workspaces)), scratch.used()};
}

RnnOnednn::Cache& RnnOnednn::cache() {
  if (!cache_) cache_ = std::make_unique<Cache>();
  return *cache_;
}

// ---- forward

class RnnOnednn::Forward : SegmentRun {
 public:
  Forward(Pool& pool, const RnnForward& p, int threads, Cache& cache)
      : SegmentRun(pool, p, threads), cache_(cache) {}

  void run() {
    std::fill_n(p_.y.as<float>(), p_.y.size(), 0.0f);  // padding
    for (int64_t d = 0; d < size_.D; ++d) {
      load_weights(d);
      load_state(p_.h0, d, scratch_.h);
      load_state(p_.c0, d, scratch_.c);
      for (size_t i = 0; i < segments_.size(); ++i)
        run_segment(segments_[d == 0 ? i : segments_.size() - 1 - i], d);
      store_state(scratch_.h, d, p_.hT);
      store_state(scratch_.c, d, p_.cT);
    }
  }

 private:
  void load_weights(int64_t d) {
    const int64_t E = size_.E, H = size_.H, G = kLstmGates * H;
    const float *W = p_.W.as<float>() + d * G * E, *R = p_.R.as<float>() + d * G * H;
    pool_.parallel_for(E, [&](int64_t e) {
      for (int64_t g = 0; g < G; ++g) scratch_.W[e * G + g] = W[g * E + e];
    });
    pool_.parallel_for(H, [&](int64_t j) {
      for (int64_t g = 0; g < G; ++g) scratch_.R[j * G + g] = R[g * H + j];
    });
  }

  void run_segment(const Segment& s, int64_t d) {
    const LibraryThreads library(threads_for(s));
    const Primitive& primitive = cache_.get({s, size_, d});
    const Descs& descs = primitive.descs;
    const auto workspace = primitive.forward_desc.workspace_desc();
    const SavedSegment saved = walk_.next(s, static_cast<int>(size_.H), workspace.get_size());
    const int64_t states = s.active * size_.H;
    load_x(s);
    std::copy_n(scratch_.h, states, saved.h_in);
    std::copy_n(scratch_.c, states, saved.c_in);
    const auto on = [&](const Memory::desc& desc, const void* data) {
      return Memory(desc, cache_.engine, const_cast<void*>(data));
    };
    primitive.forward.execute(
        cache_.stream, Arguments{{DNNL_ARG_SRC_LAYER, on(descs.src, scratch_.x)},
                                 {DNNL_ARG_SRC_ITER, on(descs.state, saved.h_in)},
                                 {DNNL_ARG_SRC_ITER_C, on(descs.state, saved.c_in)},
                                 {DNNL_ARG_WEIGHTS_LAYER, on(descs.W_forward, scratch_.W)},
                                 {DNNL_ARG_WEIGHTS_ITER, on(descs.R_forward, scratch_.R)},
                                 {DNNL_ARG_BIAS, on(descs.b, p_.b.as<float>() + d * kLstmGates * size_.H)},
                                 {DNNL_ARG_DST_LAYER, on(descs.dst, scratch_.y)},
                                 {DNNL_ARG_DST_ITER, on(descs.state, saved.h_out)},
                                 {DNNL_ARG_DST_ITER_C, on(descs.state, saved.c_out)},
                                 {DNNL_ARG_WORKSPACE, on(workspace, saved.workspace)}});
    cache_.stream.wait();
    std::copy_n(saved.h_out, states, scratch_.h);
    std::copy_n(saved.c_out, states, scratch_.c);
    for_rows(s, [&](int64_t row, int64_t place) {
      std::copy_n(scratch_.y + place * size_.H, size_.H, p_.y.as<float>() + (row * size_.D + d) * size_.H);
    });
  }

  Cache& cache_;
};

void RnnOnednn::forward(Pool& pool, const RnnForward& p) {
  Forward(pool, p, threads_, cache()).run();
}

// ---- backward

class RnnOnednn::Backward : SegmentRun {
 public:
  Backward(Pool& pool, const RnnBackward& p, int threads, Cache& cache)
      : SegmentRun(pool, p.forward, threads), b_(p), cache_(cache) {}

  void run() {
    std::fill_n(scratch_.dx_rows, size_.N * size_.E, 0.0f);
    for (int64_t d = 0; d < size_.D; ++d) {
      std::vector<SavedSegment> saved(segments_.size());
      for (size_t i = 0; i < segments_.size(); ++i) {
        const size_t k = d == 0 ? i : segments_.size() - 1 - i;
        const LibraryThreads library(threads_for(segments_[k]));
        const auto workspace = cache_.get({segments_[k], size_, d}).forward_desc.workspace_desc();
        saved[k] = walk_.next(segments_[k], static_cast<int>(size_.H), workspace.get_size());
      }
      begin(d);
      for (size_t i = segments_.size(); i-- > 0;) {
        const size_t k = d == 0 ? i : segments_.size() - 1 - i;
        run_segment(segments_[k], d, saved[k]);
      }
      end(d);
    }
    if (b_.dx) store_dx();
  }

 private:
  void begin(int64_t d) {
    const int64_t G = kLstmGates * size_.H;
    load_state(b_.dhT, d, scratch_.h);
    load_state(b_.dcT, d, scratch_.c);
    // The primitive adds to the gradients of the weights.
    std::fill_n(scratch_.dW, size_.E * G, 0.0f);
    std::fill_n(scratch_.dR, size_.H * G, 0.0f);
    std::fill_n(scratch_.db, G, 0.0f);
  }

  void run_segment(const Segment& s, int64_t d, const SavedSegment& saved) {
    const LibraryThreads library(threads_for(s));
    const Primitive& primitive = cache_.get({s, size_, d});
    const Descs& descs = primitive.descs;
    const int64_t states = s.active * size_.H, G = kLstmGates * size_.H;
    load_x(s);
    load_half(s, d, p_.y, scratch_.y);
    load_half(s, d, b_.dy, scratch_.dy);
    float *dh_in = scratch_.h + size_.B * size_.H, *dc_in = scratch_.c + size_.B * size_.H;
    const auto on = [&](const Memory::desc& desc, const void* data) {
      return Memory(desc, cache_.engine, const_cast<void*>(data));
    };
    primitive.backward.execute(
        cache_.stream,
        Arguments{{DNNL_ARG_SRC_LAYER, on(descs.src, scratch_.x)},
                  {DNNL_ARG_SRC_ITER, on(descs.state, saved.h_in)},
                  {DNNL_ARG_SRC_ITER_C, on(descs.state, saved.c_in)},
                  {DNNL_ARG_WEIGHTS_LAYER, on(descs.W_backward, p_.W.as<float>() + d * G * size_.E)},
                  {DNNL_ARG_WEIGHTS_ITER, on(descs.R_backward, p_.R.as<float>() + d * G * size_.H)},
                  {DNNL_ARG_BIAS, on(descs.b, p_.b.as<float>() + d * G)},
                  {DNNL_ARG_DST_LAYER, on(descs.dst, scratch_.y)},
                  {DNNL_ARG_DST_ITER, on(descs.state, saved.h_out)},
                  {DNNL_ARG_DST_ITER_C, on(descs.state, saved.c_out)},
                  {DNNL_ARG_DIFF_SRC_LAYER, on(descs.src, scratch_.dx)},
                  {DNNL_ARG_DIFF_SRC_ITER, on(descs.state, dh_in)},
                  {DNNL_ARG_DIFF_SRC_ITER_C, on(descs.state, dc_in)},
                  {DNNL_ARG_DIFF_WEIGHTS_LAYER, on(descs.W_forward, scratch_.dW)},
                  {DNNL_ARG_DIFF_WEIGHTS_ITER, on(descs.R_forward, scratch_.dR)},
                  {DNNL_ARG_DIFF_BIAS, on(descs.b, scratch_.db)},
                  {DNNL_ARG_DIFF_DST_LAYER, on(descs.dst, scratch_.dy)},
                  {DNNL_ARG_DIFF_DST_ITER, on(descs.state, scratch_.h)},
                  {DNNL_ARG_DIFF_DST_ITER_C, on(descs.state, scratch_.c)},
                  {DNNL_ARG_WORKSPACE, on(primitive.forward_desc.workspace_desc(), saved.workspace)}});
    cache_.stream.wait();
    std::copy_n(dh_in, states, scratch_.h);
    std::copy_n(dc_in, states, scratch_.c);
    for_rows(s, [&](int64_t row, int64_t place) {
      for (int64_t e = 0; e < size_.E; ++e)
        scratch_.dx_rows[row * size_.E + e] += scratch_.dx[place * size_.E + e];
    });
  }

  void end(int64_t d) {
    const int64_t E = size_.E, H = size_.H, G = kLstmGates * H;
    store_state(scratch_.h, d, b_.dh0);
    store_state(scratch_.c, d, b_.dc0);
    float *dW = b_.dW.as<float>() + d * G * E, *dR = b_.dR.as<float>() + d * G * H;
    float* db = b_.db.as<float>() + d * G;
    pool_.parallel_for(G, [&](int64_t g) {
      for (int64_t e = 0; e < E; ++e) dW[g * E + e] += scratch_.dW[e * G + g];
      for (int64_t j = 0; j < H; ++j) dR[g * H + j] += scratch_.dR[j * G + g];
      db[g] += scratch_.db[g];
    });
  }

  void store_dx() {
    const int64_t E = size_.E;
    float* dx = b_.dx.as<float>();
    if (!p_.x_index) {
      std::copy_n(scratch_.dx_rows, size_.N * E, dx);
      return;
    }
    for_chunks(pool_, size_.U, rows_per_task(E), [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t u = begin; u < end; ++u) {
        std::fill_n(dx + u * E, E, 0.0f);
        for (int k = host_.segments[static_cast<size_t>(u)]; k < host_.segments[static_cast<size_t>(u) + 1];
             ++k)
          for (int64_t e = 0; e < E; ++e)
            dx[u * E + e] += scratch_.dx_rows[host_.segment_rows[static_cast<size_t>(k)] * E + e];
      }
    });
  }

  const RnnBackward& b_;
  Cache& cache_;
};

void RnnOnednn::backward(Pool& pool, const RnnBackward& p) {
  Backward(pool, p, threads_, cache()).run();
}

}  // namespace sluice::cpu
