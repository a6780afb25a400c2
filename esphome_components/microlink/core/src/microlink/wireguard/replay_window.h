// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace microlink::wireguard {

/// Which counters of a session were seen: a ring of bits over the newest ones (RFC 6479). A counter older than BITS
/// behind the newest is refused.
///
///   words   [ … | … | … | … ]     word (counter / 32) % WORDS; the word after the newest one is always stale and is
///                  ^ newest       cleared as the window slides, hence one word less than the ring can be told apart
template<size_t BITS> class ReplayWindowOf {
 public:
  static constexpr size_t WINDOW_BITS = BITS;
  static_assert(BITS % 32 == 0);

  /// Whether the counter is new. Changes nothing: an unauthenticated packet must not move the window.
  bool accepts(uint64_t counter) const {
    const uint64_t next = this->next();
    if (counter >= next)
      return true;
    if (next - counter > WINDOW_BITS)
      return false;
    return (this->words_[word_(counter)] & bit_(counter)) == 0;
  }

  /// Remember an authenticated counter that was accepted.
  void mark(uint64_t counter) {
    const uint64_t next = this->next();
    if (counter >= next) {
      const uint64_t newest_word = next == 0 ? 0 : (next - 1) / 32;
      const uint64_t words_ahead = counter / 32 - newest_word;
      for (uint64_t i = 1; i <= words_ahead && i <= WORDS; i++)
        this->words_[static_cast<size_t>((newest_word + i) % WORDS)] = 0;
      this->next_low_ = static_cast<uint32_t>(counter + 1);
      this->next_high_ = static_cast<uint32_t>((counter + 1) >> 32);
    }
    this->words_[word_(counter)] |= bit_(counter);
  }

  void reset() { *this = {}; }
  /// One above the newest counter seen.
  uint64_t next() const { return uint64_t{this->next_high_} << 32 | this->next_low_; }

 private:
  static constexpr size_t WORDS = WINDOW_BITS / 32 + 1;
  static size_t word_(uint64_t counter) { return static_cast<size_t>(counter / 32 % WORDS); }
  static uint32_t bit_(uint64_t counter) { return uint32_t{1} << (counter % 32); }

  // In halves, so that no padding to 8 bytes comes with each window.
  uint32_t next_low_{0};
  uint32_t next_high_{0};
  std::array<uint32_t, WORDS> words_{};
};

using ReplayWindow = ReplayWindowOf<1024>;

}  // namespace microlink::wireguard
