// SPDX-License-Identifier: MIT
#include "microlink/keys/keys.h"

#include "microlink/base/text.h"

namespace microlink::keys_detail {

Error parse(std::string_view prefix, std::string_view text, ByteSpan out) {
  if (!text.starts_with(prefix))
    return Error::MALFORMED;
  return hex_decode(text.substr(prefix.size()), out);
}

FixedString<MAX_KEY_TEXT_BYTES> format(std::string_view prefix, ByteView key) {
  std::array<char, 2 * KEY_BYTES> digits;
  FixedString<MAX_KEY_TEXT_BYTES> out(prefix);
  (void) out.append(hex_encode(key, digits));
  return out;
}

FixedString<18> short_form(bool disco, ByteView key) {
  constexpr size_t DISCO_BYTES = 8;
  constexpr size_t BASE64_DIGITS = 5;
  if (disco) {
    std::array<char, 2 * DISCO_BYTES> digits;
    FixedString<18> out("d:");
    (void) out.append(hex_encode(key.first(DISCO_BYTES), digits));
    return out;
  }
  std::array<char, base64_size(KEY_BYTES)> digits;
  FixedString<18> out("[");
  (void) out.append(base64_encode(key, digits).substr(0, BASE64_DIGITS));
  (void) out.append("]");
  return out;
}

}  // namespace microlink::keys_detail
