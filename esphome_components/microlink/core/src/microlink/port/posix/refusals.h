// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>

#include "microlink/base/fixed_vector.h"
#include "microlink/port/posix/input_sink.h"

namespace microlink::posix {

/// Where the system refused to send datagrams to since the client was told last: no route, no address to send from, or
/// a firewall of this machine. That something is full or not ready says nothing of the destination and is not kept.
class Refusals {
 public:
  /// So often what the client says to a refusal is sent at once. What cannot be sent to is let alone for seconds, so it
  /// is over when each way was tried.
  static constexpr int MAX_ROUNDS = 8;

  /// The error of a datagram to `to`. More than MAX destinations: told of when they are refused again.
  void note(int error, const Endpoint &to) {
    if (is_of_destination_(error) && !this->endpoints_.contains(to))
      (void) this->endpoints_.push_back(to);
  }
  /// Tell the client, which may send other datagrams at once. Whether there was anything to tell.
  bool tell(InputSink &sink) {
    const auto told = this->endpoints_;
    this->endpoints_.clear();
    Input input{.kind = Input::Kind::SEND_FAILED};
    input.endpoints = {told.begin(), told.size()};
    if (!told.empty())
      sink.feed(input);
    return !told.empty();
  }

 private:
  static constexpr size_t MAX = 4;
  static bool is_of_destination_(int error) {
    return error == EHOSTUNREACH || error == ENETUNREACH || error == ENETDOWN || error == EPERM || error == EACCES ||
           error == EADDRNOTAVAIL;
  }

  FixedVector<Endpoint, MAX> endpoints_;
};

}  // namespace microlink::posix
