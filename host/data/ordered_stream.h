// Work on a stream of items on several threads, with results in the order of the items.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace sluice {

// Calls produce(item) on one thread until it returns false, work(item, result) on `threads` others, and
// consume(result) on the calling thread, for each item in the order of production. What each sees does not
// depend on the number of threads. Items and results live in a ring and are reused: memory is bounded, and
// each function gets objects that still hold the values of an earlier item.
//
// `make_worker()` is called on the calling thread, once per worker, and returns the work function: state of a
// worker needs no lock. The exception of the earliest item that fails, in the order of the stream, is
// rethrown.
//
// Note [Ordered stream]
// Slot i of the ring holds item n with n % slots == i. Its state goes free -> filled -> done -> free, each
// step made by one thread under the mutex; work and results themselves are touched outside it, by the slot's
// owner of the moment. The producer fills slots in order, workers take filled slots in order, the consumer
// empties in order.
template <class Item, class Result>
class OrderedStream {
 public:
  using Produce = std::function<bool(Item&)>;
  using Work = std::function<void(Item&, Result&)>;
  using Consume = std::function<void(Result&)>;

  static void run(int threads, const Produce& produce, const std::function<Work()>& make_worker,
                  const Consume& consume) {
    OrderedStream stream(static_cast<size_t>(threads) * 2 + 2);
    std::vector<Work> workers;
    for (int i = 0; i < threads; ++i) workers.push_back(make_worker());
    std::vector<std::jthread> pool;  // joined before `stream` goes
    const Stopper stopper{stream};   // and told to stop before that, whatever is thrown
    pool.emplace_back([&] { stream.produce_all(produce); });
    for (const Work& work : workers) pool.emplace_back([&] { stream.work_all(work); });
    stream.consume_all(consume);
    stream.stop();
    pool.clear();
  }

 private:
  enum class State { free, filled, taken, done };
  struct Slot {
    State state = State::free;
    bool last = false;         // no item: the stream ends here
    std::exception_ptr error;  // of producing or working
    Item item;
    Result result;
  };
  struct Stopper {
    OrderedStream& stream;
    ~Stopper() { stream.stop(); }
  };

  explicit OrderedStream(size_t slots) : slots_(slots) {}

  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  // Waits until the slot of item `number` is in `state`; null when the work is over.
  Slot* wait(size_t number, State state) {
    Slot& slot = slots_[number % slots_.size()];
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || slot.state == state; });
    return stopped_ ? nullptr : &slot;
  }
  void pass_on(Slot& slot, State state) {
    const std::lock_guard lock(mutex_);
    slot.state = state;
    changed_.notify_all();
  }

  void produce_all(const Produce& produce) {
    for (size_t n = 0; Slot* slot = wait(n, State::free); ++n) {
      slot->error = nullptr;
      try {
        slot->last = !produce(slot->item);
      } catch (...) {
        slot->error = std::current_exception();
      }
      const bool ends = slot->last || slot->error;
      pass_on(*slot, ends ? State::done : State::filled);
      if (ends) return;
    }
  }

  // The next filled slot, now taken; null when the work is over.
  Slot* take() {
    std::unique_lock lock(mutex_);
    const auto next = [&]() -> Slot& { return slots_[taken_ % slots_.size()]; };
    changed_.wait(lock, [&] { return stopped_ || next().state == State::filled; });
    if (stopped_) return nullptr;
    Slot& slot = next();
    ++taken_;
    slot.state = State::taken;
    changed_.notify_all();  // another worker may find the next slot filled
    return &slot;
  }

  void work_all(const Work& work) {
    while (Slot* slot = take()) {
      try {
        work(slot->item, slot->result);
      } catch (...) {
        slot->error = std::current_exception();
      }
      pass_on(*slot, State::done);
    }
  }

  void consume_all(const Consume& consume) {
    for (size_t n = 0; Slot* slot = wait(n, State::done); ++n) {
      if (slot->error) std::rethrow_exception(slot->error);
      if (slot->last) return;
      consume(slot->result);
      pass_on(*slot, State::free);
    }
  }

  std::vector<Slot> slots_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t taken_ = 0;
  bool stopped_ = false;
};

}  // namespace sluice
