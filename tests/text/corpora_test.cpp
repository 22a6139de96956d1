// What cleaning does to real texts: 20 Newsgroups and AG News, where SLUICE_CORPORA holds them.
#include <cstdlib>
#include <map>

#include "host/readers/documents.h"
#include "host/text/email.h"
#include "tests/text/tokens.h"

namespace sluice {
namespace {

#define CORPORA_OR_SKIP(folder)                       \
  const char* folder = std::getenv("SLUICE_CORPORA"); \
  if (folder == nullptr) GTEST_SKIP() << "SLUICE_CORPORA is not set"

TEST(Corpora, EveryPostOf20NewsgroupsLosesItsHeaderAndNoMore) {
  CORPORA_OR_SKIP(corpora);
  DocumentReader reader = open_documents({std::string(corpora) + "/20ng/test.jsonl.gz"}, {});
  Document post;
  int posts = 0;
  while (reader.next(post)) {
    ++posts;
    const std::string_view body = strip_email_headers(post.text);
    ASSERT_LT(body.size(), post.text.size()) << post.text.substr(0, 300);
    const std::string_view head = std::string_view(post.text).substr(0, post.text.size() - body.size());
    ASSERT_EQ(head.find("\n\n"), head.size() - 2) << head;
    ASSERT_NE(head.find("Subject:"), std::string_view::npos) << head;
  }
  EXPECT_EQ(posts, 7532);
}

TEST(Corpora, AgNewsHasNoRemnantsOfHtml) {
  CORPORA_OR_SKIP(corpora);
  ReaderOptions columns;
  columns.text_columns = {"title", "description"};
  columns.label_column = "class_index";
  DocumentReader reader = open_documents({std::string(corpora) + "/ag_news/train.csv"}, columns);
  TextOptions options;
  TextPipeline kept(options);
  options.html = "strip";
  TextPipeline stripped(options);
  TokenList tokens;
  std::map<std::string, int, std::less<>> before, after;
  for (Document news; reader.next(news);) {
    kept.run(news.text, tokens);
    for (std::size_t i = 0; i < tokens.size(); ++i) ++before[std::string(tokens[i])];
    stripped.run(news.text, tokens);
    for (std::size_t i = 0; i < tokens.size(); ++i) ++after[std::string(tokens[i])];
  }
  for (const char* remnant : {"lt", "gt", "quot", "amp", "nbsp"}) {
    EXPECT_GT(before[remnant], 10) << remnant;
    EXPECT_LE(after[remnant], 2) << remnant;
  }
  EXPECT_GT(before["39"], 7000);
  EXPECT_LT(after["39"], 100);
  EXPECT_GT(after["america's"], 10);
}

}  // namespace
}  // namespace sluice
