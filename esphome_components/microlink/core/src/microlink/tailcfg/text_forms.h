// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/tailcfg/types.h"

namespace microlink::tailcfg {

/// Text forms of the control protocol that are not JSON's own.

/// RFC 3339 time, e.g. "2026-01-02T03:04:05.678Z"; fractions below a microsecond are dropped. UNKNOWN for Go's zero
/// time (year 1); any other time before 1970 is 1970 plus one microsecond, so that "long ago" is not "unset".
/// MALFORMED.
Result<WallTime> parse_time(std::string_view text);

/// A JSON number of zero or more in thousandths, rounded down: "0.9" is 900. MALFORMED for a negative one or one above
/// four million.
Result<uint32_t> parse_thousandths(std::string_view number);

/// "*", an address, a CIDR block or "a-b" (inclusive, one family). MALFORMED, also for a block with host bits.
Result<AddressRange> parse_address_range(std::string_view text);

/// A node or DNS name as it is kept: lower case, without the trailing dot. A name that does not fit ends in "~", which
/// no name does: it is shown, but never found.
NodeName normal_name(std::string_view name);

/// Short for the name of a display message; never 0.
uint32_t message_id(std::string_view name);

}  // namespace microlink::tailcfg
