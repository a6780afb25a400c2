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
    if (counter >= this->next_)
      return true;
    if (this->next_ - counter > WINDOW_BITS)
      return false;
    return (this->words_[word_(counter)] & bit_(counter)) == 0;
  }

  /// Remember an authenticated counter that was accepted.
  void mark(uint64_t counter) {
    if (counter >= this->next_) {
      const uint64_t newest_word = this->next_ == 0 ? 0 : (this->next_ - 1) / 32;
      const uint64_t words_ahead = counter / 32 - newest_word;
      for (uint64_t i = 1; i <= words_ahead && i <= WORDS; i++)
        this->words_[static_cast<size_t>((newest_word + i) % WORDS)] = 0;
      this->next_ = counter + 1;
    }
    this->words_[word_(counter)] |= bit_(counter);
  }

  void reset() { *this = {}; }
  /// One above the newest counter seen.
  uint64_t next() const { return this->next_; }

 private:
  static constexpr size_t WORDS = WINDOW_BITS / 32 + 1;
  static size_t word_(uint64_t counter) { return static_cast<size_t>(counter / 32 % WORDS); }
  static uint32_t bit_(uint64_t counter) { return uint32_t{1} << (counter % 32); }

  uint64_t next_{0};
  std::array<uint32_t, WORDS> words_{};
};

using ReplayWindow = ReplayWindowOf<1024>;

}  // namespace microlink::wireguard
