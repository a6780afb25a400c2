// SPDX-License-Identifier: MIT
// What script/size links: a program that uses the core as a firmware does, every function of its public interface
// included, so that the linker keeps what a firmware keeps and drops the rest. It is never run. Packets go nowhere.
#include <cstddef>
#include <cstdlib>
#include <new>

#include "microlink/client.h"

// ESPHome's firmware brings its own C++ runtime.
void *operator new(std::size_t bytes) { return std::malloc(bytes); }
void *operator new(std::size_t bytes, const std::nothrow_t & /*tag*/) noexcept { return std::malloc(bytes); }
void operator delete(void *pointer) noexcept { std::free(pointer); }
void operator delete(void *pointer, std::size_t /*bytes*/) noexcept { std::free(pointer); }
extern "C" void __cxa_pure_virtual() { std::abort(); }
namespace std {
const nothrow_t nothrow{};
void __throw_out_of_range_fmt(const char * /*format*/, ...) { std::abort(); }
}  // namespace std

namespace {

using namespace microlink;

/// Where inputs come from and results go to, so that the compiler can leave nothing out.
volatile uint32_t outside;
Input next_input;
Bytes<2048> scratch;

class Sink final : public LogSink {
 public:
  bool wants(LogLevel level) const override { return static_cast<uint32_t>(level) <= outside; }
  void write(LogLevel /*level*/, const char *tag, const char *line) override {
    outside = static_cast<uint8_t>(tag[0] + line[0]);
  }
};

void show(const Client &client) {
  const Status status = client.status();
  outside = static_cast<uint32_t>(status.state);
  for (size_t i = 0; i != client.peer_count(); i++)
    outside = client.peer(i).online ? 1 : 0;
  if (const auto peer = client.resolve("name"))
    outside = peer->bytes[0];
  Client::RelayLatency latencies[4];
  outside = static_cast<uint32_t>(client.relay_latencies(latencies) + client.statistics().control_connects);
}

void command(Client &client, Instant now) {
  outside = static_cast<uint32_t>(client.set_auth_key("tskey"));
  outside = static_cast<uint32_t>(client.ping(now, NodePublic{}));
  outside = static_cast<uint32_t>(client.rotate_node_key(now));
  client.netcheck(now);
  client.logout(now);
}

}  // namespace

int main() {
  Sink log;
  Config config;
  Client client(config, TrustStore{}, &log);
  while (outside != 1) {
    const Instant now = Instant{} + milliseconds(outside);
    client.handle(now, next_input);
    while (const auto action = client.poll_action(now, scratch))
      outside = static_cast<uint32_t>(action->kind);
    while (const auto event = client.poll_event())
      outside = static_cast<uint32_t>(event->kind);
    if (client.next_timeout() < now)
      command(client, now);
    show(client);
  }
  return 0;
}
