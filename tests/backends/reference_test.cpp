// Backends against PyTorch's numbers (tests/reference): the witness from outside.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "tests/backends/cases.h"
#include "tests/backends/rig.h"

namespace sluice {
namespace {

using Numbers = std::map<std::string, Values>;

// Lines `name dims... : values...`.
Numbers read_reference() {
  std::ifstream file(SLUICE_REFERENCE);
  EXPECT_TRUE(file.is_open()) << SLUICE_REFERENCE;
  Numbers numbers;
  std::string line, name, word;
  while (std::getline(file, line)) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    words >> name;
    size_t count = 1;
    while (words >> word && word != ":") count *= std::stoul(word);
    while (words >> word) numbers[name].push_back(std::stod(word));
    EXPECT_EQ(numbers[name].size(), count) << name;
  }
  return numbers;
}

class Reference : public BackendTest {
 protected:
  const Values& of(const std::string& name) const {
    const auto found = numbers_.find(name);
    if (found == numbers_.end()) throw Failure("no {} in the reference", name);
    return found->second;
  }
  Values in_dtype(Values values) const {
    if (dtype_ == DType::f32)
      for (double& v : values) v = static_cast<double>(static_cast<float>(v));
    return values;
  }
  Tensor in(Rig& rig, const std::string& name, std::initializer_list<int64_t> dims) const {
    return rig.in(in_dtype(of(name)), dims);
  }
  // f64: rounding alone. f32: the inputs, too, are rounded. Both pass through a few sums of at most 30
  // products.
  Bound bound(double units = 16) const {
    return {units * tolerance::unit(dtype_), units * tolerance::unit(dtype_)};
  }
  // cuDNN's persistent algorithms (kCudnnPersistent in tolerance.h): 1.2 times what db was off on an H200,
  // 153; dh0 138.
  Bound layers_bound() const {
    return GetParam().algorithm == CudnnAlgorithm::standard ? bound() : bound(184);
  }

  Numbers numbers_ = read_reference();
};

std::vector<TestCase> paths() {
  std::vector<TestCase> cases;
  for (const TestCase& c : for_each_rnn_path())
    if (!is_half(c.dtype) && c.cell == CellKind::lstm) cases.push_back(c);
  return cases;
}
INSTANTIATE_TEST_SUITE_P(, Reference, testing::ValuesIn(paths()), name_of_param);

constexpr int64_t kV = 11, kE = 3, kH = 4, kK = 3, kB = 5, kD = 2, kG = 4;

// The whole classifier by hand: the layers' gradients are not at hand here, only the seam's verbs.
class Classifier {
 public:
  Classifier(Rig& rig, const HostBatch& host, const TestCase& test)
      : rig_(rig), host_(host), batch_(rig.upload(host)), path_(test.path), algorithm_(test.algorithm) {}

  RnnForward layer(int E, Tensor x, std::initializer_list<Tensor> weights_and_states, DType dtype) {
    RnnForward f;
    f.shape.dtype = dtype;
    f.shape.input_size = E;
    f.shape.hidden_size = kH;
    f.shape.directions = kD;
    f.shape.cudnn_algorithm = algorithm_;
    f.path = path_;
    f.batch = &batch_;
    f.x = x;
    const Tensor* next = weights_and_states.begin();
    f.W = *next++;
    f.R = *next++;
    f.b = *next++;
    f.h0 = *next++;
    f.c0 = *next;
    f.y = rig_.out({host_.rows, kD * kH});
    f.hT = rig_.out({kD, kB, kH});
    f.cT = rig_.out({kD, kB, kH});
    const MaxShape max{host_.sequences, host_.steps, host_.rows, batch_.distinct};
    const RnnBytes bytes = rig_.backend().rnn_bytes(f.shape, path_, max);
    f.saved = rig_.out_as(DType::u8, {static_cast<int64_t>(bytes.saved)});
    f.scratch = rig_.out_as(DType::u8, {static_cast<int64_t>(bytes.scratch)});
    rig_.backend().rnn_forward(f);
    return f;
  }

  RnnBackward layer_backward(const RnnForward& f, Tensor dy, Tensor dhT, Tensor dcT) {
    const int64_t E = f.shape.input_size;
    RnnBackward g{.forward = f,
                  .dy = dy,
                  .dhT = dhT,
                  .dcT = dcT,
                  .dx = rig_.out({host_.rows, E}),
                  .dW = zeros({kD, kG * kH, E}),
                  .dR = zeros({kD, kG * kH, kH}),
                  .db = zeros({kD, kG * kH}),
                  .dnorms = {},
                  .dh0 = rig_.out({kD, kB, kH}),
                  .dc0 = rig_.out({kD, kB, kH})};
    rig_.backend().rnn_backward(g);
    return g;
  }

