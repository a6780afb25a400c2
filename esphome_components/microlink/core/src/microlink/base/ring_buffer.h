// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace microlink {

/// First in, first out, up to N values in place.
template<typename T, size_t N> class RingBuffer {
 public:
  size_t size() const { return this->size_; }
  bool empty() const { return this->size_ == 0; }
  bool full() const { return this->size_ == N; }
  void clear() { this->size_ = this->head_ = 0; }

  [[nodiscard]] bool push(const T &value) {
    if (this->full())
      return false;
    this->items_[(this->head_ + this->size_++) % N] = value;
    return true;
  }
  /// Push, and let the oldest go when it is full. Returns whether one went.
  bool push_dropping_oldest(const T &value) {
    const bool drop = this->full();
    if (drop)
      this->pop();
    (void) this->push(value);
    return drop;
  }
  std::optional<T> pop() {
    if (this->empty())
      return std::nullopt;
    const T value = this->items_[this->head_];
    this->head_ = static_cast<Count>((this->head_ + 1) % N);
    this->size_--;
    return value;
  }
  /// The oldest is 0.
  T &operator[](size_t index) {
    assert(index < this->size_);
    return this->items_[(this->head_ + index) % N];
  }
  const T &operator[](size_t index) const {
    assert(index < this->size_);
    return this->items_[(this->head_ + index) % N];
  }

 private:
  using Count = std::conditional_t<(N <= UINT8_MAX), uint8_t, uint16_t>;
  static_assert(N <= UINT16_MAX);

  std::array<T, N> items_{};
  Count head_{0};
  Count size_{0};
};

}  // namespace microlink
