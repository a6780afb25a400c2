// SPDX-License-Identifier: MIT
#include "tests/support/vectors.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace microlink::testing {

namespace {

using Json = rapidjson::Value;

[[noreturn]] void fail(const char *what, const char *name) {
  std::fprintf(stderr, "test vector: %s: %s\n", what, name);
  std::abort();
}

const Json &json(const void *node) { return *static_cast<const Json *>(node); }

}  // namespace

Value Value::operator[](const char *key) const {
  if (!this->has(key))
    fail("no member", key);
  Value out = *this;
  out.node_ = &json(this->node_)[key];
  return out;
}

Value Value::operator[](size_t index) const {
  if (index >= this->size())
    fail("index", "out of range");
  Value out = *this;
  out.node_ = &json(this->node_)[static_cast<rapidjson::SizeType>(index)];
  return out;
}

bool Value::has(const char *key) const { return json(this->node_).IsObject() && json(this->node_).HasMember(key); }
bool Value::is_null() const { return json(this->node_).IsNull(); }
bool Value::is_string() const { return json(this->node_).IsString(); }
bool Value::is_object() const { return json(this->node_).IsObject(); }
bool Value::is_array() const { return json(this->node_).IsArray(); }

size_t Value::size() const {
  if (!this->is_array())
    fail("not an array", "");
  return json(this->node_).Size();
}

std::vector<std::string> Value::keys() const {
  std::vector<std::string> out;
  for (const auto &member : json(this->node_).GetObject())
    out.emplace_back(member.name.GetString(), member.name.GetStringLength());
  return out;
}

std::string Value::text() const {
  if (!this->is_string())
    fail("not a string", this->dump().c_str());
  return {json(this->node_).GetString(), json(this->node_).GetStringLength()};
}

std::vector<uint8_t> Value::hex() const { return from_hex(this->text()); }

int64_t Value::integer() const {
  if (!json(this->node_).IsInt64())
    fail("not an integer", this->dump().c_str());
  return json(this->node_).GetInt64();
}

double Value::number() const {
  if (!json(this->node_).IsNumber())
    fail("not a number", this->dump().c_str());
  return json(this->node_).GetDouble();
}

bool Value::boolean() const {
  if (!json(this->node_).IsBool())
    fail("not a boolean", this->dump().c_str());
  return json(this->node_).GetBool();
}

std::string Value::dump() const {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  json(this->node_).Accept(writer);
  return buffer.GetString();
}

Value load_vectors(const char *file) {
  std::ifstream in(std::string(MICROLINK_VECTORS) + "/" + file, std::ios::binary);
  if (!in)
    fail("cannot open", file);
  return parse_json({std::istreambuf_iterator<char>(in), {}});
}

Value parse_json(const std::string &text) {
  auto document = std::make_shared<rapidjson::Document>();
  document->Parse(text.c_str(), text.size());
  if (document->HasParseError())
    fail("not JSON", text.substr(0, 40).c_str());
  Value out;
  out.node_ = static_cast<const Json *>(document.get());
  out.owner_ = document;
  return out;
}

std::vector<uint8_t> from_hex(const std::string &text) {
  if (text.size() % 2 != 0)
    fail("odd hex", text.c_str());
  std::vector<uint8_t> out;
  for (size_t i = 0; i < text.size(); i += 2)
    out.push_back(static_cast<uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
  return out;
}

std::string to_hex(const uint8_t *data, size_t size) {
  std::string out;
  char digits[3];
  for (size_t i = 0; i != size; i++) {
    std::snprintf(digits, sizeof(digits), "%02x", static_cast<unsigned>(data[i]));
    out += digits;
  }
  return out;
}

}  // namespace microlink::testing
