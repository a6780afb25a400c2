// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace microlink::tools {

/// A small JSON value, for requests and for showing answers. Texts are cut at JSON_MAX_TEXT_BYTES.
class JsonValue {
 public:
  enum class Kind : uint8_t { NIL, BOOLEAN, NUMBER, STRING, ARRAY, OBJECT };

  /// One whole value and nothing behind it but white space.
  static std::optional<JsonValue> parse(std::string_view text);

  Kind kind() const { return this->kind_; }
  bool is(Kind kind) const { return this->kind_ == kind; }
  /// The member of an object; null for a missing one or another kind.
  const JsonValue &operator[](std::string_view key) const;
  const std::vector<JsonValue> &items() const { return this->items_; }
  const std::vector<std::string> &keys() const { return this->keys_; }
  /// STRING as it is, NUMBER as written, "" otherwise.
  const std::string &text() const { return this->text_; }
  bool truth() const { return this->kind_ == Kind::BOOLEAN && this->text_ == "true"; }

 private:
  Kind kind_{Kind::NIL};
  std::string text_;
  std::vector<std::string> keys_;  ///< of an OBJECT, beside items_
  std::vector<JsonValue> items_;
};

}  // namespace microlink::tools
