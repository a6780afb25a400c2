// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cstdint>
#include <type_traits>

namespace microlink {

/// Why an operation did not happen. Grouped by what the caller should do, not by where it arose.
enum class Error : uint8_t {
  NONE = 0,
  // Drop: the peer's fault or noise on the wire. Count it, keep going, state untouched.
  TRUNCATED,
  MALFORMED,
  AUTH_FAILED,
  REPLAYED,
  UNEXPECTED,
  UNKNOWN_PEER,
  // Retry: nothing is wrong, come back later.
  NO_SPACE,
  NOT_READY,
  // Fail: this engine is finished; its owner reconnects with backoff.
  CLOSED,
  TIMED_OUT,
  REJECTED,
  UNTRUSTED,  // a certificate or key that verification refuses
  COUNT,
};

/// One word for logs and status, e.g. "truncated".
const char *error_name(Error error);

/// A value or the reason there is none. Never both, never neither.
template<typename T> class [[nodiscard]] Result {
  static_assert(std::is_trivially_copyable_v<T>, "keep results cheap to return by value");

 public:
  constexpr Result(const T &value) : value_(value) {}
  constexpr Result(Error error) : error_(error) { assert(error != Error::NONE); }

  constexpr explicit operator bool() const { return this->error_ == Error::NONE; }
  constexpr Error error() const { return this->error_; }
  constexpr const T &operator*() const {
    assert(*this);
    return this->value_;
  }
  constexpr const T *operator->() const {
    assert(*this);
    return &this->value_;
  }
  constexpr T value_or(T fallback) const { return *this ? this->value_ : fallback; }

 private:
  T value_{};
  Error error_{Error::NONE};
};

}  // namespace microlink
