// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/bytes.h"
#include "microlink/base/result.h"

namespace microlink {

/// Lower-case hexadecimal into `out`; returns what was written, empty when it does not fit.
std::string_view hex_encode(ByteView in, std::span<char> out);
/// Exactly out.size() bytes from 2 × out.size() digits of either case. MALFORMED otherwise.
Error hex_decode(std::string_view in, ByteSpan out);

/// Standard base64 with padding (RFC 4648 §4); empty when it does not fit.
std::string_view base64_encode(ByteView in, std::span<char> out);
constexpr size_t base64_size(size_t bytes) { return (bytes + 2) / 3 * 4; }
/// Strict: padding required, no white space. How many bytes, MALFORMED, or NO_SPACE.
Result<size_t> base64_decode(std::string_view in, ByteSpan out);

/// Whole string as a decimal integer, with an optional minus. MALFORMED when it is not one or does not fit.
Result<int64_t> parse_decimal(std::string_view in);

/// ASCII only, as DNS names and HTTP field names compare.
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace microlink
