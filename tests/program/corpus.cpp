#include "tests/program/corpus.h"

#include <random>

namespace sluice {

std::string small_corpus(int documents, unsigned seed) {
  const std::string labels[] = {"sport", "trade", "music"}, words[] = {"goal", "tariff", "violin"};
  std::mt19937 random(seed);
  std::string text;
  for (int d = 0; d < documents; ++d) {
    const auto label = static_cast<std::size_t>(d % 3);
    text += labels[label] + '\t';
    const auto length = 3 + random() % 9, own = random() % length;
    for (std::size_t i = 0; i < length; ++i) {
      text += i == own ? words[label] : "w" + std::to_string(random() % 20);
      text += i + 1 < length ? ' ' : '\n';
    }
  }
  return text;
}

std::vector<std::string> train_small(const std::string& file, const std::string& run,
                                     const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"train", "--train", file, "--out", run};
  for (const char* setting : {"model.hidden_size=8", "model.embedding_size=8", "train.epochs=2",
                              "batch.tokens=256", "optim.learning_rate=0.02", "optim.schedule=constant",
                              "model.embedding_dropout=0", "model.pooled_dropout=0"}) {
    arguments.insert(arguments.end(), {"--set", setting});
  }
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace sluice
