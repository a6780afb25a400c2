// SPDX-License-Identifier: MIT
/// Two nodes of a tailnet that send each other UDP messages by name:
///
///     ping_pong pong                on one machine: joins as "pong" and answers
///     ping_pong ping pong [COUNT]   on another one: joins as "ping", prints the round trips and the way they took
///
/// See from_environment.h for how they join; the first time they need an auth key in MICROLINK_AUTH_KEY.
#include <cstdio>
#include <cstring>

#include "from_environment.h"
#include "microlink/base/text.h"
#include "microlink/port/lwip/stack_node.h"
#include "microlink/port/posix/clock.h"

using namespace microlink;

namespace {

constexpr uint16_t PORT = 7777;
constexpr Duration EVERY = seconds(1);

/// Whoever sends something gets it back.
void answer(lwip::StackNode &node, UdpSocket &socket) {
  Bytes<MAX_DATAGRAM_BYTES> room;
  while (true) {
    node.turn();
    while (const auto got = socket.receive(room))
      (void) socket.send(got->from, got->bytes);
  }
}

/// A message is its number and the time when it was sent.
struct Message {
  int64_t number;
  Instant sent;
};

/// How a packet to the peer travels now.
std::string way_to(lwip::StackNode &node, const std::string &peer) {
  const auto status = node.find(peer);
  const bool direct = status && status->direct.is_set();
  return direct ? "direct, " + std::string(to_text(status->direct).view()) : std::string("through a relay");
}

/// False when the tailnet has no such peer.
bool ping(lwip::StackNode &node, UdpSocket &socket, const std::string &peer, int64_t count) {
  Instant next = posix::monotonic_now();
  for (int64_t sent = 0, answers = 0; answers < count; node.turn(next)) {
    if (const Instant now = posix::monotonic_now(); next <= now) {
      const Message message{sent + 1, now};
      const Error error = socket.send(peer, PORT, {reinterpret_cast<const uint8_t *>(&message), sizeof(message)});
      if (error == Error::UNKNOWN_PEER)
        return false;
      if (error == Error::NONE)  // else the peer is looked for
        sent++;
      next = now + EVERY;
    }
    Message message{};
    while (answers < count) {
      const auto got = socket.receive({reinterpret_cast<uint8_t *>(&message), sizeof(message)});
      if (!got)
        break;
      const int64_t us = to_microseconds(posix::monotonic_now() - message.sent);
      answers++;
      std::printf("%lld from %s: %lld.%lld ms, %s\n", static_cast<long long>(message.number),
                  to_text(got->from).view().data(), static_cast<long long>(us / 1000),
                  static_cast<long long>(us % 1000 / 100), way_to(node, peer).c_str());
      std::fflush(stdout);
    }
  }
  return true;
}

int fail(const std::string &problem) {
  std::fprintf(stderr, "ping_pong: %s\n", problem.c_str());
  return 1;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc < 2)
    return fail("ping_pong NAME [PEER [COUNT]]");
  lwip::StackNode node(examples::options_from_environment(argv[1]));
  if (const std::string problem = node.up(examples::variable("MICROLINK_AUTH_KEY")); !problem.empty())
    return fail(problem);
  if (!node.wait_online(seconds(30)))
    return fail("not online: " + node.node().snapshot().message);

  UdpSocket socket;
  if (const Error error = socket.open(node.sockets(), argc == 2 ? PORT : uint16_t{0}); error != Error::NONE)
    return fail(error_name(error));
  if (argc == 2)
    answer(node, socket);
  const auto count = argc > 3 ? parse_decimal(argv[3]) : Result<int64_t>(5);
  if (!ping(node, socket, argv[2], count.value_or(5)))
    return fail(std::string("the tailnet has no peer ") + argv[2]);
  return 0;
}
