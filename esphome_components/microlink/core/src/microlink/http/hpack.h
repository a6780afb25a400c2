// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "microlink/base/bytes.h"
#include "microlink/base/fixed_string.h"
#include "microlink/base/result.h"
#include "microlink/base/time.h"
#include "microlink/base/writer.h"

namespace microlink::http {

/// What a client of control wants to know of a response's field section.
struct ResponseFields {
  std::optional<uint16_t> status;
  std::optional<int64_t> content_length;
  /// A date counts from the response's own Date, without which it is lost.
  std::optional<uint32_t> retry_after_seconds;
};

/// HPACK decoder (RFC 7541) for a table size of 0, as SETTINGS_HEADER_TABLE_SIZE=0 announces it: there is no dynamic
/// table, so nothing is kept from one field section to the next. Bytes come in any pieces; of a field only the front of
/// name and value is held, and only ResponseFields are looked at.
class HpackDecoder {
 public:
  /// A new field section.
  void begin();
  /// MALFORMED: not HPACK, or it refers to a dynamic table; for good, until begin().
  Error handle_bytes(ByteView in);
  /// The section is complete: MALFORMED when it stops inside a field; UNEXPECTED when it is HPACK but not a response's
  /// fields: pseudo fields unknown, repeated or after others, lengths that contradict (RFC 9113 §8.1.1, §8.3).
  Error finish();

  const ResponseFields &fields() const { return this->fields_; }
  /// Whether the section had no pseudo field, as trailers must.
  bool is_trailer() const { return !this->fields_.status && !this->has_bad_field_; }

 private:
  enum class Expect : uint8_t { FIELD, INTEGER, NAME_LENGTH, NAME, VALUE_LENGTH, VALUE };
  /// What the integer being read is for.
  enum class Use : uint8_t { INDEXED, NAME_INDEX, TABLE_SIZE, NAME_LENGTH, VALUE_LENGTH };
  /// The fields that count, by name.
  enum class Name : uint8_t { OTHER, STATUS, CONTENT_LENGTH, RETRY_AFTER, DATE, PSEUDO };
  static constexpr size_t MAX_KEPT_BYTES = 29;  ///< a date

  Error byte_(uint8_t byte);
  Error first_byte_(uint8_t byte);
  Error integer_byte_(uint8_t byte);
  Error start_integer_(uint8_t byte, unsigned prefix_bits, Use use);
  Error integer_done_();
  Error indexed_field_();
  Error begin_text_(Expect what);
  Error text_byte_(uint8_t byte);
  Error text_done_();
  Error huffman_byte_(uint8_t byte);
  void keep_(uint8_t symbol);
  void field_done_();
  static Name static_name_(uint32_t index);
  static Name name_of_(std::string_view text);

  ResponseFields fields_;
  FixedString<MAX_KEPT_BYTES> text_;  ///< front of the name or value being read
  uint32_t integer_{0};
  uint32_t left_{0};  ///< encoded bytes of the text still to come
  uint32_t code_{0};  ///< Huffman: bits read since the last symbol
  uint8_t code_bits_{0};
  uint8_t integer_shift_{0};
  Expect expect_{Expect::FIELD};
  Use use_{Use::INDEXED};
  Name name_{Name::OTHER};
  WallTime date_{WallTime::UNKNOWN}, retry_at_{WallTime::UNKNOWN};
  bool is_huffman_{false};
  bool is_cut_{false};
  bool is_bad_{false};
  bool has_bad_field_{false};
  bool seen_field_{false};
  bool seen_regular_{false};
};

/// HPACK's static table, as far as requests use it (RFC 7541 appendix A).
enum class StaticField : uint8_t {
  AUTHORITY = 1,
  METHOD_GET = 2,
  METHOD_POST = 3,
  PATH = 4,
  SCHEME_HTTPS = 7,
  CONTENT_LENGTH = 28,
  CONTENT_TYPE = 31,
};

/// Encoder without dynamic table and without Huffman; whether it fitted is the writer's to say.
void hpack_indexed(Writer &out, StaticField field);
/// Literal without indexing, with the name of a static entry.
void hpack_literal(Writer &out, StaticField name, std::string_view value);

}  // namespace microlink::http
