// SPDX-License-Identifier: MIT
/// The stack on the thread of a node in the background, while another thread talks to the node.
#include "microlink/port/posix/background.h"

#include <gtest/gtest.h>

#include "microlink/ip/packet.h"
#include "microlink/port/lwip/userspace_sockets.h"
#include "tests/port/posix/scripted.h"

namespace microlink::lwip {
namespace {

using posix::Script;
using posix::SeenInput;

constexpr uint16_t PORT = 7;

/// Answers datagrams, and lives on the node's thread from join() on.
class EchoEnd final : public posix::OverlayEnd, private posix::Companion {
 public:
  posix::Overlay *overlay() override { return &this->stack_; }
  void join(posix::Runner &runner) override {
    ASSERT_EQ(this->socket_.open(this->sockets_, PORT), Error::NONE);
    this->sockets_.join(runner);
    this->stack_.join(runner);
    runner.add(this);
  }

 private:
  void watch(std::vector<pollfd> &) override {}
  void serve(Instant, std::span<const pollfd>) override {
    Bytes<MAX_DATAGRAM_BYTES> room;
    while (const auto got = this->socket_.receive(room))
      (void) this->socket_.send(got->from, got->bytes);
  }

  UserspaceStack stack_;
  UserspaceSockets sockets_{stack_};
  UdpSocket socket_;
};

/// A datagram from 100.64.0.9 to the stack's port, without a UDP checksum.
std::string datagram(uint8_t number) {
  std::string out = {0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 100, 64, 0, 9, 100, 64, 0, 1};
  const uint16_t sum = ip::checksum(as_bytes(out));
  out[10] = static_cast<char>(sum >> 8);
  out[11] = static_cast<char>(sum);
  for (const uint8_t byte : {16, 0, 0, int{PORT}, 0, 9, 0, 0, int{number}})
    out += static_cast<char>(byte);
  return out;
}

TEST(BackgroundStack, carries_traffic_on_its_thread_while_another_one_talks_to_the_node) {
  constexpr int ROUNDS = 20;
  constexpr size_t PACKETS = 200;
  for (int round = 0; round != ROUNDS; round++) {
    posix::TemporaryDir dir;
    EchoEnd end;
    Script script;
    script.snapshot.state = State::ONLINE;
    size_t answers = 0;
    const auto send = [&script](uint8_t number) { script.act({.kind = Action::Kind::OVERLAY}, datagram(number)); };
    script.on_input = [&](const SeenInput &input) {
      if (input.kind == Input::Kind::START) {
        script.act({.kind = Action::Kind::SELF_ADDRESSES}, {}, {}, {{*parse_ip("100.64.0.1"), 0}});
        send(0);
      }
      if (input.kind != Input::Kind::OVERLAY || input.bytes.size() != 29)
        return;
      EXPECT_EQ(static_cast<uint8_t>(input.bytes.back()), static_cast<uint8_t>(answers));
      if (++answers == PACKETS)
        script.events.push_back({.kind = Event::Kind::ADDRESSES_CHANGED});
      else
        send(static_cast<uint8_t>(answers));
    };
    posix::NodeOptions options;
    options.state_dir = dir / "s";
    posix::Background node;
    ASSERT_EQ(node.start(options, posix::scripted_factory(script), {}, &end, nullptr), "");
    const Instant limit = posix::monotonic_now() + seconds(30);
    for (bool done = false; !done;) {
      ASSERT_LT(posix::monotonic_now(), limit) << "round " << round;
      posix::Snapshot snapshot;
      (void) node.take_snapshot(snapshot);
      (void) node.post({posix::Command::Kind::NETCHECK});
      while (const auto event = node.take_event())
        done |= event->kind == Event::Kind::ADDRESSES_CHANGED;
      std::this_thread::yield();
    }
    node.stop();
    EXPECT_EQ(answers, PACKETS);
  }
}

}  // namespace
}  // namespace microlink::lwip
