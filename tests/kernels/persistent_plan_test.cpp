// How the path persistent is laid out on GPUs that are not at hand.
#include <gmock/gmock.h>

#include <stdexcept>

#include "kernels/core/gpus.h"
#include "kernels/recurrence_persistent/layout.h"

namespace sluice::cuda {
namespace {

const DeviceProps& device(const std::string& name) {
  for (const DeviceProps& d : known_gpus())
    if (d.name == name) return d;
  throw std::invalid_argument(name);
}

bool takes(const std::string& gpu, int hidden, int directions = 1, int element = 4,
           CellKind cell = CellKind::lstm) {
  for (Pass pass : {Pass::forward, Pass::backward})
    if (std::holds_alternative<Refusal>(plan(pass, {cell, hidden, 16, directions, element}, device(gpu))))
      return false;
  return true;
}

void expect_sound(const PersistentPlan& p, Pass pass, const PersistentShape& shape, const DeviceProps& gpu) {
  const ProductLayout product = product_layout(pass, shape, p);
  EXPECT_GE(p.blocks * p.units, shape.hidden);
  EXPECT_LT((p.blocks - 1) * p.units, shape.hidden);
  EXPECT_GE(product.padded_k(), product.K);
  EXPECT_GE(product.stride, product.padded_k());
  EXPECT_GE(p.groups, 1);
  EXPECT_LE(p.groups, shape.sequences);
  EXPECT_LE(p.rows(shape.sequences), kMaxTiles * p.tile_rows);
  EXPECT_LE(p.tile_rows, kMaxTileRows);
  EXPECT_LE(p.tile_rows * p.units, kPersistentThreads);
  EXPECT_LE(p.blocks * p.teams_at_once, gpu.multiprocessors);
  if (p.cluster) {
    EXPECT_LE(p.blocks, static_cast<int>(most_in_cluster(gpu)));
    EXPECT_TRUE(pass == Pass::forward || shape.hidden * shape.element % 16 == 0);
  }
  EXPECT_GE(p.wave, 1);
  const Layouts layouts =
      dispatch_cell(shape.cell, [&]<class Cell>() { return layouts_of<Cell>(pass, shape, p); });
  EXPECT_LT(p.wave * p.tile_rows * layouts.gather_copies.d * (p.cluster ? 0 : 1), Divisor::kMost);
  EXPECT_LT((p.blocks - 1) * layouts.sent.d * (p.cluster ? 1 : 0), Divisor::kMost);
  EXPECT_LE(p.wave, std::max(1, p.tiles(p.rows(shape.sequences))));
  EXPECT_GE(p.launches * p.teams_at_once, shape.directions * p.groups);
  EXPECT_LT(p.shared, gpu.shared_per_block);
  EXPECT_EQ(p.shared, sizeof(float) * static_cast<size_t>(shared_layout(pass, shape, p).end));
  if (shape.element == 4) {
    EXPECT_EQ(p.shared_k % 4, 0);
    const auto& in_registers = product.outputs == 3 ? kRegisterK<3> : kRegisterK<4>;
    EXPECT_TRUE(p.register_k == in_registers[0] || p.register_k == in_registers[1]);
    return;
  }
  EXPECT_EQ(p.register_k % kMmaK, 0);
  EXPECT_EQ(p.shared_k % kMmaK, 0);
  EXPECT_LE(p.register_k, kMmaRegisterK);
  EXPECT_TRUE(p.shared_k == 0 || p.register_k == kMmaRegisterK);
  EXPECT_LT((product.part_k() - kMmaK) * product.parts, product.K + kMmaK * product.parts);
  EXPECT_EQ(product.parts * product.output_tiles, kPersistentWarps);
  EXPECT_GE(16 * product.output_tiles, 4 * product.V);
}

// Whatever the shape: all of R has a place, every row a group, and the launch fits the device.
TEST(PersistentPlan, holds_what_it_must_within_the_device) {
  int accepted[2] = {};  // in f32, in 16 bits
  for (const DeviceProps& gpu : known_gpus())
    for (CellKind cell : kCells)
      for (int element : {4, 2})
        for (int hidden : {1, 5, 17, 64, 100, 128, 256, 300, 512, 768, 1024, 1600, 2048})
          for (int sequences : {1, 2, 7, 16, 64, 200, 512})
            for (int directions : {1, 2})
              for (Pass pass : {Pass::forward, Pass::backward}) {
                const PersistentShape shape{cell, hidden, sequences, directions, element};
                const auto result = plan(pass, shape, gpu);
                if (std::holds_alternative<Refusal>(result)) continue;
                ++accepted[element == 2];
                SCOPED_TRACE(testing::Message() << gpu.name << " " << name_of(cell) << " H " << hidden
                                                << " B " << sequences << " D " << directions << " bytes "
                                                << element << " pass " << static_cast<int>(pass));
                expect_sound(std::get<PersistentPlan>(result), pass, shape, gpu);
              }
  EXPECT_GT(accepted[0], 4000);
  EXPECT_GT(accepted[1], accepted[0]);
}

// R in f32 is 16 H^2 bytes; an SM takes 96 KB of it in registers and what its shared memory has left.
TEST(PersistentPlan, takes_what_fits_and_refuses_the_rest) {
  for (const DeviceProps& gpu : known_gpus()) EXPECT_TRUE(takes(gpu.name, 256, 2)) << gpu.name;
  for (const char* gpu : {"A100 SXM 80GB", "H100 SXM", "H100 PCIe", "H200", "B200", "RTX 4090"})
    EXPECT_TRUE(takes(gpu, 512, 2)) << gpu;
  for (const char* gpu : {"H100 SXM", "H200", "B200"}) EXPECT_TRUE(takes(gpu, 1024)) << gpu;
  EXPECT_FALSE(takes("RTX 3060", 1024));
  for (const DeviceProps& gpu : known_gpus()) EXPECT_FALSE(takes(gpu.name, 2048)) << gpu.name;
}

// Half the bytes, and 128 KB of an SM's registers.
TEST(PersistentPlan, takes_larger_layers_in_16_bits) {
  const auto in_16_bits = [](const std::string& gpu, int hidden, int directions) {
    return takes(gpu, hidden, directions, 2);
  };
  for (const DeviceProps& gpu : known_gpus()) EXPECT_TRUE(in_16_bits(gpu.name, 512, 2)) << gpu.name;
  for (const char* gpu : {"A100 SXM 80GB", "H100 SXM", "H100 PCIe", "H200", "B200"})
    EXPECT_TRUE(in_16_bits(gpu, 1024, 2)) << gpu;
  for (const char* gpu : {"H100 SXM", "H200", "B200"}) EXPECT_TRUE(in_16_bits(gpu, 2048, 1)) << gpu;
  EXPECT_FALSE(in_16_bits("H100 SXM", 4096, 1));
}

// A GRU's R in f32 is 12 H^2 bytes. Forward it is held by threads of three outputs; backward, a sum is as
// long as the gradients of R h, from the last multiple of 4 before them on.
TEST(PersistentPlan, of_a_gru_holds_three_gates) {
  EXPECT_TRUE(takes("H100 SXM", 1280, 1, 4, CellKind::gru));
  EXPECT_FALSE(takes("H100 SXM", 1280, 1, 4, CellKind::lstm));
  EXPECT_FALSE(takes("H100 SXM", 2048, 1, 4, CellKind::gru));
  const auto product = [](Pass pass, CellKind cell, int hidden, int element) {
    const PersistentShape shape{cell, hidden, 16, 1, element};
    return product_layout(pass, shape, std::get<PersistentPlan>(plan(pass, shape, device("H100 SXM"))));
  };
  EXPECT_EQ(product(Pass::forward, CellKind::gru, 256, 4).outputs, 3);
  EXPECT_EQ(product(Pass::forward, CellKind::gru, 256, 2).outputs, 4);
  EXPECT_EQ(product(Pass::backward, CellKind::gru, 256, 4).K, 3 * 256);
  EXPECT_EQ(product(Pass::backward, CellKind::gru, 255, 2).K, 3 * 255 + 3);
  EXPECT_EQ(product(Pass::backward, CellKind::lstm, 255, 4).K, 4 * 255);
}

// Of one layout, what a step multiplies and reads of R is three quarters.
TEST(PersistentPlan, model_of_a_gru_counts_three_gates) {
  const PersistentShape lstm{CellKind::lstm, 512, 16, 1, 4}, gru{CellKind::gru, 512, 16, 1, 4};
  PersistentPlan p{.units = 16, .blocks = 32, .groups = 4, .tile_rows = 4, .register_k = 16, .shared_k = 16};
  const StepCycles of_lstm = step_cycles(Pass::forward, lstm, p, 4),
                   of_gru = step_cycles(Pass::forward, gru, p, 4);
  EXPECT_DOUBLE_EQ(of_gru.products, of_lstm.products * 3 / 4);
  EXPECT_DOUBLE_EQ(of_gru.weights, of_lstm.weights * 3 / 4);
  EXPECT_DOUBLE_EQ(of_gru.exchange, of_lstm.exchange);
  EXPECT_DOUBLE_EQ(step_cycles(Pass::backward, gru, p, 4).exchange,
                   step_cycles(Pass::backward, lstm, p, 4).exchange * 3 / 4);
}

// Where there are clusters, and the team has no more blocks than one; or as it is asked for.
TEST(PersistentPlan, teams_of_a_few_blocks_are_clusters) {
  PersistentShape shape{CellKind::lstm, 128, 16, 1, 2};
  const auto planned = [&](const std::string& gpu) {
    return std::get<PersistentPlan>(plan(Pass::backward, shape, device(gpu)));
  };
  EXPECT_TRUE(planned("H100 SXM").cluster);
  EXPECT_GT(planned("H100 SXM").blocks, 1);
  EXPECT_FALSE(planned("A100 SXM 80GB").cluster);
  shape.exchange = PersistentExchange::flags;
  EXPECT_FALSE(planned("H100 SXM").cluster);
  shape.exchange = PersistentExchange::cluster;
  EXPECT_TRUE(planned("B200").cluster);
  for (int hidden : {126, 1024}) {
    shape.hidden = hidden;
    EXPECT_THAT(
        std::get<Refusal>(plan(Pass::backward, shape, device("H100 SXM"))).reason,
        testing::HasSubstr("no cluster of 8 or fewer multiprocessors of H100 SXM holds R of hidden size " +
                           std::to_string(hidden) + " (backward a multiple of 8)"));
  }
  shape.hidden = 126;
  EXPECT_TRUE(std::get<PersistentPlan>(plan(Pass::forward, shape, device("H100 SXM"))).cluster);
  shape.exchange = PersistentExchange::automatic;
  EXPECT_FALSE(planned("H100 SXM").cluster);
}

// The path is chosen before the batch is known.
TEST(PersistentPlan, what_takes_one_sequence_takes_any_number) {
  for (const DeviceProps& gpu : known_gpus())
    for (CellKind cell : kCells)
      for (int element : {4, 2})
        for (int hidden : {32, 256, 512, 1024, 1280, 2048})
          for (Pass pass : {Pass::forward, Pass::backward}) {
            if (std::holds_alternative<Refusal>(plan(pass, {cell, hidden, 1, 1, element}, gpu))) continue;
            for (int sequences : {7, 64, 1000, 5000}) {
              const PersistentShape shape{cell, hidden, sequences, 1, element};
              const auto planned = plan(pass, shape, gpu);
              ASSERT_TRUE(std::holds_alternative<PersistentPlan>(planned))
                  << gpu.name << " H " << hidden << " B " << sequences << " bytes " << element;
              expect_sound(std::get<PersistentPlan>(planned), pass, shape, gpu);
            }
          }
}

TEST(PersistentPlan, refusals_say_why) {
  using testing::HasSubstr;
  const auto reason = [](Pass pass, int hidden, const DeviceProps& gpu, CellKind cell = CellKind::lstm) {
    return std::get<Refusal>(plan(pass, {cell, hidden, 16, 1}, gpu)).reason;
  };
  EXPECT_THAT(
      reason(Pass::forward, 2048, device("H100 SXM")),
      HasSubstr("R of hidden size 2048, 67 MB in f32, does not stay in registers and shared memory of "
                "132 multiprocessors of 227 KB"));
  EXPECT_THAT(reason(Pass::backward, 64, {"V100", 7, 0, 80, 96 << 10, 16ull << 30}),
              HasSubstr("compute capability 8.0, V100 has 7.0"));
  EXPECT_THAT(reason(Pass::forward, 2048, device("H100 SXM"), CellKind::gru),
              HasSubstr("R of hidden size 2048, 50 MB in f32"));
}

// What one SM can hold stays there: nothing is exchanged. Both directions and the groups run side by side.
TEST(PersistentPlan, small_layers_use_one_block_a_team) {
  const auto p =
      std::get<PersistentPlan>(plan(Pass::forward, {CellKind::lstm, 32, 64, 2}, device("H100 SXM")));
  EXPECT_EQ(p.blocks, 1);
  EXPECT_EQ(p.groups, 64);
  EXPECT_EQ(p.launches, 1);
}

// By hand, of 11 rows: tiles of 8 and 3, which products in f32 compute as 4 and tensor cores as 8.
TEST(StepCounts, of_layers_of_128_units) {
  PersistentPlan plan{.units = 32, .blocks = 4, .groups = 1, .tile_rows = 8, .register_k = 16};
  const StepCounts f32 = step_counts(Pass::forward, {CellKind::lstm, 128, 11}, plan, 11);
  EXPECT_EQ(f32.fma, 12 * 128 * 128 / 32);  // 128 outputs of 128 k
  EXPECT_EQ(f32.mma, 0);
  EXPECT_EQ(f32.barriers, 6);
  EXPECT_EQ(f32.releases, 1);
  EXPECT_EQ(f32.acquires, 4);
  EXPECT_EQ(f32.published, 11 * 32 * 4);
  EXPECT_EQ(f32.gathered, 11 * 128 * 4);
  EXPECT_EQ(f32.fetched, 11 * 32 * 4 * 4);
  EXPECT_EQ(f32.results, 11 * 32 * 6 * 4);
  EXPECT_EQ(f32.weights, 0);
  EXPECT_EQ(f32.operands, 12 * 256 * 16 * 4);  // of a thread, 16 k

  plan.register_k = 96, plan.shared_k = 32;  // of four parts of 512 k, of 32 outputs each
  const StepCounts bf16 = step_counts(Pass::backward, {CellKind::lstm, 128, 11, 1, 2}, plan, 11);
  EXPECT_EQ(bf16.fma, 0);
  EXPECT_EQ(bf16.mma, 16 * 32 * 512 / (8 * 16 * 16));
  EXPECT_EQ(bf16.barriers, 6);
  EXPECT_EQ(bf16.published, 11 * 32 * 4 * 2);
  EXPECT_EQ(bf16.gathered, 11 * 512 * 2);
  EXPECT_EQ(bf16.fetched, 11 * 32 * 6 * 4);  // pairs
  EXPECT_EQ(bf16.results, 0);
  EXPECT_EQ(bf16.weights, 2 * 32 * 128 * 2);  // of each tile, a quarter of 32 outputs and 512 k
}

// By hand, of the same 11 rows.
TEST(StepCounts, of_waves_and_of_a_cluster) {
  PersistentPlan plan{.units = 32, .blocks = 4, .groups = 1, .tile_rows = 8, .register_k = 16};
  const PersistentShape shape{CellKind::lstm, 128, 11};
  EXPECT_EQ(step_counts(Pass::forward, shape, plan, 11).barriers, 6);
  plan.wave = 2;
  EXPECT_EQ(step_counts(Pass::forward, shape, plan, 11).barriers, 4);

  plan.wave = 1;
  plan.cluster = true;
  const StepCounts forward = step_counts(Pass::forward, shape, plan, 11),
                   backward = step_counts(Pass::backward, shape, plan, 11);
  EXPECT_EQ(forward.barriers, 4);
  EXPECT_EQ(forward.releases + forward.acquires + forward.gathered, 0);
  EXPECT_EQ(forward.published, 11 * 32 * 4);
  EXPECT_EQ(forward.sent, 3 * 11 * 32 * 4);
  EXPECT_EQ(forward.results, 11 * 32 * 6 * 4);
  EXPECT_EQ(backward.sent, 3 * 11 * 32 * 4 * 4);
  EXPECT_EQ(backward.results, 11 * 32 * 4 * 4);  // d_slots, for the sums over rows
}

// No plan computes less than the products of its rows.
TEST(StepCounts, hold_all_products) {
  for (const DeviceProps& gpu : known_gpus())
    for (int element : {4, 2})
      for (int hidden : {17, 64, 256, 300, 512})
        for (int sequences : {1, 7, 64, 200})
          for (Pass pass : {Pass::forward, Pass::backward}) {
            const PersistentShape shape{CellKind::lstm, hidden, sequences, 1, element};
            const auto result = plan(pass, shape, gpu);
            if (std::holds_alternative<Refusal>(result)) continue;
            const auto& p = std::get<PersistentPlan>(result);
            const int rows = p.rows(sequences);
            const StepCounts step = step_counts(pass, shape, p, rows);
            const int64_t needed = int64_t{4} * rows * p.units * hidden;
            EXPECT_GE(32 * step.fma + 16 * 8 * 16 * step.mma, needed);
            EXPECT_EQ(step.fma == 0, element == 2);
          }
}

// Each turn is in one chunk; in either direction the steps of the chunks done are one range.
TEST(Chunks, share_all_turns) {
  for (int T : {0, 1, 7, 300})
    for (int C = 1; C <= std::max(1, T); ++C)
      for (int d : {0, 1}) {
        int done = 0;
        for (int c = 0; c < C; ++c) {
          const Turns turns = turns_of_chunk(c, C, T);
          EXPECT_EQ(turns.begin, done);
          EXPECT_GE(turns.end, turns.begin + (T > 0));
          const Steps steps = turns.steps(d, T);
          EXPECT_EQ(d == 1 ? steps.begin : T - steps.end, done);
          EXPECT_EQ(steps.end - steps.begin, turns.end - turns.begin);
          done = turns.end;
        }
        EXPECT_EQ(done, T);
      }
}

int chunks_of(const std::string& gpu, const PersistentShape& shape, int steps, int products = 3) {
  const auto p = std::get<PersistentPlan>(plan(Pass::backward, shape, device(gpu)));
  return backward_chunks(
      shape, p,
      {.steps = steps, .rows = int64_t{steps} * shape.sequences, .columns = products * shape.hidden},
      device(gpu));
}

TEST(Chunks, are_many_only_where_the_chain_leaves_multiprocessors_idle) {
  int cut = 0, whole = 0;
  for (const DeviceProps& gpu : known_gpus())
    for (CellKind cell : kCells)
      for (int element : {4, 2})
        for (int hidden : {17, 64, 128, 256, 512, 1024})
          for (int sequences : {1, 2, 4, 8, 64, 200})
            for (int directions : {1, 2}) {
              const PersistentShape shape{cell, hidden, sequences, directions, element};
              const auto planned = plan(Pass::backward, shape, gpu);
              if (std::holds_alternative<Refusal>(planned)) continue;
              const auto& p = std::get<PersistentPlan>(planned);
              SCOPED_TRACE(testing::Message() << gpu.name << " " << name_of(cell) << " H " << hidden << " B "
                                              << sequences << " D " << directions << " bytes " << element);
              for (int steps : {0, 1, 20, 500}) {
                const int chunks = chunks_of(gpu.name, shape, steps);
                EXPECT_GE(chunks, 1);
                EXPECT_LE(chunks, std::max(1, steps / 16));
                EXPECT_TRUE(chunks == 1 || gpu.multiprocessors - p.blocks * p.teams_at_once > 1);
                ++(chunks > 1 ? cut : whole);
              }
            }
  EXPECT_GT(cut, 200);
  EXPECT_GT(whole, 200);
}

TEST(Chunks, are_more_where_there_is_more_to_sum_beside_them) {
  const PersistentShape shape{CellKind::lstm, 256, 32, 1, 2};
  EXPECT_EQ(chunks_of("H100 SXM", shape, 30), 1);
  EXPECT_GT(chunks_of("H100 SXM", shape, 1000), 1);
  EXPECT_GE(chunks_of("H100 SXM", shape, 2000), chunks_of("H100 SXM", shape, 1000));
  EXPECT_GE(chunks_of("H100 SXM", shape, 1000, 3), chunks_of("H100 SXM", shape, 1000, 1));
}

TEST(PersistentPlan, lost_blocks_are_named_by_a_word) {
  const LostBlock lost{.lost = true, .direction = 1, .group = 70, .step = 299};
  const LostBlock read = LostBlock::of(lost.word());
  EXPECT_TRUE(read.lost);
  EXPECT_EQ(read.direction, 1);
  EXPECT_EQ(read.group, 70);
  EXPECT_EQ(read.step, 299);
  EXPECT_FALSE(LostBlock::of(0).lost);
}

}  // namespace
}  // namespace sluice::cuda
