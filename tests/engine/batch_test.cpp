// pack(): by hand, and its promises for any set of documents.
#include "engine/batch.h"

#include <gmock/gmock.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace sluice {
namespace {

using Ints = std::vector<int32_t>;
using testing::ElementsAre;
using testing::IsEmpty;

struct Document {
  Ints tokens, classes;
};

HostBatch packed(const std::vector<Document>& documents, Layout layout, int classes = 0) {
  std::vector<BatchItem> items;
  for (size_t k = 0; k < documents.size(); ++k)
    items.push_back({documents[k].tokens, documents[k].classes, static_cast<int32_t>(100 + k)});
  return pack(items, layout, classes);
}

const std::vector<Document> kFour = {{{5}, {1}}, {{7, 5, 9}, {0}}, {{}, {}}, {{9, 9}, {2}}};

TEST(Batch, packed_by_hand) {
  const HostBatch b = packed(kFour, Layout::packed);
  EXPECT_EQ(b.layout, Layout::packed);
  EXPECT_EQ(b.sequences, 4);
  EXPECT_EQ(b.steps, 3);
  EXPECT_EQ(b.rows, 6);
  EXPECT_EQ(b.tokens, 6);
  EXPECT_THAT(b.documents, ElementsAre(101, 103, 100, 102));
  EXPECT_THAT(b.labels, ElementsAre(0, 2, 1, -1));
  EXPECT_THAT(b.lengths, ElementsAre(3, 2, 1, 0));
  EXPECT_THAT(b.active, ElementsAre(3, 2, 1));
  EXPECT_THAT(b.offsets, ElementsAre(0, 3, 5, 6));
  EXPECT_THAT(b.ids, ElementsAre(7, 9, 5, 5, 9, 9));
  EXPECT_THAT(b.distinct, ElementsAre(5, 7, 9));
  EXPECT_THAT(b.segments, ElementsAre(0, 2, 3, 6));
  EXPECT_THAT(b.segment_rows, ElementsAre(2, 3, 0, 1, 4, 5));
  EXPECT_THAT(b.row_distinct, ElementsAre(1, 2, 0, 0, 2, 2));
  EXPECT_THAT(b.targets, IsEmpty());
}

TEST(Batch, padded_by_hand) {
  const HostBatch b = packed(kFour, Layout::padded);
  EXPECT_EQ(b.rows, 12);
  EXPECT_EQ(b.tokens, 6);
  EXPECT_THAT(b.active, ElementsAre(3, 2, 1));
  EXPECT_THAT(b.offsets, ElementsAre(0, 4, 8, 12));
  EXPECT_THAT(b.ids, ElementsAre(7, 9, 5, 0, 5, 9, 0, 0, 9, 0, 0, 0));
  EXPECT_THAT(b.distinct, ElementsAre(5, 7, 9));  // the 0 of padding is no token
  EXPECT_THAT(b.segments, ElementsAre(0, 2, 3, 6));
  EXPECT_THAT(b.segment_rows, ElementsAre(2, 4, 0, 1, 5, 8));
  EXPECT_THAT(b.row_distinct, ElementsAre(1, 2, 0, 0, 0, 2, 0, 0, 2, 0, 0, 0));
}

TEST(Batch, rows_of_padding_do_not_count_as_the_token_0) {
  const HostBatch b = packed({{{0, 3}, {}}, {{0}, {}}}, Layout::padded);
  EXPECT_THAT(b.distinct, ElementsAre(0, 3));
  EXPECT_THAT(b.segments, ElementsAre(0, 2, 3));
  EXPECT_THAT(b.segment_rows, ElementsAre(0, 1, 2));
}

TEST(Batch, bigrams_lie_in_the_rows_of_their_second_token) {
  constexpr int kBuckets = 1000;
  const std::vector<int32_t> long_one = {7, 5, 9}, short_one = {9, 9};
  const std::vector<BatchItem> items = {{short_one, {}, 3}, {{}, {}, 4}, {long_one, {}, 5}};
  for (Layout layout : {Layout::packed, Layout::padded, Layout::bucketed}) {
    const HostBatch b = pack(items, layout, 0, kBuckets);
    ASSERT_TRUE(b.bigrams);
    EXPECT_EQ(b.bigrams->offsets, b.offsets);
    EXPECT_EQ(b.bigrams->lengths, b.lengths);
    EXPECT_EQ(b.bigrams->documents, b.documents);
    const auto at = [&](int t, int i) { return b.bigrams->ids[static_cast<size_t>(b.row(t, i))]; };
    EXPECT_EQ(at(0, 0), bigram_id(-1, 7, kBuckets));
    EXPECT_EQ(at(1, 0), bigram_id(7, 5, kBuckets));
    EXPECT_EQ(at(2, 0), bigram_id(5, 9, kBuckets));
    EXPECT_EQ(at(0, 1), bigram_id(-1, 9, kBuckets));
    EXPECT_EQ(at(1, 1), bigram_id(9, 9, kBuckets));
    EXPECT_THAT(b.bigrams->distinct, testing::SizeIs(5));
  }
  EXPECT_FALSE(pack(items, Layout::packed).bigrams);
}

TEST(Batch, bigrams_differ_by_order_and_fill_their_buckets) {
  EXPECT_NE(bigram_id(1, 2, 1 << 20), bigram_id(2, 1, 1 << 20));
  EXPECT_NE(bigram_id(-1, 2, 1 << 20), bigram_id(0, 2, 1 << 20));
  constexpr int kBuckets = 97, kTokens = 100;
  std::vector<int> count(kBuckets);
  for (int before = 0; before < kTokens; ++before)
    for (int token = 0; token < kTokens; ++token)
      ++count[static_cast<size_t>(bigram_id(before, token, kBuckets))];
  // 103 on average with a standard deviation of 10.
  EXPECT_GT(*std::min_element(count.begin(), count.end()), 60);
  EXPECT_LT(*std::max_element(count.begin(), count.end()), 150);
}

TEST(Batch, of_empty_documents_only) {
  for (Layout layout : {Layout::packed, Layout::padded}) {
    const HostBatch b = packed({{{}, {2}}, {{}, {1}}}, layout);
    EXPECT_EQ(b.sequences, 2);
    EXPECT_EQ(b.steps, 0);
    EXPECT_EQ(b.rows, 0);
    EXPECT_THAT(b.offsets, ElementsAre(0));
    EXPECT_THAT(b.active, IsEmpty());
    EXPECT_THAT(b.segments, ElementsAre(0));
    EXPECT_THAT(b.labels, ElementsAre(2, 1));
  }
}

TEST(Batch, of_nothing) {
  const HostBatch b = packed({}, Layout::packed);
  EXPECT_EQ(b.sequences, 0);
  EXPECT_EQ(b.rows, 0);
  EXPECT_THAT(b.offsets, ElementsAre(0));
}

TEST(Batch, documents_of_one_length_keep_their_order) {
  std::vector<Document> documents;
  for (int k = 0; k < 40; ++k) documents.push_back({Ints(static_cast<size_t>(k % 2 + 1), k), {k}});
  const HostBatch b = packed(documents, Layout::packed);
  for (int k = 0; k < 20; ++k) {
    EXPECT_EQ(b.documents[static_cast<size_t>(k)], 100 + 2 * k + 1);
    EXPECT_EQ(b.documents[static_cast<size_t>(k + 20)], 100 + 2 * k);
  }
}

TEST(Batch, multi_label_targets) {
  const HostBatch b = packed({{{1}, {2, 0}}, {{1, 2}, {}}, {{}, {1}}}, Layout::packed, 3);
  EXPECT_EQ(b.classes, 3);
  EXPECT_THAT(b.targets, ElementsAre(0, 0, 0, 1, 0, 1, 0, 1, 0));
  EXPECT_THAT(b.labels, ElementsAre(-1, 2, 1));
}

TEST(Batch, classes_out_of_range_fail) {
  EXPECT_THROW(packed({{{1}, {3}}}, Layout::packed, 3), Failure);
  EXPECT_THROW(packed({{{1}, {-1}}}, Layout::packed, 3), Failure);
  EXPECT_THROW(packed({{{1}, {-1}}}, Layout::packed), Failure);
  EXPECT_NO_THROW(packed({{{1}, {2}}}, Layout::packed, 3));
}

// ---- for any documents

std::vector<Document> any_documents() {
  return *rc::gen::map(
      rc::gen::container<std::vector<Ints>>(rc::gen::container<Ints>(rc::gen::inRange(0, 12))),
      [](const std::vector<Ints>& lists) {
        std::vector<Document> documents;
        for (const Ints& tokens : lists) documents.push_back({tokens, {}});
        return documents;
      });
}

// What a row holds is told by its document alone: unpacking gives the documents back.
void check_unpacking(const HostBatch& b, const std::vector<Document>& documents) {
  RC_ASSERT(b.documents.size() == documents.size());
  std::set<int32_t> seen(b.documents.begin(), b.documents.end());
  RC_ASSERT(seen.size() == documents.size());
  std::set<int> rows;
  for (int s = 0; s < b.sequences; ++s) {
    const auto k = static_cast<size_t>(s);
    const Ints& tokens = documents[static_cast<size_t>(b.documents[k]) - 100].tokens;
    RC_ASSERT(b.lengths[k] == static_cast<int32_t>(tokens.size()));
    RC_ASSERT(
        (s == 0 || b.lengths[k - 1] >= b.lengths[k]));  // bare, RC_ASSERT's || would evaluate both sides
    for (int t = 0; t < b.lengths[k]; ++t) {
      RC_ASSERT(b.ids[static_cast<size_t>(b.row(t, s))] == tokens[static_cast<size_t>(t)]);
      rows.insert(b.row(t, s));
    }
  }
  RC_ASSERT(static_cast<int>(rows.size()) == b.tokens);  // no row is used twice
}

void check_steps(const HostBatch& b) {
  RC_ASSERT(b.steps == (b.lengths.empty() ? 0 : b.lengths[0]));
  RC_ASSERT(b.tokens == std::accumulate(b.lengths.begin(), b.lengths.end(), 0));
  for (int t = 0; t < b.steps; ++t) {
    const auto alive = std::count_if(b.lengths.begin(), b.lengths.end(), [t](int32_t n) { return n > t; });
    const auto k = static_cast<size_t>(t);
    RC_ASSERT(b.active[k] == alive);
    RC_ASSERT(b.offsets[k + 1] - b.offsets[k] == (b.layout == Layout::packed ? alive : b.sequences));
  }
  RC_ASSERT(b.offsets.front() == 0);
  RC_ASSERT(b.offsets.back() == b.rows);
  RC_ASSERT(b.rows == (b.layout == Layout::packed ? b.tokens : b.steps * b.sequences));
}

void check_segments(const HostBatch& b) {
  RC_ASSERT(b.segments.size() == b.distinct.size() + 1);
  RC_ASSERT(b.segments.front() == 0);
  RC_ASSERT(b.segments.back() == b.tokens);
  RC_ASSERT(static_cast<int>(b.segment_rows.size()) == b.tokens);
  RC_ASSERT(static_cast<int>(b.row_distinct.size()) == b.rows);
  for (size_t u = 0; u < b.distinct.size(); ++u) {
    RC_ASSERT((u == 0 || b.distinct[u - 1] < b.distinct[u]));
    RC_ASSERT(b.segments[u] < b.segments[u + 1]);
    for (int32_t s = b.segments[u]; s < b.segments[u + 1]; ++s) {
      const auto row = static_cast<size_t>(b.segment_rows[static_cast<size_t>(s)]);
      RC_ASSERT(b.ids[row] == b.distinct[u]);
      RC_ASSERT(b.row_distinct[row] == static_cast<int32_t>(u));
      RC_ASSERT((s == b.segments[u] ||
                 b.segment_rows[static_cast<size_t>(s) - 1] < b.segment_rows[static_cast<size_t>(s)]));
    }
  }
}

TEST(BatchProperty, every_promise_holds_for_any_documents) {
  for (Layout layout : {Layout::packed, Layout::padded})
    EXPECT_TRUE(rc::check("pack", [layout] {
      const std::vector<Document> documents = any_documents();
      const HostBatch b = packed(documents, layout);
      check_unpacking(b, documents);
      check_steps(b);
      check_segments(b);
    }));
}

// Documents as they come out of a source: of one length bucket, or of any length.
TEST(BatchProperty, bucketed_batches_are_packed_ones_with_a_little_padding) {
  EXPECT_TRUE(rc::check("bucketed", [] {
    const auto longest = *rc::gen::inRange(0, 100);
    const auto lengths = *rc::gen::container<Ints>(rc::gen::inRange(longest - longest / 8, longest + 1));
    std::vector<Document> documents;
    for (int32_t n : lengths) documents.push_back({Ints(static_cast<size_t>(std::max(0, n)), n), {}});
    const HostBatch a = packed(documents, Layout::packed), b = packed(documents, Layout::bucketed);
    check_unpacking(b, documents);
    RC_ASSERT(a.lengths == b.lengths);
    RC_ASSERT(b.steps >= a.steps);
    RC_ASSERT(b.steps <= a.steps + a.steps / 8);
    for (int t = 0; t < b.steps; ++t) {
      const auto k = static_cast<size_t>(t);
      RC_ASSERT(b.active[k] == (t < a.steps ? a.active[k] : 0));
      const int rows = b.offsets[k + 1] - b.offsets[k];
      RC_ASSERT(rows >= b.active[k]);
      RC_ASSERT(rows <= b.sequences);
      RC_ASSERT((rows == b.sequences || rows % 8 == 0));
    }
    RC_ASSERT(b.rows == b.offsets.back());
    const int padded_rows = a.sequences * a.steps;
    const MaxShape most = bucketed({a.sequences, a.steps, padded_rows, static_cast<int>(a.distinct.size())});
    RC_ASSERT(b.steps <= most.steps);
    RC_ASSERT(b.rows <= most.rows);
    RC_ASSERT(static_cast<int>(b.distinct.size()) == most.distinct);
    HostBatch tokens = b;  // without what stands for no id
    tokens.distinct.resize(a.distinct.size());
    tokens.segments.resize(a.distinct.size() + 1);
    RC_ASSERT(tokens.distinct == a.distinct);
    check_segments(tokens);
    for (size_t u = a.distinct.size(); u < b.distinct.size(); ++u) {
      RC_ASSERT(b.distinct[u] == -1);
      RC_ASSERT(b.segments[u + 1] == b.tokens);
    }
  }));
}

// The point of it: documents of one length bucket, whatever they are, make batches of one shape.
TEST(Batch, bucketed_batches_of_one_bucket_have_one_shape) {
  const auto batch = [](const Ints& lengths) {
    std::vector<Document> documents;
    int32_t word = 0;
    for (int32_t n : lengths) {
      documents.push_back({{}, {}});
      for (int32_t t = 0; t < n; ++t) documents.back().tokens.push_back(word++ % 200);
    }
    return packed(documents, Layout::bucketed);
  };
  const HostBatch a = batch({104, 104, 105, 111}), b = batch({107, 110, 108, 110});
  EXPECT_EQ(a.steps, 111);
  EXPECT_EQ(a.offsets, b.offsets);
  EXPECT_EQ(a.distinct.size(), b.distinct.size());
  EXPECT_NE(a.active, b.active);
  EXPECT_NE(a.offsets, batch({112, 110, 108, 110}).offsets) << "112 is of the bucket above";
}

TEST(BatchProperty, padding_holds_nought) {
  EXPECT_TRUE(rc::check("padding", [] {
    const HostBatch b = packed(any_documents(), *rc::gen::element(Layout::padded, Layout::bucketed));
    for (int t = 0; t < b.steps; ++t)
      for (int s = b.active[static_cast<size_t>(t)]; b.row(t, s) < b.offsets[static_cast<size_t>(t) + 1];
           ++s) {
        RC_ASSERT(b.ids[static_cast<size_t>(b.row(t, s))] == 0);
        RC_ASSERT(b.row_distinct[static_cast<size_t>(b.row(t, s))] == 0);
      }
  }));
}

TEST(BatchProperty, both_layouts_describe_the_same_batch) {
  EXPECT_TRUE(rc::check("layouts", [] {
    const std::vector<Document> documents = any_documents();
    const HostBatch a = packed(documents, Layout::packed), b = packed(documents, Layout::padded);
    RC_ASSERT(a.documents == b.documents);
    RC_ASSERT(a.lengths == b.lengths);
    RC_ASSERT(a.active == b.active);
    RC_ASSERT(a.distinct == b.distinct);
    RC_ASSERT(a.segments == b.segments);
  }));
}

}  // namespace
}  // namespace sluice
