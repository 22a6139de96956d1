#include "tests/oracle/philox.h"

#include <gtest/gtest.h>

#include "kernels/core/philox.h"

namespace {

struct KnownAnswer {
  std::array<uint32_t, 4> counter;
  std::array<uint32_t, 2> key;
  std::array<uint32_t, 4> words;
};

// The philox4x32 10 lines of Random123's kat_vectors (nought, all ones, digits of pi).
const KnownAnswer kKnownAnswers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

TEST(Philox, oracle_gives_the_known_answers) {
  for (const KnownAnswer& k : kKnownAnswers) EXPECT_EQ(oracle::philox4x32_10(k.counter, k.key), k.words);
}

TEST(Philox, product_gives_the_known_answers) {
  for (const KnownAnswer& k : kKnownAnswers) {
    const uint64_t key = static_cast<uint64_t>(k.key[1]) << 32 | k.key[0];
    const sluice::PhiloxBlock block =
        sluice::philox(key, k.counter[0], k.counter[1], k.counter[2], k.counter[3]);
    for (size_t w = 0; w < 4; ++w) EXPECT_EQ(block.word[w], k.words[w]);
  }
}

// Every coordinate of a mask's place matters, and both sides agree on all of them.
TEST(Philox, masks_agree_with_the_product_at_every_place) {
  const double p = 0.3;
  const uint32_t threshold = sluice::drop_threshold(p);
  int drops = 0, places = 0;
  for (uint64_t seed : {1ull, 0x123456789abcdefull})
    for (uint32_t step : {0u, 1u, 70000u})
      for (uint32_t site : {0u, 5u, 255u})
        for (uint32_t t : {0u, 1u, 300u})
          for (uint32_t row : {0u, 1u, 63u})
            for (uint32_t unit = 0; unit < 9; ++unit, ++places) {
              const bool drop = oracle::dropped({seed, step, site, t, row, unit}, p);
              const sluice::MaskStream masks{seed, step, site};
              EXPECT_EQ(drop, masks.word(unit, row, t) < threshold);
              drops += drop;
            }
  EXPECT_NEAR(static_cast<double>(drops) / places, p, 0.04);
}

TEST(Philox, probability_nought_drops_nothing) {
  for (uint32_t unit = 0; unit < 1000; ++unit) EXPECT_FALSE(oracle::dropped({7, 1, 2, 3, 4, unit}, 0.0));
}

}  // namespace
