// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace microlink {

/// Up to N values in place. push_back() says no when it is full; the caller's policy is written where it is called.
template<typename T, size_t N> class FixedVector {
 public:
  static constexpr size_t CAPACITY = N;

  size_t size() const { return this->size_; }
  bool empty() const { return this->size_ == 0; }
  bool full() const { return this->size_ == N; }
  void clear() { this->size_ = 0; }

  [[nodiscard]] bool push_back(const T &value) {
    if (this->full())
      return false;
    this->items_[this->size_++] = value;
    return true;
  }
  /// Remove one item; the last one takes its place.
  void remove_unordered(size_t index) {
    assert(index < this->size_);
    this->items_[index] = this->items_[--this->size_];
  }
  /// Remove one item and keep the order of the others.
  void remove(size_t index) {
    assert(index < this->size_);
    for (size_t i = index + 1; i < this->size_; i++)
      this->items_[i - 1] = this->items_[i];
    this->size_--;
  }
  void pop_back() {
    assert(this->size_ != 0);
    this->size_--;
  }

  T &operator[](size_t index) {
    assert(index < this->size_);
    return this->items_[index];
  }
  const T &operator[](size_t index) const {
    assert(index < this->size_);
    return this->items_[index];
  }
  T &back() { return (*this)[this->size_ - 1]; }
  const T &back() const { return (*this)[this->size_ - 1]; }
  T *begin() { return this->items_.data(); }
  T *end() { return this->items_.data() + this->size_; }
  const T *begin() const { return this->items_.data(); }
  const T *end() const { return this->items_.data() + this->size_; }

  bool contains(const T &value) const {
    for (const T &item : *this) {
      if (item == value)
        return true;
    }
    return false;
  }
  bool operator==(const FixedVector &other) const {
    if (this->size_ != other.size_)
      return false;
    for (size_t i = 0; i != this->size_; i++) {
      if (!(this->items_[i] == other.items_[i]))
        return false;
    }
    return true;
  }

 private:
  using Count = std::conditional_t<(N <= UINT8_MAX), uint8_t, uint16_t>;
  static_assert(N <= UINT16_MAX);

  std::array<T, N> items_{};
  Count size_{0};
};

}  // namespace microlink
