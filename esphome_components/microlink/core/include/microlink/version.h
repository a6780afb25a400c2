// SPDX-License-Identifier: MIT
#pragma once

namespace microlink {
constexpr char VERSION[] = "0.1.0";
}  // namespace microlink
