#include "engine/backends/cuda/graphs.h"

#include <cuda_runtime.h>

#include <memory>

#include "engine/error.h"
#include "kernels/core/check.cuh"

namespace sluice::cuda {
namespace {

constexpr size_t kMostKeys = 20000, kMostRetired = 4;

struct DestroyGraph {
  void operator()(cudaGraph_t graph) const { cudaGraphDestroy(graph); }
};
using Graph = std::unique_ptr<CUgraph_st, DestroyGraph>;

// Captures what verbs() queues. A failure inside ends the capture and passes on.
Graph capture(Queue& queue, const std::function<void()>& verbs) {
  cudaGraph_t graph = nullptr;
  check_cuda("cudaStreamBeginCapture",
             cudaStreamBeginCapture(queue.stream(), cudaStreamCaptureModeThreadLocal));
  try {
    verbs();
  } catch (...) {
    cudaStreamEndCapture(queue.stream(), &graph);
    if (graph) cudaGraphDestroy(graph);
    static_cast<void>(cudaGetLastError());
    throw;
  }
  check_cuda("cudaStreamEndCapture", cudaStreamEndCapture(queue.stream(), &graph));
  return Graph(graph);
}

}  // namespace

Graphs::~Graphs() {
  for (const Entry& entry : entries_)
    if (entry.graph) cudaGraphExecDestroy(entry.graph);
  for (const Retired& retired : retired_) cudaGraphExecDestroy(retired.graph);
}

void Graphs::run(Queue& queue, const Key& key, const std::function<void()>& verbs) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    entries_.push_front({.key = key});
    by_key_.emplace(key, entries_.begin());
    make_room(queue);
    return verbs();
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  Entry& entry = entries_.front();
  if (!entry.graph) {
    record(queue, verbs, entry);
    ++recorded_;
    nodes_ += entry.nodes;
    make_room(queue);
  }
  check_cuda("cudaGraphLaunch", cudaGraphLaunch(entry.graph, queue.stream()));
  ++replayed_;
}

void Graphs::record(Queue& queue, const std::function<void()>& verbs, Entry& entry) {
  const Graph graph = capture(queue, verbs);
  check_cuda("cudaGraphGetNodes", cudaGraphGetNodes(graph.get(), nullptr, &entry.nodes));
  check_cuda("cudaGraphInstantiate", cudaGraphInstantiate(&entry.graph, graph.get(), 0));
}

// Never the graph in use.
void Graphs::make_room(Queue& queue) {
  while (entries_.size() > 1 && (nodes_ > most_nodes_ || entries_.size() > kMostKeys)) {
    Entry& last = entries_.back();
    if (last.graph) {
      retired_.emplace_back().graph = last.graph;
      retired_.back().unused.record(queue);
    }
    nodes_ -= last.nodes;
    by_key_.erase(last.key);
    entries_.pop_back();
  }
  for (; retired_.size() > kMostRetired; retired_.pop_front()) {
    retired_.front().unused.wait();
    check_cuda("cudaGraphExecDestroy", cudaGraphExecDestroy(retired_.front().graph));
  }
}

}  // namespace sluice::cuda
