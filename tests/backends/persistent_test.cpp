// The path persistent where the oracle's tests do not reach: groups of several rows and tiles, teams of many
// blocks, long sequences, launches one after another. CMakeLists.txt runs these on GPUs of several sizes.
#include <gmock/gmock.h>

#include "engine/backends/cuda/device.h"
#include "engine/backends/cuda/rnn_persistent.h"
#include "engine/backends/cuda/views.h"
#include "engine/error.h"
#include "tests/backends/rnn_problem.h"

namespace sluice {
namespace {

struct LayerKind {
  DType dtype = DType::f32;
  CellKind cell = CellKind::lstm;
  PersistentExchange exchange = PersistentExchange::flags;
};

RnnShape shape_of(int E, int H, int D, LayerKind kind = {}) {
  RnnShape s;
  s.cell = kind.cell;
  s.dtype = kind.dtype;
  s.persistent_exchange = kind.exchange;
  s.input_size = E;
  s.hidden_size = H;
  s.directions = D;
  s.site = 11;
  return s;
}

class Persistent : public testing::TestWithParam<LayerKind> {
 protected:
  // Backward a cluster takes multiples of 8 units.
  static RnnShape layer(int E, int H, int D) {
    return shape_of(E, clusters() ? (H + 7) / 8 * 8 : H, D, GetParam());
  }
  // Near the oracle, and the same bits again.
  void check(const RnnProblem& p) {
    SCOPED_TRACE(testing::Message() << "lengths " << testing::PrintToString(p.host.lengths) << " H "
                                    << p.shape.hidden_size << " D " << p.shape.directions);
    const RnnResult first = run(*backend_, RnnPath::persistent, p);
    expect_near(first, run_oracle(p), p);
    expect_same_bits(run(*backend_, RnnPath::persistent, p), first);
  }
  static bool clusters() { return GetParam().exchange == PersistentExchange::cluster; }
  // Of two or more blocks. In 16 bits an even H is fetched by pairs.
  static std::vector<int> sizes() { return clusters() ? std::vector{40} : std::vector{45, 46}; }

