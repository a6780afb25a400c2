// SPDX-License-Identifier: MIT
#include "microlinkd/json_value.h"

#include "microlink/json/tokenizer.h"

namespace microlink::tools {

namespace {
constexpr size_t MAX_DEPTH = 8;

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }
}  // namespace

std::optional<JsonValue> JsonValue::parse(std::string_view text) {
  json::Tokenizer tokenizer;
  tokenizer.feed(as_bytes(text));
  tokenizer.finish();
  JsonValue root;
  std::vector<JsonValue *> open;  // pointers stay good: only the innermost one's items grow
  std::string key;
  for (;;) {
    const json::Token token = tokenizer.next();
    JsonValue value;
    switch (token) {
      case json::Token::DONE:
        return is_blank(as_text(tokenizer.rest())) ? std::optional(std::move(root)) : std::nullopt;
      case json::Token::NEED_MORE:
      case json::Token::BAD:
        return std::nullopt;
      case json::Token::KEY:
        key = tokenizer.text();
        continue;
      case json::Token::OBJECT_END:
      case json::Token::ARRAY_END:
        open.pop_back();
        continue;
      case json::Token::OBJECT_BEGIN:
        value.kind_ = Kind::OBJECT;
        break;
      case json::Token::ARRAY_BEGIN:
        value.kind_ = Kind::ARRAY;
        break;
      case json::Token::STRING:
      case json::Token::NUMBER:
        value.kind_ = token == json::Token::STRING ? Kind::STRING : Kind::NUMBER;
        value.text_ = tokenizer.text();
        break;
      case json::Token::TRUE:
      case json::Token::FALSE:
        value.kind_ = Kind::BOOLEAN;
        value.text_ = token == json::Token::TRUE ? "true" : "false";
        break;
      case json::Token::NIL:
        break;
    }
    JsonValue *placed = &root;
    if (open.empty()) {
      root = std::move(value);
    } else {
      if (open.back()->kind_ == Kind::OBJECT)
        open.back()->keys_.push_back(key);
      open.back()->items_.push_back(std::move(value));
      placed = &open.back()->items_.back();
    }
    if (token == json::Token::OBJECT_BEGIN || token == json::Token::ARRAY_BEGIN) {
      if (open.size() == MAX_DEPTH)
        return std::nullopt;
      open.push_back(placed);
    }
  }
}

const JsonValue &JsonValue::operator[](std::string_view key) const {
  static const JsonValue NOTHING;
  for (size_t i = 0; i != this->keys_.size(); i++) {
    if (this->keys_[i] == key)
      return this->items_[i];
  }
  return NOTHING;
}

}  // namespace microlink::tools
