// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "microlink/base/result.h"
#include "microlink/base/time.h"

namespace microlink::http {

/// A date as HTTP writes it, "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7, IMF-fixdate). MALFORMED for anything
/// else, also for the two forms that nobody may send any more; the day of the week is not checked.
Result<WallTime> parse_date(std::string_view text);

}  // namespace microlink::http
