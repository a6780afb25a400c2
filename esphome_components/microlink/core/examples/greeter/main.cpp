// SPDX-License-Identifier: MIT
/// Answers on port 7 of its tailnet addresses: datagrams come back, connections get a greeting.
#include <cstdio>

#include "from_environment.h"
#include "microlink/port/lwip/stack_node.h"

using namespace microlink;

int main() {
  lwip::StackNode node(examples::options_from_environment("greeter"));
  if (const std::string problem = node.up(examples::variable("MICROLINK_AUTH_KEY")); !problem.empty()) {
    std::fprintf(stderr, "greeter: %s\n", problem.c_str());
    return 1;
  }
  UdpSocket datagrams;
  TcpListener listener;
  TcpConnection caller;
  if (datagrams.open(node.sockets(), 7) != Error::NONE || listener.open(node.sockets(), 7) != Error::NONE)
    return 1;

  Bytes<MAX_DATAGRAM_BYTES> room;
  while (true) {
    node.turn();  // waits until something happens
    while (const auto got = datagrams.receive(room))
      (void) datagrams.send(got->from, got->bytes);
    while (listener.accept(caller) == Error::NONE) {
      const auto peer = node.find(to_text(caller.peer().address));
      const std::string greeting = "hello, " + std::string(peer ? peer->name.view() : "stranger") + "\n";
      (void) caller.write(as_bytes(greeting));  // a fresh connection has room for it
      (void) caller.end();
    }
  }
}
