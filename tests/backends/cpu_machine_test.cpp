#include "engine/backends/cpu/machine.h"
#include "engine/backends/make_cuda.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "engine/backend.h"

namespace sluice::cpu {
namespace {

// A machine of files: 8 GB free.
class CpuMachine : public testing::Test {
 protected:
  CpuMachine() {
    std::string pattern = testing::TempDir() + "machine.XXXXXX";
    root_ = mkdtemp(pattern.data());
    write("/proc/meminfo", "MemTotal: 16000000 kB\nMemFree: 1 kB\nMemAvailable:   8000000 kB\n");
  }
  ~CpuMachine() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  std::string root_;
};

TEST_F(CpuMachine, without_cgroups_lends_what_is_available) {
  EXPECT_EQ(available_memory_below(root_), size_t{8000000} * 1024);
}

TEST_F(CpuMachine, an_ancestor_of_the_cgroup_limits_too) {
  write("/proc/self/cgroup", "0::/outer/inner\n");
  write("/sys/fs/cgroup/outer/inner/memory.max", "max\n");
  write("/sys/fs/cgroup/outer/memory.max", "1000000\n");
  write("/sys/fs/cgroup/outer/memory.current", "300000\n");
  write("/sys/fs/cgroup/outer/memory.stat", "anon 5\ninactive_file 100000\nfile 7\n");
  EXPECT_EQ(available_memory_below(root_), 1000000u - (300000 - 100000));
}

TEST_F(CpuMachine, reads_cgroup_v1) {
  write("/proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/job\n");
  write("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "500000\n");
  write("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "600000\n");
  EXPECT_EQ(available_memory_below(root_), 0u);  // over its limit
}

TEST(CpuMachineReal, lends_something) {
  EXPECT_GE(usable_cores(), 1);
  EXPECT_GT(available_memory(), 1u << 20);
}

TEST(CpuMachineReal, lends_no_more_than_the_address_space_left) {
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  const rlim_t mapped = [] {
    std::ifstream file("/proc/self/statm");
    rlim_t pages = 0;
    file >> pages;
    return pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
  }();
  constexpr rlim_t kRoom = 64 << 20;  // less than any machine has free
  const rlimit cut = {mapped + kRoom, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &cut), 0);
  const size_t left = available_memory();
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_LE(left, kRoom + (8 << 20));  // some may have been unmapped in between
  EXPECT_GE(left, kRoom / 2);
}

TEST(CpuDevice, names_itself) {
  const auto backend = make_backend({.device = Device::cpu, .threads = 3});
  EXPECT_THAT(backend->describe(), testing::MatchesRegex("cpu, 3 threads, [a-z0-9]+, oneDNN [23]\\..*"));
}

TEST(CpuDevice, cuda_without_cuda_is_the_users_error) {
  if (cuda_present()) GTEST_SKIP() << "there is a GPU";
  try {
    make_backend({.device = Device::cuda});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("use --device cpu"));
  }
}

TEST(CpuDevice, automatic_says_why_it_is_not_cuda) {
  std::string why;
  const auto backend = make_backend({.device = Device::automatic, .index = 999, .threads = 1}, &why);
  EXPECT_THAT(backend->describe(), testing::StartsWith("cpu"));
  EXPECT_NE(why, "");
}

TEST(CpuDevice, names_what_there_is_no_memory_for) {
  const auto backend = make_backend({.device = Device::cpu, .threads = 1});
  try {
    const Buffer buffer(*backend, size_t{1} << 62, "the embedding");
    FAIL();
  } catch (const Failure& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("no memory for the embedding"));
  }
}

TEST(CpuDevice, lends_memory_aligned_and_zeroed) {
  const auto backend = make_backend({.device = Device::cpu, .threads = 1});
  const Buffer buffer(*backend, 1000, "test");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 256, 0u);
  for (size_t i = 0; i < 1000; ++i) ASSERT_EQ(static_cast<const char*>(buffer.data())[i], 0);
}

}  // namespace
}  // namespace sluice::cpu
