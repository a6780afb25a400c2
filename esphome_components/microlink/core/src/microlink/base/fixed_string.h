// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace microlink {

/// What all lengths of FixedString share: put the front of `more` that fits behind the first `size` bytes of `text`,
/// which has room for `capacity` and the terminator. The new size.
size_t append_text(char *text, size_t size, size_t capacity, std::string_view more);

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
    const size_t before = this->size_;
    this->size_ = static_cast<uint16_t>(append_text(this->text_.data(), before, N, text));
    return this->size_ - before == text.size();
  }
  void clear() {
    this->size_ = 0;
    this->text_[0] = '\0';
  }

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
