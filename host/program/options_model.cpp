// The options of the model and of its optimiser.
#include "host/program/option_makers.h"
#include "kernels/cells/cells.h"

namespace sluice {

using namespace make;

namespace {

Names<CellKind> cells() {
  Names<CellKind> names;
  for (const CellKind kind : kCells) names.emplace_back(name_of(kind), kind);
  return names;
}

}  // namespace

std::vector<Option> model_options() {
  using M = ModelSection;
  constexpr auto at = [](auto field) { return At{&Config::model, field}; };
  return {
      integer("model.embedding_size", at(&M::embedding_size), 0, 1 << 16,
              "size of a token's vector; 0: that of model.pretrained, else 128; pretrained vectors may be "
              "shorter"),
      text("model.pretrained", at(&M::pretrained),
           "file of pretrained vectors (word2vec, GloVe, fastText) to start from"),
      real("model.embedding_deviation", at(&M::embedding_deviation), 0, 100,
           "standard deviation of the vectors' first values"),
      boolean("model.embedding_frozen", at(&M::embedding_frozen), "pretrained vectors stay as they are"),
      choice("model.cell", at(&M::cell), cells(), "recurrent cell; gru: the reset gate after the product"),
      integer("model.num_layers", at(&M::num_layers), 0, 64, "recurrent layers; 0: a bag of words"),
      integers("model.hidden_size", at(&M::hidden_size), 1, 1 << 16,
               "units of a layer and direction: one number for all layers, or one for each"),
      boolean("model.pool_embeddings", at(&M::pool_embeddings),
              "pool the token vectors, too, beside the last layer's states"),
      integer("model.bigram_buckets", at(&M::bigram_buckets), 0, 1 << 28,
              "rows of a table of hashed bigrams, whose mean (or sqrtn, where model.pooling has it) stands "
              "beside what is pooled; 0: none"),
      integer("model.bigram_size", at(&M::bigram_size), 1, 1 << 16, "size of a bigram's vector"),
      boolean("model.bidirectional", at(&M::bidirectional), "each layer reads the text in both directions"),
      choices("model.pooling", at(&M::pooling),
              {{"last", Pooling::last},
               {"mean", Pooling::mean},
               {"max", Pooling::max},
               {"sqrtn", Pooling::sqrtn}},
              "what stands for the whole text: any of last, mean, max, sqrtn (the sum divided by the root of "
              "the length), side by side"),
      flags<ModelSection, ModelConfig>("model.batch_norm", &Config::model,
                                       {{"input", &M::batch_norm_input},
                                        {"between_layers", &M::batch_norm_between_layers},
                                        {"pooled", &M::batch_norm_pooled}},
                                       "where to normalise: any of input, between_layers, pooled"),
      real("model.embedding_dropout", at(&M::embedding_dropout), 0, 0.99,
           "of whole tokens' vectors, one mask a batch"),
      real("model.dropout", at(&M::dropout), 0, 0.99, "between layers"),
      real("model.pooled_dropout", at(&M::pooled_dropout), 0, 0.99, "before the last, linear layer"),
      real("model.recurrent_dropout", at(&M::recurrent_dropout), 0, 0.99,
           "of the state, one mask a text (variational)"),
      real("model.zoneout_hidden", at(&M::zoneout_hidden), 0, 0.99,
           "chance that a hidden unit keeps its value"),
      real("model.zoneout_cell", at(&M::zoneout_cell), 0, 0.99, "lstm: chance that a cell keeps its value"),
      boolean("model.layer_norm", at(&M::layer_norm),
              "normalise each step's products and cell state, inside the recurrence"),
      real("model.forget_bias", at(&M::forget_bias), -100, 100, "lstm: first bias of the forget gate"),
      boolean("model.orthogonal", at(&M::orthogonal), "first recurrent weights orthogonal, else Glorot"),
      choice("model.loss", at(&M::loss),
             {{"auto", Loss::automatic}, {"softmax", Loss::softmax}, {"sigmoid", Loss::sigmoid}},
             "softmax: one label a text; sigmoid: any number; auto: as the training documents have"),
      choice("model.dtype", at(&M::dtype),
             {{"f32", DType::f32}, {"f64", DType::f64}, {"bf16", DType::bf16}, {"f16", DType::f16}},
             "numbers that activations are stored and matrices multiplied in; bf16, f16: on a GPU, with f32 "
             "sums "
             "and parameters"),
      choice("rnn.path", at(&M::path),
             {{"auto", RnnPath::automatic},
              {"cpu", RnnPath::cpu},
              {"onednn", RnnPath::onednn},
              {"step", RnnPath::step},
              {"cudnn", RnnPath::cudnn},
              {"persistent", RnnPath::persistent}},
             "implementation of the recurrence; auto: on a GPU persistent, where it takes the layer, else "
             "step; on a CPU cpu"),
      choice("rnn.cudnn_algorithm", at(&M::cudnn_algorithm),
             {{"standard", CudnnAlgorithm::standard},
              {"persist_static", CudnnAlgorithm::persist_static},
              {"persist_dynamic", CudnnAlgorithm::persist_dynamic},
              {"persist_static_small_h", CudnnAlgorithm::persist_static_small_h}},
             "what rnn.path = cudnn runs"),
  };
}

std::vector<Option> optim_options() {
  using O = OptimizerConfig;
  using S = ScheduleConfig;
  constexpr auto at = [](auto field) { return At{&Config::optim, field}; };
  constexpr auto schedule = [](auto field) { return At{&Config::schedule, field}; };
  return {
      choice("optim.optimizer", at(&O::kind),
             {{"adamw", OptimizerKind::adamw}, {"adam", OptimizerKind::adam}, {"sgd", OptimizerKind::sgd}},
             "update rule"),
      real("optim.learning_rate", At{&Config::train, &TrainSection::learning_rate}, 1e-12, 1e6,
           "of the schedule's peak"),
      choice("optim.schedule", schedule(&S::kind),
             {{"constant", ScheduleKind::constant},
              {"linear", ScheduleKind::linear},
              {"cosine", ScheduleKind::cosine},
              {"inverse_sqrt", ScheduleKind::inverse_sqrt}},
             "how the learning rate falls"),
      real("optim.warmup", schedule(&S::warmup), 0, 1e15,
           "of the learning rate: below 1 this fraction of all updates, else so many updates"),
      real("optim.final_fraction", schedule(&S::final_fraction), 0, 1,
           "of the learning rate, where the schedule ends"),
      real("optim.beta1", at(&O::beta1), 0, 0.999999, "adam, adamw: decay of the first moment"),
      real("optim.beta2", at(&O::beta2), 0, 0.999999999, "adam, adamw: decay of the second moment"),
      real("optim.epsilon", at(&O::epsilon), 0, 1, "adam, adamw: keeps the division finite"),
      real("optim.momentum", at(&O::momentum), 0, 0.999999, "sgd"),
      boolean("optim.nesterov", at(&O::nesterov), "sgd: Nesterov's momentum"),
      real("optim.weight_decay", at(&O::weight_decay), 0, 1e3, "adamw: decoupled; others: L2. Not of biases"),
      boolean("optim.decay_embeddings", at(&O::decay_embeddings), "weight decay of the embeddings too"),
      boolean("optim.lazy_embeddings", at(&O::lazy_embeddings), "only rows that a batch touches are updated"),
      boolean("optim.keep_idle_moments", at(&O::keep_idle_moments),
              "lazy rows: moments do not decay while batches leave a row alone (as in PyTorch's SparseAdam); "
              "rare words learn faster"),
      real("optim.clip_norm", at(&O::clip_norm), 0, 1e9,
           "largest norm of all gradients together; 0: no limit"),
      real("optim.clip_value", at(&O::clip_value), 0, 1e9, "largest gradient of one weight; 0: no limit"),
  };
}

}  // namespace sluice
