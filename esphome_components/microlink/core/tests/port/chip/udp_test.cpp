// SPDX-License-Identifier: MIT
#include "microlink/port/chip/udp.h"

#include <gtest/gtest.h>

#include <vector>

namespace microlink::chip {
namespace {

/// A client that sends to another forbidden place when it hears of the first.
struct Sink final : posix::InputSink {
  void feed(const Input &input) override {
    ASSERT_EQ(input.kind, Input::Kind::SEND_FAILED);
    for (const Endpoint &endpoint : input.endpoints)
      this->refused.push_back(endpoint);
    if (this->refused.size() == 1)
      this->udp->send(this->next, as_bytes("x"));
  }
  Udp *udp{nullptr};
  Endpoint next{IpAddress::v4(255, 255, 255, 255), 10};
  std::vector<Endpoint> refused;
};

TEST(ChipUdp, tells_where_the_system_refuses_to_send) {
  Sink sink;
  Udp udp(sink);
  sink.udp = &udp;
  ASSERT_TRUE(udp.open(0));
  const Endpoint forbidden{IpAddress::v4(255, 255, 255, 255), 9};  // broadcasts are not asked for
  udp.send({IpAddress::v4(127, 0, 0, 1), udp.port_v4()}, as_bytes("fine"));
  udp.send(forbidden, as_bytes("x"));
  udp.send(forbidden, as_bytes("x"));
  EXPECT_TRUE(sink.refused.empty()) << "an action is being performed";
  udp.tell_refusals();
  EXPECT_EQ(sink.refused, (std::vector<Endpoint>{forbidden, sink.next}));
}

}  // namespace
}  // namespace microlink::chip