  std::unique_ptr<Backend> backend_ = make_backend({.device = Device::cuda});
};
std::vector<LayerKind> kinds_of(CellKind cell, PersistentExchange exchange = PersistentExchange::flags) {
  return {{DType::f32, cell, exchange}, {DType::bf16, cell, exchange}, {DType::f16, cell, exchange}};
}
std::string name_of_kind(const testing::TestParamInfo<LayerKind>& test) {
  return name_of(test.param.dtype);
}
INSTANTIATE_TEST_SUITE_P(, Persistent, testing::ValuesIn(kinds_of(CellKind::lstm)), name_of_kind);
INSTANTIATE_TEST_SUITE_P(Gru, Persistent, testing::ValuesIn(kinds_of(CellKind::gru)), name_of_kind);
INSTANTIATE_TEST_SUITE_P(Cluster, Persistent,
                         testing::ValuesIn(kinds_of(CellKind::lstm, PersistentExchange::cluster)),
                         name_of_kind);
INSTANTIATE_TEST_SUITE_P(ClusterGru, Persistent,
                         testing::ValuesIn(kinds_of(CellKind::gru, PersistentExchange::cluster)),
                         name_of_kind);

class PersistentForLong : public Persistent {};
INSTANTIATE_TEST_SUITE_P(, PersistentForLong, testing::ValuesIn(kinds_of(CellKind::lstm)), name_of_kind);
INSTANTIATE_TEST_SUITE_P(Gru, PersistentForLong, testing::ValuesIn(kinds_of(CellKind::gru)), name_of_kind);

TEST_P(Persistent, uneven_lengths_over_several_blocks) {
  for (int H : sizes()) check(RnnProblem(layer(3, H, 2), {9, 8, 8, 6, 5, 3, 2, 1, 1, 0, 0}, Layout::packed));
}

// R in registers alone, and in shared memory as well: in 16 bits only 544 units, on 17 multiprocessors.
TEST_P(Persistent, teams_of_many_blocks) {
  const std::vector<int> sizes = clusters()                          ? std::vector{64, 136, 256}
                                 : GetParam().cell == CellKind::lstm ? std::vector{61, 130, 250, 300, 544}
                                                                     : std::vector{301, 544};
  for (int H : sizes) {
    const RnnShape s = layer(2, H, 1);
    const auto refused = cuda::RnnPersistent(cuda::open_device(0)).refusal(s);
    if (refused.empty()) check(RnnProblem(s, {3, 2, 2}, Layout::packed));
    EXPECT_TRUE(refused.empty() || H > 64) << refused;
  }
}

TEST_P(Persistent, more_rows_than_a_tile) {
  std::vector<int> lengths;
  for (int b = 0; b < 37; ++b) lengths.push_back((b * 5) % 7);
  check(RnnProblem(layer(3, 40, 1), lengths, Layout::padded));
}

TEST_P(Persistent, more_rows_than_a_launch) {
  std::vector<int> lengths;
  for (int b = 0; b < 151; ++b) lengths.push_back(b % 3);
  check(RnnProblem(layer(2, 9, 2), lengths, Layout::packed));
}

TEST_P(Persistent, one_step) {
  check(RnnProblem(layer(3, 33, 2), {1, 1, 1}, Layout::packed));
}

TEST_P(Persistent, many_steps) {
  check(RnnProblem(layer(2, 12, 2), {300, 171}, Layout::packed));
}

// The bound grows as a random walk does, with the root of the steps: errors of the state do not feed
// themselves.
TEST_P(PersistentForLong, drifts_little_over_2048_steps) {
  check(RnnProblem(layer(2, 8, 1), {2048, 2047, 5}, Layout::packed));
}

TEST_P(Persistent, regularised) {
  for (int H : sizes()) {
    RnnShape s = layer(3, H, 2);
    s.recurrent_dropout = 0.3;
    s.zoneout_hidden = 0.2;
    if (s.cell == CellKind::lstm) s.zoneout_cell = 0.1;
    RnnProblem p(s, {7, 6, 6, 5, 4, 3, 2, 1, 0}, Layout::packed);
    check(p);
    p.use_distinct_inputs();
    check(p);
  }
}

// Without patience a block does not even look.
class PersistentTeam : public testing::TestWithParam<PersistentExchange> {};
INSTANTIATE_TEST_SUITE_P(, PersistentTeam,
                         testing::Values(PersistentExchange::flags, PersistentExchange::cluster),
                         [](const auto& test) {
                           return test.param == PersistentExchange::flags ? "flags" : "cluster";
                         });
TEST_P(PersistentTeam, blocks_that_wait_in_vain_are_an_error) {
  const RnnProblem p(shape_of(3, 64, 1, {.exchange = GetParam()}), {3, 2}, Layout::packed);
  const int64_t N = p.host.rows, H = 64;
  const auto backend = make_backend({.device = Device::cuda});
  Rig rig(*backend, DType::f32);
  const Batch batch = rig.upload(p.host);
  RnnForward forward;
  forward.shape = p.shape;
  forward.path = RnnPath::persistent;
  forward.batch = &batch;
  forward.R = rig.in(p.R, {1, 4 * H, H});
  forward.y = rig.out({N, H});
  cuda::StepForwardParams<float> directions[2];
  directions[0].slots = rig.inout(Values(static_cast<size_t>(N * 4 * H), 0.5), {N, 4 * H}).view<float, 2>();
  directions[0].c_saved = rig.out({N, H}).view<float, 2>();
  directions[0].b = cuda::reading<float, 1>(rig.in(p.b, {4 * H}));
  backend->synchronize();

  const DeviceProps device = cuda::open_device(0);
  cuda::Memory memory(0);
  cuda::Queue queue(device, memory, "test");
  cuda::RnnPersistent persistent(device);
  const auto waits = [&](int64_t looks) {
    persistent.set_patience(looks);
    persistent.run(queue, forward, directions);
    queue.synchronize();
    try {
      persistent.check();
    } catch (const Failure& e) {
      EXPECT_THAT(e.what(),
                  testing::ContainsRegex("direction 0, group [0-9]+ waited in vain .* at step [0-9]+"));
      return false;
    }
    return true;
  };
  EXPECT_FALSE(waits(0));
  EXPECT_TRUE(waits(int64_t{1} << 22));
}

}  // namespace
}  // namespace sluice
