// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace microlink {

/// Text of up to N bytes in place, always terminated.
template<size_t N> class FixedString {
 public:
  static constexpr size_t CAPACITY = N;

  constexpr FixedString() = default;
  FixedString(std::string_view text) { (void) this->assign(text); }

  /// Keep the front that fits; says whether all of it did.
  bool assign(std::string_view text) {
    this->size_ = 0;
    return this->append(text);
  }
  bool append(std::string_view text) {
    const size_t n = text.size() < N - this->size_ ? text.size() : N - this->size_;
    for (size_t i = 0; i != n; i++)
      this->text_[this->size_ + i] = text[i];
    this->size_ = static_cast<uint16_t>(this->size_ + n);
    this->text_[this->size_] = '\0';
    return n == text.size();
  }
  void clear() { (void) this->assign({}); }

  std::string_view view() const { return {this->text_.data(), this->size_}; }
  operator std::string_view() const { return this->view(); }
  const char *c_str() const { return this->text_.data(); }
  size_t size() const { return this->size_; }
  bool empty() const { return this->size_ == 0; }
  bool operator==(const FixedString &other) const { return this->view() == other.view(); }
  bool operator==(std::string_view other) const { return this->view() == other; }

 private:
  static_assert(N <= UINT16_MAX);
  std::array<char, N + 1> text_{};
  uint16_t size_{0};
};

}  // namespace microlink
