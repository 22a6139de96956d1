// Cycles of an H100 that the model of a step reckons with, from public measurements as quoted beside each;
// they rank the layouts of one GPU and are no promise of a time.
#pragma once

namespace sluice::cuda {

inline constexpr double kFmaPerCycle = 128;   // f32, of an SM
inline constexpr double kMmaPerCycle = 1340;  // of 16 bits by mma.sync.m16n8k16, 65 % of the peak
inline constexpr double kSharedBytesPerCycle = 128;
inline constexpr double kL2BytesPerCycle = 35;   // into an SM while all read (arXiv 2501.12084)
inline constexpr double kExchangeCycles = 1230;  // 0.70 us: store, release, acquire, load through L2
// Between the shared memories of a cluster: 14 bytes a cycle (arXiv 2501.12084); and 0.45 us: store,
// mbarrier, wait. Nobody measured that: a load alone takes 0.11 us (the same), a barrier of a cluster of 8
// 0.65 us.
inline constexpr double kClusterBytesPerCycle = 14;
inline constexpr double kClusterCycles = 790;
inline constexpr double kPointwiseCycles = 350;  // 0.20 us: sums of partials, gates, state
inline constexpr double kLaunchCycles = 2280;    // 1.3 us: a kernel node of a graph
inline constexpr double kSumShare = 0.7;         // of the peak, large products by cuBLAS: estimate
inline constexpr double kSumTile = 128 * 128;    // outputs that a block of them computes: estimate

}  // namespace sluice::cuda
