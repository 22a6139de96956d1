#include "engine/batch.h"

#include <algorithm>
#include <numeric>

namespace sluice {
namespace {

std::vector<size_t> longest_first(std::span<const BatchItem> items) {
  std::vector<size_t> order(items.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return items[a].tokens.size() > items[b].tokens.size(); });
  return order;
}

void lay_out_steps(HostBatch& batch) {
  batch.offsets.assign(static_cast<size_t>(batch.steps) + 1, 0);
  batch.active.assign(static_cast<size_t>(batch.steps), 0);
  int alive = batch.sequences;
  for (int t = 0; t < batch.steps; ++t) {
    while (alive > 0 && batch.lengths[static_cast<size_t>(alive) - 1] <= t) --alive;
    batch.active[static_cast<size_t>(t)] = alive;
    const int stride = batch.layout == Layout::packed ? alive : batch.sequences;
    batch.offsets[static_cast<size_t>(t) + 1] = batch.offsets[static_cast<size_t>(t)] + stride;
  }
  batch.rows = batch.offsets.back();
}

void label(HostBatch& batch, const BatchItem& item, size_t b) {
  for (int32_t k : item.classes) {
    SLUICE_CHECK(k >= 0 && (batch.classes == 0 || k < batch.classes),
                 "class {} of document {} is not below {}", k, item.document, batch.classes);
    if (batch.classes > 0)
      batch.targets[b * static_cast<size_t>(batch.classes) + static_cast<size_t>(k)] = 1.0f;
  }
  batch.labels[b] = item.classes.empty() ? -1 : item.classes.front();
}

// Rows sorted by (id, row): each run of one id is a segment.
void find_distinct(HostBatch& batch) {
  batch.segment_rows.clear();
  batch.segment_rows.reserve(static_cast<size_t>(batch.tokens));
  for (int t = 0; t < batch.steps; ++t)
    for (int b = 0; b < batch.active[static_cast<size_t>(t)]; ++b)
      batch.segment_rows.push_back(batch.row(t, b));
  const auto& ids = batch.ids;
  std::sort(batch.segment_rows.begin(), batch.segment_rows.end(), [&](int32_t x, int32_t y) {
    const int32_t id_x = ids[static_cast<size_t>(x)], id_y = ids[static_cast<size_t>(y)];
    return id_x != id_y ? id_x < id_y : x < y;
  });
  batch.row_distinct.assign(static_cast<size_t>(batch.rows), 0);
  for (size_t k = 0; k < batch.segment_rows.size(); ++k) {
    const auto row = static_cast<size_t>(batch.segment_rows[k]);
    if (batch.distinct.empty() || batch.distinct.back() != ids[row]) {
      batch.distinct.push_back(ids[row]);
      batch.segments.push_back(static_cast<int32_t>(k));
    }
    batch.row_distinct[row] = static_cast<int32_t>(batch.distinct.size()) - 1;
  }
  batch.segments.push_back(static_cast<int32_t>(batch.segment_rows.size()));
}

}  // namespace

HostBatch pack(std::span<const BatchItem> items, Layout layout, int classes) {
  HostBatch batch;
  batch.layout = layout;
  batch.sequences = static_cast<int>(items.size());
  batch.classes = classes;
  const std::vector<size_t> order = longest_first(items);
  for (size_t i : order) {
    batch.lengths.push_back(static_cast<int32_t>(items[i].tokens.size()));
    batch.documents.push_back(items[i].document);
    batch.tokens += batch.lengths.back();
  }
  batch.steps = batch.lengths.empty() ? 0 : batch.lengths.front();
  lay_out_steps(batch);

  batch.ids.assign(static_cast<size_t>(batch.rows), 0);
  batch.labels.assign(items.size(), -1);
  batch.targets.assign(items.size() * static_cast<size_t>(classes), 0.0f);
  for (size_t b = 0; b < order.size(); ++b) {
    const BatchItem& item = items[order[b]];
    for (size_t t = 0; t < item.tokens.size(); ++t)
      batch.ids[static_cast<size_t>(batch.row(static_cast<int>(t), static_cast<int>(b)))] = item.tokens[t];
    label(batch, item, b);
  }
  find_distinct(batch);
  return batch;
}

}  // namespace sluice
