// explain-kernel: what each path says of a layer, on GPUs that are not at hand.
#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "host/program/kernel_model.h"
#include "tests/program/files.h"
#include "tests/program/run_program.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const ExplainedPath& path_of(const ExplainedLayer& layer, const std::string& name) {
  for (const ExplainedPath& path : layer.paths)
    if (path.name == name) return path;
  throw std::invalid_argument(name);
}

KernelQuestion question(int hidden, int batch, const std::string& lengths = "fixed:100") {
  KernelQuestion q;
  q.hidden = hidden;
  q.batch = batch;
  q.lengths = lengths;
  return q;
}

double both(const ExplainedPath& path) {
  return path.forward->total() + path.backward->total();
}

TEST(ExplainKernel, names_what_every_path_does_with_the_layer) {
  const Outcome outcome = run_sluice(
      {"explain-kernel", "--hidden", "256", "--batch", "64", "--lengths", "uniform:20:300", "--gpu", "h100"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(
      outcome.out,
      AllOf(HasSubstr("lstm of 256 units, 2 directions, f32: 64 sequences, "), HasSubstr("H100 SXM (132"),
            HasSubstr("blocks, "), HasSubstr("% in registers"), HasSubstr("cudnn standard"),
            HasSubstr("the ragged batch in one call"), HasSubstr("calls a direction, one for each number"),
            HasSubstr("refused: persist_static_small_h trains at most 128 units"),
            HasSubstr("forward, MODEL, "), HasSubstr("backward, MODEL, "), HasSubstr("nobody measured"),
            HasSubstr("persistent, MODEL, a step of a block with all its rows: ")));
}

TEST(ExplainKernel, says_why_a_faster_path_is_refused) {
  const Outcome half = run_sluice({"explain-kernel", "--hidden", "512", "--batch", "64", "--lengths",
                                   "uniform:20:300", "--dtype", "bf16", "--gpu", "h100"});
  EXPECT_THAT(half.out, HasSubstr("% in registers"));
  const Outcome wide = run_sluice({"explain-kernel", "--hidden", "512", "--batch", "64", "--lengths",
                                   "uniform:20:300", "--dtype", "f64", "--gpu", "h100"});
  EXPECT_THAT(wide.out, HasSubstr("refused: it has no kernel for f64"));
  EXPECT_THAT(wide.out, Not(HasSubstr("% in registers")));
  KernelQuestion q = question(2048, 16);
  EXPECT_THAT(path_of(explain(q), "persistent").refusal, HasSubstr("does not stay in registers"));
  q.dtype = "bf16";
  q.directions = 1;
  EXPECT_EQ(path_of(explain(q), "persistent").refusal, "");
  q.cell = "gru";
  EXPECT_EQ(path_of(explain(q), "persistent").refusal, "");
  q.dtype = "f64";
  EXPECT_EQ(path_of(explain(q), "cudnn persist_static").refusal,
            "no f64 by persist_static, only by standard");
}

// Of sequences of one length the chain takes a step's time as often as there are steps; each part of it grows
// with what it stands for.
TEST(ExplainKernel, models_add_up) {
  for (const auto& [cell, dtype] : {std::pair{"lstm", "bf16"}, {"lstm", "f32"}, {"gru", "f32"}}) {
    KernelQuestion q = question(256, 16);
    q.cell = cell;
    q.dtype = dtype;
    const ExplainedLayer layer = explain(q);
    const cuda::PersistentShape shape{layer.shape.cell, 256, 16, 2, layer.shape.dtype == DType::f32 ? 4 : 2};
    const auto plan = std::get<cuda::PersistentPlan>(cuda::plan(cuda::Pass::forward, shape, layer.gpu));
    const double clock = speeds_of(layer.gpu.name)->clock;
    const auto& persistent = *path_of(layer, "persistent").forward;
    EXPECT_NEAR(persistent.products + persistent.weights + persistent.exchange + persistent.pointwise +
                    plan.launches * 100 *
                        cuda::step_cycles(cuda::Pass::forward, shape, plan, plan.rows(16)).latency / clock,
                100 * plan.step / clock, 1e-12)
        << cell << " in " << dtype;
    const auto& step = *path_of(layer, "persistent").forward_step;
    const int64_t of_h = int64_t{plan.rows(16)} * shape.element;
    EXPECT_EQ(step.gathered + step.sent, of_h * (plan.cluster ? 256 - plan.units : 256)) << dtype;
    EXPECT_EQ(step.fma > 0, shape.element == 4);
    EXPECT_EQ(step.mma > 0, shape.element == 2);
  }
  const ExplainedLayer layer = explain(question(256, 16));
  const auto step = *path_of(layer, "step").forward;
  EXPECT_NEAR(step.latency, 100 * 6.2e-6, 1e-12);
  EXPECT_DOUBLE_EQ(explain(question(256, 32)).paths[1].forward->memory, 2 * step.memory);
  const double weights = explain(question(256, 1)).paths[1].forward->weights;
  EXPECT_GT(weights, 0);
  EXPECT_DOUBLE_EQ(explain(question(512, 1)).paths[1].forward->weights, 4 * weights);
}

// What the sources say of it, and nothing of an algorithm or type that the layer does not use.
TEST(ExplainKernel, tells_what_others_measured_of_cudnn) {
  const auto explained = [](const char* hidden, const char* dtype) {
    return run_sluice({"explain-kernel", "--hidden", hidden, "--batch", "16", "--lengths", "fixed:100",
                       "--directions", "1", "--dtype", dtype})
        .out;
  };
  EXPECT_THAT(
      explained("128", "f32"),
      AllOf(HasSubstr("standard                 128    16   3854     9.50  not named"),
            HasSubstr("persist_static_small_h   128    16   3854     2.65"), Not(HasSubstr("flashrnn"))));
  EXPECT_THAT(explained("768", "f16"),
              AllOf(HasSubstr("persist_static           768    16   1024     1.96  H100 SXM"),
                    Not(HasSubstr("persist_static_small_h   128"))));
  EXPECT_THAT(explained("768", "bf16"), HasSubstr("no public figures of it are known here for lstm in bf16"));
}

// Backward of few rows leaves most of the GPU to the sums beside it; that of many, or of few steps, does not.
TEST(ExplainKernel, says_into_how_many_chunks_backward_is_cut) {
  const auto plan_of = [](int batch, const char* lengths) {
    KernelQuestion q = question(256, batch, lengths);
    q.directions = 1;
    return path_of(explain(q), "persistent").plan;
  };
  EXPECT_THAT(plan_of(8, "fixed:1000"), testing::EndsWith(" chunks of time"));
  EXPECT_THAT(plan_of(8, "fixed:20"), testing::EndsWith(", 1 chunk of time"));
  EXPECT_THAT(plan_of(64, "fixed:1000"), testing::EndsWith(", 1 chunk of time"));
}

TEST(ExplainKernel, ragged_batches_take_less_and_faster_gpus_too) {
  for (const char* name : {"persistent", "step"}) {
    const double full = both(path_of(explain(question(256, 256, "fixed:300")), name)),
                 ragged = both(path_of(explain(question(256, 256, "uniform:20:300")), name));
    EXPECT_LT(ragged, full) << name;
    KernelQuestion slow = question(256, 256, "fixed:300");
    slow.gpu = "A100";
    EXPECT_LT(full, both(path_of(explain(slow), name))) << name;
  }
  EXPECT_EQ(explain(question(64, 4, "fixed:0")).steps(), 0);
}

TEST(ExplainKernel, grid_is_a_table_and_a_plot) {
  const Folder folder;
  const Outcome outcome = run_sluice({"explain-kernel", "--grid", folder.path("grid.csv"), "--gpu", "L4"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, folder.path("grid.csv") + "\n" + folder.path("grid.svg") + "\n");
  const std::string table = folder.read("grid.csv");
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 1 + 8 * 7);
  EXPECT_THAT(table, HasSubstr("\n2048,256,"));
  EXPECT_THAT(folder.read("grid.svg"), AllOf(HasSubstr("MODEL, nobody measured it"), HasSubstr("L4"),
                                             HasSubstr("<polyline"), HasSubstr("</svg>")));
}

TEST(ExplainKernel, mistakes_are_one_line) {
  const auto expect_mistake = [](std::vector<std::string> more, const std::string& text) {
    more.insert(more.begin(), "explain-kernel");
    const Outcome outcome = run_sluice(more);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, AllOf(testing::StartsWith("sluice: error: "), HasSubstr(text)));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  };
  expect_mistake({"--batch", "4"}, "--hidden N, the layer's units, is missing");
  expect_mistake({"--hidden", "4"}, "--batch N, the sequences of a batch, is missing");
  expect_mistake({"--hidden", "0", "--batch", "4"}, "--hidden");
  expect_mistake({"--hidden", "64", "--batch", "4", "--gpu", "K80"},
                 "--gpu: no figures of 'K80'; there are those of A100 SXM 80GB, H100 SXM, ");
  expect_mistake({"--hidden", "64", "--batch", "4", "--gpu", ""}, "--gpu");
  expect_mistake({"--hidden", "64", "--batch", "4", "--lengths", "about:5"},
                 "--lengths: 'about:5' is neither");
  expect_mistake({"--hidden", "64", "--batch", "4", "--dtype", "f8"}, "--dtype");
  expect_mistake({"--grid", "/nowhere/at/all.csv"}, "/nowhere/at");
}

}  // namespace
}  // namespace sluice
