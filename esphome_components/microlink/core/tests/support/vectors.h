// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace microlink::testing {

/// A JSON value of tests/vectors/*.json. A missing member or a wrong type ends the test program: a vector that is not
/// there must not pass.
class Value {
 public:
  Value operator[](const char *key) const;
  Value operator[](size_t index) const;
  bool has(const char *key) const;
  bool is_null() const;
  bool is_string() const;
  bool is_object() const;
  bool is_array() const;
  size_t size() const;
  std::vector<std::string> keys() const;
  std::string text() const;
  /// A string of hexadecimal digits as bytes.
  std::vector<uint8_t> hex() const;
  int64_t integer() const;
  double number() const;
  bool boolean() const;
  /// The value as JSON text again.
  std::string dump() const;

 private:
  friend Value load_vectors(const char *);
  friend Value parse_json(const std::string &);
  std::shared_ptr<const void> owner_;
  const void *node_{nullptr};
};

/// tests/vectors/<file>.
Value load_vectors(const char *file);
Value parse_json(const std::string &text);

std::vector<uint8_t> from_hex(const std::string &text);
std::string to_hex(const uint8_t *data, size_t size);
template<typename T> std::string to_hex(const T &bytes) { return to_hex(bytes.data(), bytes.size()); }

}  // namespace microlink::testing
