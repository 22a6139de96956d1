// What a queue was given, recorded as CUDA graphs and given again: Note [Replay] in engine/backend.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <vector>

#include "engine/backends/cuda/queue.h"

struct CUgraphExec_st;

namespace sluice::cuda {

// Note [Recording]
// The first time a key comes, its verbs run as they are: all that they allocate or load on first use is there
// afterwards (workspaces, cuBLAS's handles, kernels), and a key that never comes again costs no recording.
// The second time they are captured, and the graph runs, then and from then on. Other queues that the verbs
// use must wait for `queue` first and be waited for at the end, as forks and joins of the capture. The graphs
// used longest ago make room when there are more than `most_nodes` nodes in all.
class Graphs {
 public:
  Graphs() = default;
  ~Graphs();
  Graphs(const Graphs&) = delete;
  Graphs& operator=(const Graphs&) = delete;

  using Key = std::vector<int32_t>;
  void run(Queue& queue, const Key& key, const std::function<void()>& verbs);

  void keep(size_t most_nodes) { most_nodes_ = most_nodes; }
  size_t recorded() const { return recorded_; }  // graphs made so far
  size_t replayed() const { return replayed_; }  // launches of them
  size_t nodes() const { return nodes_; }        // of the graphs kept

 private:
  struct Entry {
    Key key;
    CUgraphExec_st* graph = nullptr;  // null: seen once
    size_t nodes = 0;
  };
  using Entries = std::list<Entry>;  // used last first

  static void record(Queue& queue, const std::function<void()>& verbs, Entry& entry);
  void make_room(Queue& queue);

  static constexpr size_t kMostNodes = 200000;  // some 1 KB each on the device
  size_t most_nodes_ = kMostNodes, nodes_ = 0, recorded_ = 0, replayed_ = 0;
  Entries entries_;
  std::map<Key, Entries::iterator> by_key_;
  // Graphs that had to go and may still run: each is destroyed when the queue has come past `unused`.
  struct Retired {
    CUgraphExec_st* graph;
    Event unused;
  };
  std::list<Retired> retired_;
};

}  // namespace sluice::cuda
