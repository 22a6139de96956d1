// Reading streams: memory in use does not grow with what is read.
#include "host/readers/inputs.h"
#include "tests/readers/reading.h"

#include <malloc.h>

#include <algorithm>

namespace sluice {
namespace {

// Hands out `head`, then `block` a number of times.
class RepeatedSource : public ByteSource {
 public:
  RepeatedSource(std::string head, std::string block, int times)
      : head_(std::move(head)), block_(std::move(block)), left_(times) {}
  std::string_view read() override {
    if (!head_read_) {
      head_read_ = true;
      return head_;
    }
    return left_-- > 0 ? std::string_view(block_) : std::string_view();
  }

 private:
  std::string head_;
  std::string block_;
  bool head_read_ = false;
  int left_;
};

class Streaming : public testing::TestWithParam<FileFormat> {};

TEST_P(Streaming, MemoryStaysWhatItWasAfterTheFirstRows) {
  std::string head = "text,label\n";
  std::string rows;
  for (int i = 0; i < 100; ++i) {
    const std::string text(static_cast<std::size_t>(50 + i), 'x');
    const std::string label = "label_longer_than_a_small_string_" + std::to_string(i % 3);
    switch (GetParam()) {
      case FileFormat::csv:
        rows += "\"" + text + "\"\"\n\"," + label + "\n";
        break;
      case FileFormat::tsv:
        rows += text + "\t" + label + "\n";
        break;
      case FileFormat::jsonl:
        rows += "{\"text\": \"" + text + "\\n\", \"label\": [\"" + label + "\", \"a\"]}\n";
        break;
      default:
        rows += "__label__" + label + " " + text + " __label__a\n";
    }
  }
  if (GetParam() == FileFormat::tsv) head = "text\tlabel\n";
  if (GetParam() != FileFormat::tsv && GetParam() != FileFormat::csv) head = "\n";
  std::vector<Input> inputs;
  inputs.push_back({"x", GetParam(), [&] { return std::make_unique<RepeatedSource>(head, rows, 1000); }});
  DocumentReader reader(std::move(inputs), {});
  Document document;
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(reader.next(document));
  const std::size_t before = mallinfo2().uordblks;
  std::size_t most = 0;
  int rest = 0;
  for (; reader.next(document); ++rest) {
    if (rest % 1000 == 0) most = std::max(most, mallinfo2().uordblks);
  }
  EXPECT_EQ(rest, 100 * 1000 - 200);
  EXPECT_LT(most, before + 10000);
}

INSTANTIATE_TEST_SUITE_P(Formats, Streaming,
                         testing::Values(FileFormat::fasttext, FileFormat::csv, FileFormat::tsv,
                                         FileFormat::jsonl),
                         [](const auto& format) { return std::string(format_name(format.param)); });

}  // namespace
}  // namespace sluice
