// explain-kernel --grid: one table of many layers, and a plot of it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/file.h"
#include "host/program/kernel_model.h"

namespace sluice {
namespace {

constexpr int kHidden[] = {64, 128, 256, 512, 768, 1024, 1536, 2048};
constexpr int kBatch[] = {1, 8, 16, 32, 64, 128, 256};

struct Cell {
  int hidden, batch;
  double step = 0, persistent = 0;  // microseconds a step, forward and backward; 0: refused
  std::string refusal;
};

double microseconds(const ExplainedPath& path, int steps) {
  if (!path.forward || !path.backward || steps == 0) return 0;
  return (path.forward->total() + path.backward->total()) * 1e6 / steps;
}

std::vector<Cell> cells_of(KernelQuestion q) {
  std::vector<Cell> cells;
  for (int hidden : kHidden)
    for (int batch : kBatch) {
      q.hidden = hidden;
      q.batch = batch;
      const ExplainedLayer layer = explain(q);
      Cell cell{.hidden = hidden, .batch = batch, .refusal = {}};
      for (const ExplainedPath& path : layer.paths) {
        if (path.name == "step") cell.step = microseconds(path, layer.steps());
        if (path.name == "persistent") cell.persistent = microseconds(path, layer.steps());
        if (path.name == "persistent") cell.refusal = path.refusal;
      }
      cells.push_back(cell);
    }
  return cells;
}

std::string csv(const std::vector<Cell>& cells) {
  std::string text = "hidden,batch,step_us,persistent_us,step_over_persistent,refusal\n";
  for (const Cell& c : cells) {
    if (c.persistent > 0)
      text += fmt::format("{},{},{:.2f},{:.2f},{:.2f},\n", c.hidden, c.batch, c.step, c.persistent,
                          c.step / c.persistent);
    else
      text += fmt::format("{},{},{:.2f},,,\"{}\"\n", c.hidden, c.batch, c.step, c.refusal);
  }
  return text;
}

// Time against hidden size, both axes logarithmic; a line for each batch and path.
std::string svg(const std::vector<Cell>& cells, const std::string& title) {
  constexpr double kWidth = 760, kHeight = 480, kLeft = 70, kBottom = 430, kTop = 50, kRight = 600;
  double most = 1, least = 1e9;
  for (const Cell& c : cells)
    for (double t : {c.step, c.persistent})
      if (t > 0) most = std::max(most, t), least = std::min(least, t);
  const auto x = [&](int hidden) {
    return kLeft + (kRight - kLeft) * std::log2(hidden / 64.0) / std::log2(2048 / 64.0);
  };
  const auto y = [&](double t) {
    return kBottom - (kBottom - kTop) * std::log(t / least) / std::max(1e-9, std::log(most / least));
  };
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n"
      "<text x=\"{2}\" y=\"25\">{3}</text>\n",
      kWidth, kHeight, kLeft, title);
  for (int hidden : kHidden)
    text += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", x(hidden),
                        kBottom + 20, hidden);
  for (double t : {least, std::sqrt(least * most), most})
    text += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:.2g} us</text>\n", kLeft - 8,
                        y(t) + 4, t);
  int line = 0;
  for (int batch : {1, 16, 64, 256})
    for (bool persistent : {false, true}) {
      std::string points;
      for (const Cell& c : cells) {
        const double t = persistent ? c.persistent : c.step;
        if (c.batch == batch && t > 0) points += fmt::format("{:.1f},{:.1f} ", x(c.hidden), y(t));
      }
      if (points.empty()) continue;
      const int hue = 60 + 70 * line / 2;
      text += fmt::format(
          "<polyline points=\"{}\" fill=\"none\" stroke=\"hsl({},70%,40%)\" "
          "stroke-width=\"2\"{}/>\n<text x=\"{}\" y=\"{}\" fill=\"hsl({},70%,40%)\">B {} {}</text>\n",
          points, hue, persistent ? "" : " stroke-dasharray=\"6 4\"", kRight + 20, kTop + 20 * line, hue,
          batch, persistent ? "persistent" : "step, dashed");
      ++line;
    }
  return text + "</svg>\n";
}

}  // namespace

void write_kernel_grid(const KernelQuestion& q) {
  const std::vector<Cell> cells = cells_of(q);
  const ExplainedLayer one = explain([&] {
    KernelQuestion first = q;
    first.hidden = kHidden[0];
    first.batch = kBatch[0];
    return first;
  }());
  const std::string title = fmt::format(
      "MODEL, nobody measured it: {} in {}, {} directions, {}, {}; chain forward and backward, a step",
      q.cell, q.dtype, q.directions, q.lengths, one.gpu.name);
  std::string plot = q.grid;
  if (const size_t dot = plot.rfind(".csv"); dot != std::string::npos && dot + 4 == plot.size())
    plot.resize(dot);
  plot += ".svg";
  write_file(q.grid, csv(cells));
  write_file(plot, svg(cells, title));
  fmt::print("{}\n{}\n", q.grid, plot);
}

}  // namespace sluice
