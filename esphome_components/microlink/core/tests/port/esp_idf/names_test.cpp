// SPDX-License-Identifier: MIT
/// Host names through lwIP's resolver, with a name server in the same lwIP.
#include "microlink/port/esp_idf/names.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "lwip/dns.h"
#include "microlink/port/lwip/overlay_netif.h"
#include "microlink/port/posix/sockets.h"
#include "tests/port/esp_idf/fake_idf/interface.h"
#include "tests/port/esp_idf/fake_idf/memory.h"
#include "tests/port/esp_idf/programs.h"
#include "tests/port/esp_idf/stack.h"

namespace microlink::chip_test {
namespace {

using esp_idf::Names;
using esp_idf::Wake;

const IpAddress OWN = IpAddress::v4(192, 168, 4, 2);
const IpAddress FOUND = IpAddress::v4(203, 0, 113, 9);

/// Answers when the test says so.
class NameServer {
 public:
  NameServer() : socket_(socket_at(SOCK_DGRAM, {OWN, 53})) {
    on_lwip([] {
      const ip_addr_t address = lwip::to_lwip(OWN);
      dns_setserver(0, &address);
    });
  }
  /// Wait for a question; unset: there is no such name.
  void answer(const IpAddress &address) {
    uint8_t bytes[512];
    sockaddr_storage from{};
    socklen_t length = sizeof(from);
    auto *to = reinterpret_cast<sockaddr *>(&from);
    auto size = ::recvfrom(this->socket_.get(), bytes, sizeof(bytes) - 16, 0, to, &length);
    ASSERT_GT(size, 12);
    bytes[2] = 0x81;
    bytes[3] = address.is_set() ? 0x80 : 0x83;
    if (address.is_set()) {
      bytes[7] = 1;
      const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4};
      size = std::copy(std::begin(record), std::end(record), bytes + size) - bytes;
      size = std::copy(address.raw().begin(), address.raw().end(), bytes + size) - bytes;
    }
    EXPECT_EQ(::sendto(this->socket_.get(), bytes, static_cast<size_t>(size), 0, to, length), size);
  }

 private:
  chip::Socket socket_;
};

class ChipNames : public OnLwip {
 protected:
  ChipNames() {
    EXPECT_TRUE(wake().open());
    wake().clear();
  }
  ~ChipNames() override { wake().close(); }
  // lwIP cannot forget a question, so they live as long as it does.
  static Wake &wake() {
    static auto &wake = *new Wake;
    return wake;
  }
  static Names &names() {
    static auto &names = *new Names(wake());
    return names;
  }
  /// The next answer, when it comes and wakes.
  static chip::Answer take() {
    std::optional<chip::Answer> out = names().take();
    const bool came = wait_until([&] {
      if (out)
        return true;
      (void) is_readable(wake().socket());
      wake().clear();
      out = names().take();
      return out.has_value();
    });
    EXPECT_TRUE(came);
    return out.value_or(chip::Answer{});
  }
  /// Never asked before: lwIP remembers answers.
  static std::string fresh_name() {
    static int number = 0;
    return "host-" + std::to_string(number++) + ".example";
  }

  fake_idf::Interface interface{"st", 100, OWN};
  NameServer server;
};

TEST_F(ChipNames, are_resolved_while_the_task_goes_on) {
  const std::string name = fresh_name();
  EXPECT_TRUE(names().ask(7, name));
  EXPECT_FALSE(names().take());  // nobody has answered yet
  this->server.answer(FOUND);
  const chip::Answer answer = take();
  EXPECT_EQ(answer.token, 7U);
  EXPECT_EQ(answer.host.view(), name);
  ASSERT_EQ(answer.addresses.size(), 1U);
  EXPECT_EQ(answer.addresses[0], FOUND);
  // Remembered: no question is asked.
  EXPECT_TRUE(names().ask(8, name));
  EXPECT_EQ(take().addresses.size(), 1U);
}

TEST_F(ChipNames, that_do_not_exist_are_answered_without_addresses) {
  const std::string name = fresh_name();
  EXPECT_TRUE(names().ask(1, name));
  this->server.answer({});
  const chip::Answer answer = take();
  EXPECT_EQ(answer.token, 1U);
  EXPECT_EQ(answer.host.view(), name);
  EXPECT_TRUE(answer.addresses.empty());
}

TEST_F(ChipNames, are_refused_at_once_when_too_many_are_asked_for) {
  {
    const HeldLwip held;
    for (uint32_t i = 0; i != 2 * Names::MAX_QUESTIONS; i++)
      EXPECT_EQ(names().ask(i, "203.0.113.9"), i < Names::MAX_QUESTIONS);
    EXPECT_FALSE(names().take());
  }
  for (size_t i = 0; i != Names::MAX_QUESTIONS; i++)
    EXPECT_EQ(take().addresses.size(), 1U);
}

TEST_F(ChipNames, that_are_answered_after_the_node_stopped_hurt_nobody) {
  EXPECT_TRUE(names().ask(5, fresh_name()));
  wake().close();
  this->server.answer(FOUND);
  ASSERT_TRUE(wait_until([] { return names().take().has_value(); }));
  ASSERT_TRUE(wake().open());
}

TEST_F(ChipNames, are_not_found_when_lwip_has_no_memory_for_the_question) {
  fake_idf::fail_allocation(0);
  EXPECT_TRUE(names().ask(3, fresh_name()));
  const chip::Answer answer = take();
  EXPECT_TRUE(fake_idf::stop_failing());
  EXPECT_EQ(answer.token, 3U);
  EXPECT_TRUE(answer.addresses.empty());
}

}  // namespace
}  // namespace microlink::chip_test
