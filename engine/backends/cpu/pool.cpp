#include "engine/backends/cpu/pool.h"

#include <system_error>

#include "engine/backends/cpu/library_threads.h"
#include "engine/backends/cpu/machine.h"
#include "engine/error.h"

namespace sluice::cpu {
namespace {

// Library GEMMs inside a task run on the task's own thread.
void keep_libraries_serial() {
  thread_local const bool done = (omp_set_num_threads(1), true);
  static_cast<void>(done);
}

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// A job often follows the last one within microseconds, and waking a sleeping thread takes tens of them.
constexpr int kSpins = 4000;

}  // namespace

Pool::Pool(int threads) : spin_(threads <= usable_cores()) {
  try {
    for (int w = 1; w < threads; ++w) workers_.emplace_back([this] { worker_loop(); });
  } catch (const std::system_error& error) {
    stop_workers();
    throw Failure("cannot start {} threads: {}", threads, error.what());
  }
}

Pool::~Pool() {
  stop_workers();
}

void Pool::stop_workers() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    opened_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
}

void Pool::run(int64_t tasks, Call call, const void* context) {
  keep_libraries_serial();
  if (tasks <= 1 || workers_.empty()) {
    for (int64_t task = 0; task < tasks; ++task) call(context, task);
    return;
  }
  Job job{call, context, tasks};
  {
    const std::lock_guard lock(mutex_);
    open_ = &job;
    opened_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  work_on(job);
  for (int s = 0; spin_ && s < kSpins && job.users.load(std::memory_order_acquire) > 0; ++s) pause_briefly();
  {
    std::unique_lock lock(mutex_);
    open_ = nullptr;
    done_.wait(lock, [&] { return job.users.load(std::memory_order_acquire) == 0; });
  }
  if (job.error) std::rethrow_exception(job.error);
}

void Pool::work_on(Job& job) {
  try {
    for (int64_t task; (task = job.next.fetch_add(1, std::memory_order_relaxed)) < job.tasks;)
      job.call(job.context, task);
  } catch (...) {
    job.next.store(job.tasks, std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    if (!job.error) job.error = std::current_exception();
  }
}

void Pool::worker_loop() {
  keep_libraries_serial();
  uint64_t seen = 0;
  while (true) {
    for (int s = 0; spin_ && s < kSpins && opened_.load(std::memory_order_acquire) == seen; ++s)
      pause_briefly();
    Job* job = nullptr;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || (open_ && opened_.load(std::memory_order_relaxed) != seen); });
      if (stop_) return;
      seen = opened_.load(std::memory_order_relaxed);
      job = open_;
      job->users.fetch_add(1, std::memory_order_relaxed);
    }
    work_on(*job);
    const std::lock_guard lock(mutex_);
    if (job->users.fetch_sub(1, std::memory_order_release) == 1) done_.notify_one();
  }
}

}  // namespace sluice::cpu
