// One pool of threads for everything the CPU backend computes.
//
// Note [Same bits for any number of threads]
// Work is cut into tasks by the batch and the shapes alone, never by the number of threads; each task writes
// its own outputs, and what several tasks contribute to is summed in the order of the tasks. Which thread
// runs a task then cannot be seen in the result.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace sluice::cpu {

class Pool {
 public:
  // `threads` >= 1 work, the calling one among them.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls f(task) for each task in [0, tasks), on any thread and in any order; returns when all are done. An
  // exception of a task is thrown here; tasks that had not begun are then left out. Not to be called from
  // within a task, nor by two threads at once.
  template <class F>
  void parallel_for(int64_t tasks, const F& f) {
    run(
        tasks, [](const void* context, int64_t task) { (*static_cast<const F*>(context))(task); }, &f);
  }

 private:
  using Call = void (*)(const void*, int64_t);

  struct Job {
    Call call;
    const void* context;
    int64_t tasks;
    std::atomic<int64_t> next{0};
    std::atomic<int> users{0};  // workers inside; they enter only under mutex_ while the job is open
    std::exception_ptr error;   // guarded by mutex_
  };

  void run(int64_t tasks, Call call, const void* context);
  void work_on(Job& job);
  void worker_loop();
  void stop_workers();

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Job* open_ = nullptr;              // guarded by mutex_
  std::atomic<uint64_t> opened_{0};  // jobs so far; changes under mutex_
  bool stop_ = false;                // guarded by mutex_
  bool spin_ = false;
  std::vector<std::jthread> workers_;
};

}  // namespace sluice::cpu
