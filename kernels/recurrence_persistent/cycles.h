// Cycles that the model of a step reckons with: what fits 225 layouts of 11 layers best, each timed on an
// H200 with either exchange (bench/results/nvidia-h200-2026-11-27): off by 8.5 % of a step in the quadratic
// mean. They rank the layouts of one GPU; of another GPU nobody measured a step.
#pragma once

namespace sluice::cuda {

inline constexpr double kFmaPerCycle = 95;  // f32, of an SM, with the operands' loads; 128 would be its peak
inline constexpr double kMmaPerCycle = 1340;          // of 16 bits by mma.sync.m16n8k16, 65 % of the peak
inline constexpr double kSharedBytesPerCycle = 111;   // 128 would be the peak
inline constexpr double kL2BytesPerCycle = 15.7;      // gathered from L2 by a team's blocks
inline constexpr double kClusterBytesPerCycle = 7.9;  // between the shared memories of a cluster
inline constexpr double kExchangeCycles = 2050;       // store, release, acquire, load through L2
inline constexpr double kClusterCycles = 680;         // store, mbarrier, wait
// What each step costs, each wave (its barriers, the latencies of gathering and of products), each tile (sums
// of partials, gates, states). Of the first it is an estimate how much of it is the exchange's.
inline constexpr double kStepCycles = 800, kWaveCycles = 670, kTileCycles = 1480;

// Of the sums beside backward's chain: estimates.
inline constexpr double kPeakFmaPerCycle = 128;  // f32
inline constexpr double kLaunchCycles = 2280;    // 1.3 us: a kernel node of a graph
inline constexpr double kSumShare = 0.7;         // of the peak, large products by cuBLAS
inline constexpr double kSumTile = 128 * 128;    // outputs that a block of them computes

}  // namespace sluice::cuda