  Tensor zeros(std::initializer_list<int64_t> dims) {
    const Tensor tensor = rig_.out(dims);
    rig_.backend().zero(tensor);
    return tensor;
  }

  const Batch& batch() const { return batch_; }

 private:
  Rig& rig_;
  const HostBatch& host_;
  Batch batch_;
  RnnPath path_;
  CudnnAlgorithm algorithm_;
};

HostBatch batch_of(const Values& lengths, const Values& ids, const Values& labels, Layout layout) {
  const size_t T = ids.size() / lengths.size();
  std::vector<Ints> documents, classes;
  for (size_t b = 0; b < lengths.size(); ++b) {
    documents.emplace_back();
    for (size_t t = 0; t < static_cast<size_t>(lengths[b]); ++t)
      documents[b].push_back(static_cast<int32_t>(ids[b * T + t]));
    classes.push_back({static_cast<int32_t>(labels[b])});
  }
  std::vector<BatchItem> items;
  for (size_t b = 0; b < documents.size(); ++b) items.push_back({documents[b], classes[b], 0});
  return pack(items, layout);
}

TEST_P(Reference, classifier) {
  Rig rig(*backend_, dtype_);
  const HostBatch host = batch_of(of("lengths"), of("ids"), of("labels"), layout_);
  Classifier model(rig, host, GetParam());
  const Batch& batch = model.batch();
  const auto weights = [&](const std::string& l, int64_t E) {
    return std::array<Tensor, 5>{in(rig, l + ".W", {kD, kG * kH, E}), in(rig, l + ".R", {kD, kG * kH, kH}),
                                 in(rig, l + ".b", {kD, kG * kH}), in(rig, l + ".h0", {kD, kB, kH}),
                                 in(rig, l + ".c0", {kD, kB, kH})};
  };
  const Tensor x = rig.out({host.rows, kE});
  backend_->gather({in(rig, "table", {kV, kE}), batch.ids, x});
  const auto w0 = weights("lstm0", kE), w1 = weights("lstm1", kD * kH);
  const RnnForward f0 = model.layer(kE, x, {w0[0], w0[1], w0[2], w0[3], w0[4]}, dtype_);
  const RnnForward f1 = model.layer(kD * kH, f0.y, {w1[0], w1[1], w1[2], w1[3], w1[4]}, dtype_);
  const PoolForward pool{
      Pooling::max, &batch, 2, f1.y, rig.out({kB, kD * kH}), 0, rig.out_as(DType::i32, {kB, kD * kH})};
  backend_->pool_forward(pool);
  const Tensor W = in(rig, "head.W", {kK, kD * kH}), logits = rig.out({kB, kK});
  backend_->linear_forward({pool.y, W, in(rig, "head.b", {kK}), logits});
  const SoftmaxXent xent{.logits = logits,
                         .labels = batch.labels,
                         .smoothing = of("smoothing")[0],
                         .scale = 1.0 / kB,
                         .probabilities = rig.out({kB, kK}),
                         .losses = rig.out({kB}),
                         .dlogits = rig.out({kB, kK})};
  backend_->softmax_xent(xent);

  const Tensor dpooled = rig.out({kB, kD * kH}), dW = model.zeros({kK, kD * kH}), db = model.zeros({kK});
  backend_->linear_backward({pool.y, W, xent.dlogits, dpooled, dW, db});
  const Tensor dy = model.zeros({host.rows, kD * kH});
  backend_->pool_backward({pool, dpooled, dy});
  const auto pull = [&](const std::string& name) { return in(rig, name, {kD, kB, kH}); };
  const RnnBackward g1 = model.layer_backward(f1, dy, pull("lstm1.dhT"), pull("lstm1.dcT"));
  const RnnBackward g0 = model.layer_backward(f0, g1.dx, pull("lstm0.dhT"), pull("lstm0.dcT"));
  const Tensor sums = rig.out({batch.distinct, kE}), dtable = model.zeros({kV, kE});
  backend_->segment_sum({g0.dx, batch.segments, batch.segment_rows, sums});
  backend_->scatter_add({sums, batch.distinct_ids, dtable});

  const Values y = rig.get(f1.y);
  Values valid_y;
  const std::vector<Place> places = places_of(host);
  for (size_t k = 0; k < y.size(); ++k)
    if (places[k / (kD * kH)].valid) valid_y.push_back(y[k]);
  EXPECT_TRUE(near(valid_y, of("y"), layers_bound()));
  const auto check = [&](Tensor got, const std::string& name) {
    EXPECT_TRUE(near(rig.get(got), of(name), layers_bound())) << name;
  };
  check(pool.y, "pooled");
  check(logits, "logits");
  check(xent.losses, "losses");
  check(dW, "head.dW");
  check(db, "head.db");
  check(dtable, "dtable");
  for (const auto& [name, g] : {std::pair{"lstm0", &g0}, {"lstm1", &g1}}) {
    check(g->forward.hT, std::string(name) + ".hT");
    check(g->forward.cT, std::string(name) + ".cT");
    check(g->dW, std::string(name) + ".dW");
    check(g->dR, std::string(name) + ".dR");
    check(g->db, std::string(name) + ".db");
    check(g->dh0, std::string(name) + ".dh0");
    check(g->dc0, std::string(name) + ".dc0");
  }
}

TEST_P(Reference, batch_norm) {
  Rig rig(*backend_, dtype_);
  BatchNormForward f;
  f.training = true;
  f.x = in(rig, "bn.x", {7, 3});
  f.gamma = in(rig, "bn.gamma", {3});
  f.beta = in(rig, "bn.beta", {3});
  f.running_mean = rig.inout(Values(3, 0.0), {3});
  f.running_var = rig.inout(Values(3, 1.0), {3});
  f.mean = rig.out({3});
  f.inverse_std = rig.out({3});
  f.y = rig.out({7, 3});
  backend_->batch_norm_forward(f);
  EXPECT_TRUE(near(rig.get(f.y), of("bn.y"), bound()));
  EXPECT_TRUE(near(rig.get(f.running_mean), of("bn.running_mean"), bound()));
  EXPECT_TRUE(near(rig.get(f.running_var), of("bn.running_var"), bound()));
  const BatchNormBackward g{f, in(rig, "bn.dy", {7, 3}), rig.out({7, 3}), rig.inout(Values(3, 0.0), {3}),
                            rig.inout(Values(3, 0.0), {3})};
  backend_->batch_norm_backward(g);
  EXPECT_TRUE(near(rig.get(g.dx), of("bn.dx"), bound()));
  EXPECT_TRUE(near(rig.get(g.dgamma), of("bn.dgamma"), bound()));
  EXPECT_TRUE(near(rig.get(g.dbeta), of("bn.dbeta"), bound()));
  f.training = false;
  backend_->batch_norm_forward(f);
  EXPECT_TRUE(near(rig.get(f.y), of("bn.eval_y"), bound()));
}

TEST_P(Reference, optimisers) {
  Rig rig(*backend_, dtype_);
  const Tensor scale = rig.in_as(DType::f64, {1}, {1});
  const Values all = in_dtype(of("optim.gradients"));
  for (const std::string name : {"adam", "adamw", "sgd", "nesterov"}) {
    const Tensor w = rig.inout(in_dtype(of("optim.start")), {6});
    const Tensor m = rig.inout(Values(6, 0.0), {6}), v = rig.inout(Values(6, 0.0), {6});
    for (int step = 1; step <= 3; ++step) {
      const auto begin = all.begin() + 6 * (step - 1);
      const Tensor g = rig.in(Values(begin, begin + 6), {6});
      if (name.starts_with("adam"))
        backend_->adam({{.learning_rate = 0.05,
                         .beta1 = 0.8,
                         .beta2 = 0.95,
                         .epsilon = 1e-6,
                         .weight_decay = 0.1,
                         .decoupled = name == "adamw",
                         .step = step},
                        w,
                        g,
                        m,
                        v,
                        scale});
      else
        backend_->sgd({{.learning_rate = 0.05,
                        .momentum = 0.7,
                        .weight_decay = 0.1,
                        .nesterov = name == "nesterov",
                        .step = step},
                       w,
                       g,
                       m,
                       scale});
    }
    EXPECT_TRUE(near(rig.get(w), of("optim." + name), bound())) << name;
  }
}

TEST_P(Reference, clipping) {
  Rig rig(*backend_, dtype_);
  const Values g(of("optim.gradients").begin(), of("optim.gradients").begin() + 6);
  const Tensor sum = rig.inout_as(DType::f64, {0}, {1}), scale = rig.out_as(DType::f64, {1});
  backend_->sum_squares({rig.in(in_dtype(g), {6}), sum});
  backend_->clip_scale({sum, 0.75, scale});
  Values clipped = g;
  for (double& v : clipped) v *= rig.get(scale)[0];
  // PyTorch divides by norm + 1e-6: a relative 1e-6 / norm.
  EXPECT_TRUE(near(clipped, of("clip.gradient"), {1e-6, 0}));
}

}  // namespace
}  // namespace sluice
