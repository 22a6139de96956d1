#include "engine/backends/cpu/machine.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

namespace sluice::cpu {
namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

std::optional<uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  uint64_t value = 0;
  if (file >> value) return value;  // "max" is no number: no limit
  return std::nullopt;
}

// The value of `key` in a file of "key value" lines.
std::optional<uint64_t> number_after(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    uint64_t value = 0;
    if (words >> word >> value && word == key) return value;
  }
  return std::nullopt;
}

// A cgroup's path and all its ancestors': "/a/b" gives "/a/b", "/a", "".
std::vector<std::string> with_ancestors(std::string path) {
  std::vector<std::string> result;
  while (!path.empty() && path != "/") {
    result.push_back(path);
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
  result.emplace_back();
  return result;
}

// What cgroup `folder` still lends: limit - usage + page cache that can be dropped.
uint64_t left_in(const std::string& folder, const char* limit_file, const char* usage_file,
                 const char* inactive) {
  const auto limit = number_in(folder + limit_file);
  if (!limit) return kNoLimit;
  const uint64_t usage = number_in(folder + usage_file).value_or(0);
  const uint64_t droppable = number_after(folder + "/memory.stat", inactive).value_or(0);
  const uint64_t held = usage > droppable ? usage - droppable : 0;
  return *limit > held ? *limit - held : 0;
}

uint64_t left_in_cgroups(const std::string& root) {
  uint64_t left = kNoLimit;
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    for (const std::string& path : with_ancestors(line.substr(second + 1))) {
      if (controllers.empty())
        left = std::min(
            left, left_in(root + "/sys/fs/cgroup" + path, "/memory.max", "/memory.current", "inactive_file"));
      else if (controllers == "memory")
        left = std::min(left, left_in(root + "/sys/fs/cgroup/memory" + path, "/memory.limit_in_bytes",
                                      "/memory.usage_in_bytes", "total_inactive_file"));
    }
  }
  return left;
}

// What a limit on the address space (ulimit -v) leaves.
uint64_t address_space_left() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kNoLimit;
  const uint64_t used =
      number_in("/proc/self/statm").value_or(0) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

// Cores' worth of time a cgroup v2 or v1 quota gives; 0 when there is none.
int quota_cores() {
  std::ifstream v2("/sys/fs/cgroup/cpu.max");
  double quota = 0, period = 0;
  if (!(v2 >> quota >> period)) {
    std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    std::ifstream v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (!(v1_quota >> quota) || !(v1_period >> period)) return 0;
  }
  return quota > 0 && period > 0 ? std::max(1, static_cast<int>(quota / period + 0.5)) : 0;
}

}  // namespace

int usable_cores() {
  int cores = static_cast<int>(std::thread::hardware_concurrency());
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
  if (const int quota = quota_cores()) cores = std::min(cores, quota);
  return std::max(1, cores);
}

size_t available_memory_below(const std::string& root) {
  const auto kilobytes = number_after(root + "/proc/meminfo", "MemAvailable:");
  const uint64_t machine = kilobytes ? *kilobytes * 1024 : kNoLimit;
  return static_cast<size_t>(std::min(machine, left_in_cgroups(root)));
}

size_t available_memory() {
  return static_cast<size_t>(std::min<uint64_t>(available_memory_below(""), address_space_left()));
}

}  // namespace sluice::cpu
