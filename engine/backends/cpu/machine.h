// What the machine lends to this process.
#pragma once

#include <cstddef>
#include <string>

namespace sluice::cpu {

// Cores this process may run on: its affinity mask, cut by a cgroup's CPU quota. At least 1.
int usable_cores();

// Bytes that can still be allocated: MemAvailable, cut by the limits of the cgroups (v1 or v2) it lives in
// and by what is left of its address space (ulimit -v).
size_t available_memory();

// The same from files below `root` ("" for the machine's own): /proc/meminfo, /proc/self/cgroup,
// /sys/fs/cgroup. For tests.
size_t available_memory_below(const std::string& root);

}  // namespace sluice::cpu
