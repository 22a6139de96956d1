#include "engine/backends/cpu/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace sluice::cpu {
namespace {

TEST(CpuPool, calls_each_task_once) {
  for (int threads : {1, 2, 4, 7}) {
    Pool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (int64_t tasks : {0, 1, 2, 3, 100}) {
      std::vector<std::atomic<int>> calls(static_cast<size_t>(tasks));
      pool.parallel_for(tasks, [&](int64_t task) { ++calls[static_cast<size_t>(task)]; });
      for (const auto& count : calls) EXPECT_EQ(count, 1);
    }
  }
}

// Jobs that end before a worker has woken up, one after the other: no task is lost and none runs late.
TEST(CpuPool, survives_many_short_jobs) {
  Pool pool(4);
  for (int64_t job = 0; job < 5000; ++job) {
    std::atomic<int64_t> sum = 0;
    pool.parallel_for(3, [&](int64_t task) { sum += job * 3 + task; });
    ASSERT_EQ(sum, 9 * job + 3);
  }
}

TEST(CpuPool, gives_all_work_to_all_threads) {
  Pool pool(2);
  std::atomic<int> inside = 0;
  // Each task waits for the other: only two threads at once can end this.
  pool.parallel_for(2, [&](int64_t) {
    ++inside;
    while (inside < 2) std::this_thread::yield();
  });
  EXPECT_EQ(inside, 2);
}

TEST(CpuPool, throws_what_a_task_throws_and_goes_on) {
  Pool pool(2);
  for (int round = 0; round < 100; ++round) {
    // More tasks than the other thread could end while this one is kept from telling.
    constexpr int64_t kTasks = int64_t{1} << 32;
    std::atomic<int64_t> begun = 0;
    const auto job = [&](int64_t task) {
      ++begun;
      if (task == 3) throw std::runtime_error("task 3");
    };
    EXPECT_THROW(pool.parallel_for(kTasks, job), std::runtime_error);
    EXPECT_LT(begun, kTasks);  // the rest was left out
    std::atomic<int> done = 0;
    pool.parallel_for(10, [&](int64_t) { ++done; });
    EXPECT_EQ(done, 10);
  }
}

}  // namespace
}  // namespace sluice::cpu
