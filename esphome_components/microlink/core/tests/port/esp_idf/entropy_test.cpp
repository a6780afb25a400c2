// SPDX-License-Identifier: MIT
/// Where keys come from on a chip whose generator is pseudo-random unless the bootloader's source is on.
#include "microlink/port/esp_idf/entropy.h"

#include <gtest/gtest.h>

#include "tests/port/esp_idf/fake_idf/noise.h"

namespace microlink::chip_test {
namespace {

using esp_idf::Entropy;
using fake_idf::Noise;

class ChipEntropy : public ::testing::Test {
 protected:
  ChipEntropy() { Noise::get() = {.is_weak = true}; }
  ~ChipEntropy() override { Noise::get() = {}; }
};

TEST_F(ChipEntropy, is_drawn_while_the_source_is_on_which_is_off_again_afterwards) {
  Entropy entropy;
  entropy.gather();
  EXPECT_EQ(Noise::get().enabled, 1U);
  EXPECT_FALSE(Noise::get().is_on);
  EXPECT_EQ(Noise::get().strong_bytes, 32U);
  EXPECT_EQ(Noise::get().weak_bytes, 0U);
}

TEST_F(ChipEntropy, needs_the_source_only_once) {
  Entropy entropy;
  entropy.gather();
  Bytes<100> one{};
  Bytes<100> other{};
  EXPECT_TRUE(entropy.fill(one));
  EXPECT_TRUE(entropy.fill(other));
  EXPECT_NE(one, other);
  EXPECT_EQ(Noise::get().enabled, 1U);
}

TEST_F(ChipEntropy, does_not_come_from_a_generator_without_a_source) {
  Bytes<32> first{};
  Bytes<32> second{};
  for (Bytes<32> *out : {&first, &second}) {  // as at two starts of the same chip
    Entropy entropy;
    entropy.gather();
    EXPECT_TRUE(entropy.fill(*out));
  }
  EXPECT_NE(first, second);
}

TEST_F(ChipEntropy, is_refused_when_the_source_was_never_on) {
  Entropy entropy;
  Bytes<32> out{};
  EXPECT_FALSE(entropy.fill(out));
  EXPECT_EQ(out, Bytes<32>{});
}

}  // namespace
}  // namespace microlink::chip_test
