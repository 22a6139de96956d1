// Paths of one backend against each other, and the same work on 1, 2 and 4 threads.
#include <gmock/gmock.h>

#include "tests/backends/cases.h"
#include "tests/backends/rnn_problem.h"

namespace sluice {
namespace {

RnnShape shape_of(DType dtype, int E, int H, int D, CellKind cell = CellKind::lstm) {
  RnnShape s;
  s.cell = cell;
  s.dtype = dtype;
  s.input_size = E;
  s.hidden_size = H;
  s.directions = D;
  return s;
}

// Every pair of paths that takes f32, with no oracle between them.
TEST(RnnPaths, agree_with_each_other) {
  for (const BackendCase& backend_case : all_backends()) {
    const auto backend = TestCase{backend_case}.make();
    for (Layout layout : {Layout::packed, Layout::padded})
      for (const auto& lengths : std::vector<std::vector<int>>{{7, 5, 4, 1}, {6, 6, 6, 2, 2, 0}, {1}, {0}})
        for (int D : {1, 2}) {
          const RnnProblem p(shape_of(DType::f32, 12, 33, D), lengths, layout);
          const RnnResult first = run(*backend, backend_case.paths[0], p);
          for (RnnPath path : backend_case.paths) {
            SCOPED_TRACE(name_of(path));
            expect_near(run(*backend, path, p), first, p);
          }
        }
  }
}

TEST(RnnPaths, f64_is_refused_where_it_is_not_computed) {
  for (const BackendCase& backend_case : all_backends()) {
    const auto backend = TestCase{backend_case}.make();
    const RnnShape s = shape_of(DType::f64, 3, 4, 1);
    for (RnnPath path : backend_case.paths) {
      if (path_takes(path, s)) continue;
      std::string why;
      EXPECT_THROW(backend->choose_path(path, s, &why), UserError);
      EXPECT_TRUE(path_takes(backend->choose_path(RnnPath::automatic, s, &why), s));
      EXPECT_THAT(why, testing::Not(testing::HasSubstr("\n\n")));
    }
  }
}

class RnnThreads : public BackendTest {};
INSTANTIATE_TEST_SUITE_P(, RnnThreads, testing::ValuesIn(for_each_rnn_path()), name_of_param);

TEST_P(RnnThreads, any_number_gives_the_same_bits) {
  const bool on_gpu = GetParam().backend.device == Device::cuda;  // which knows no threads: run again there
  std::vector<int> lengths;  // four of them, as oneDNN's primitives are made for each: that takes a while
  for (int b = 0; b < (on_gpu ? 14 : 70); ++b) lengths.push_back(5 * (b % 4));
  RnnProblem p(shape_of(dtype_, 23, 33, 2, cell_), lengths, layout_);
  p.shape.cudnn_algorithm = GetParam().algorithm;
  if (GetParam().path == RnnPath::cpu) p.shape.recurrent_dropout = p.shape.zoneout_hidden = 0.25;
  for (bool distinct : {false, true}) {
    RnnShape normed = p.shape;
    normed.layer_norm = true;
    if (distinct && path_takes(GetParam().path, normed)) p = RnnProblem(normed, lengths, layout_);
    if (distinct) p.use_distinct_inputs();
    const auto one = GetParam().make(1);
    const RnnResult want = run(*one, GetParam().path, p);
    if (on_gpu) {
      expect_same_bits(run(*one, GetParam().path, p), want);
      continue;
    }
    for (int threads : {2, 4}) {
      SCOPED_TRACE(threads);
      const auto many = GetParam().make(threads);
      expect_same_bits(run(*many, GetParam().path, p), want);
      expect_same_bits(run(*many, GetParam().path, p), want);  // and again: nothing is left behind
    }
  }
}

}  // namespace
}  // namespace sluice
