// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "microlink/base/ip.h"

namespace microlink::tools {

/// How the tailnet meets this machine. The functions understand one option's value each and answer with an empty
/// string, or with one line that says what is wrong with it.
struct OverlayOptions {
  /// Interface to make; empty = no interface, the stack in userspace answers.
  std::string tun;

  /// Ports of the tailnet's addresses that lead to 127.0.0.1.
  std::vector<uint16_t> served;

  /// Where to offer a SOCKS 5 proxy; unset = nowhere.
  Endpoint socks5{};
  struct Forward {
    Endpoint local;
    std::string peer;
    uint16_t port;
  };
  std::vector<Forward> forwards;

  std::string set_tun(const char *text);
  /// "PORT[,PORT...]"; adds to those that are there.
  std::string add_served(const char *text);
  /// "ADDR:PORT".
  std::string set_socks5(const char *text);
  /// "LOCAL:PEER:PORT", LOCAL being a port of 127.0.0.1 or ADDR:PORT, an IPv6 PEER in brackets.
  std::string add_forward(const char *text);
  /// Options that exclude each other.
  std::string contradiction() const;
};

}  // namespace microlink::tools
