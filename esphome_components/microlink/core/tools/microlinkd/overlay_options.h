// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace microlink::tools {

/// How the tailnet meets this machine. The functions understand one option's value each and answer with an empty string,
/// or with one line that says what is wrong with it.
struct OverlayOptions {
  /// Interface to make; empty = no interface, the stack in userspace answers.
  std::string tun;

  std::string set_tun(const char *text);
  /// Options that exclude each other.
  std::string contradiction() const;
};

}  // namespace microlink::tools
