#include "engine/layers/embedding.h"

#include "engine/init.h"

namespace sluice {

void Embedding::declare(Params& params) {
  table_ = params.declare_table(config_.name + ".weight", config_.vocabulary, config_.size,
                                normal(config_.deviation));
  if (config_.frozen) params.freeze(table_);
}

void Embedding::bind(Arena& arena, const MaxShape& max, DType type) {
  distinct_ = arena.saved(config_.name, type, {max.distinct, config_.size});
  if (config_.expanded) expanded_ = arena.saved(config_.name + " rows", type, {max.rows, config_.size});
  if (config_.frozen) return;
  slots_ = arena.saved("rows of the gradient of " + config_.name, DType::i32, {max.distinct});
  arena.open_scratch(config_.name + " gradient");
  if (config_.expanded) d_distinct_ = arena.scratch(accumulator_of(type), {max.distinct, config_.size});
}

void Embedding::prepare(Params& params, const Batch& batch) {
  if (!config_.frozen) params.place_rows(table_, batch, slots_);
}

Tensor Embedding::forward(Backend& backend, const Params& params, const Batch& batch, const StepInfo& step) {
  const Tensor x = distinct_.narrow(batch.distinct);
  backend.gather({.table = params.value(table_), .ids = batch.distinct_ids, .y = x});
  if (step.training && config_.dropout > 0)
    backend.dropout({.p = config_.dropout, .masks = step.masks(config_.site), .x = x, .y = x});
  return x;
}

Tensor Embedding::expand(Backend& backend, const Batch& batch) {
  const Tensor rows = expanded_.narrow(batch.rows);
  if (batch.distinct == 0)
    backend.zero(rows);  // only empty documents: every row is padding
  else
    backend.gather({.table = distinct_.narrow(batch.distinct), .ids = batch.row_distinct, .y = rows});
  return rows;
}

void Embedding::backward(Backend& backend, Params& params, const Batch& batch, const StepInfo& step,
                         Tensor d) {
  if (config_.frozen) return;
  if (config_.dropout > 0)
    backend.dropout({.p = config_.dropout, .masks = step.masks(config_.site), .x = d, .y = d});
  params.add_rows(table_, batch, slots_, d);
}

void Embedding::backward_expanded(Backend& backend, Params& params, const Batch& batch, const StepInfo& step,
                                  Tensor d) {
  if (config_.frozen) return;
  const Tensor d_rows = d_distinct_.narrow(batch.distinct);
  backend.segment_sum({.x = d, .segments = batch.segments, .segment_rows = batch.segment_rows, .y = d_rows});
  backward(backend, params, batch, step, d_rows);
}

}  // namespace sluice
