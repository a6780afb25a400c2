// SPDX-License-Identifier: MIT
/// Wi-Fi and Ethernet come and go.
#include "microlink/port/esp_idf/underlays.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "microlink/port/chip/udp.h"
#include "microlink/port/lwip/overlay_netif.h"
#include "tests/port/esp_idf/cable.h"
#include "tests/port/esp_idf/fake_idf/interface.h"
#include "tests/port/esp_idf/programs.h"
#include "tests/port/esp_idf/stack.h"

namespace microlink::chip_test {
namespace {

using esp_idf::Underlays;
using esp_idf::Wake;
using fake_idf::Interface;

const IpAddress WIFI = IpAddress::v4(192, 168, 4, 2);
const IpAddress ETHERNET = IpAddress::v4(10, 0, 0, 2);
const IpAddress OWN_ACCESS_POINT = IpAddress::v4(172, 16, 0, 1);
const Endpoint WORLD{IpAddress::v4(203, 0, 113, 9), 41641};

using Addresses = std::vector<IpAddress>;

Addresses addresses() {
  std::array<IpAddress, 8> out;
  const size_t count = Underlays::addresses(out);
  return {out.begin(), out.begin() + static_cast<ptrdiff_t>(count)};
}

class ChipUnderlays : public OnLwip {
 protected:
  ChipUnderlays() {
    EXPECT_TRUE(this->wake.open());
    this->underlays.open(this->overlay.get());
    (void) this->hears();
  }
  /// Whether there was news since the last time, which also wakes.
  bool hears() {
    const bool heard = this->underlays.take_change();
    if (heard) {
      EXPECT_TRUE(is_readable(this->wake.socket()));
      this->wake.clear();
    }
    return heard;
  }

  Interface wifi{"st", 100, WIFI};
  Interface ethernet{"en", 50, ETHERNET};
  lwip::OverlayNetif overlay;
  Wake wake;
  Underlays underlays{wake};
};

TEST_F(ChipUnderlays, are_told_with_the_preferred_one_first_whatever_came_first) {
  EXPECT_EQ(addresses(), (Addresses{WIFI, ETHERNET}));
  const Interface modem("pp", 75, IpAddress::v4(100, 70, 0, 9));
  EXPECT_EQ(addresses(), (Addresses{WIFI, IpAddress::v4(100, 70, 0, 9), ETHERNET}));
  const Interface twin("e2", 100, IpAddress::v4(10, 0, 1, 2));
  EXPECT_EQ(addresses().size(), 4U);
}

TEST_F(ChipUnderlays, fail_over_and_back) {
  this->wifi.set_up(false);
  EXPECT_TRUE(this->hears());
  EXPECT_EQ(addresses(), (Addresses{ETHERNET}));
  this->ethernet.set_up(false);
  EXPECT_TRUE(this->hears());
  EXPECT_EQ(addresses(), (Addresses{}));
  this->ethernet.set_up(true);
  this->wifi.set_up(true);
  EXPECT_TRUE(this->hears());
  EXPECT_EQ(addresses(), (Addresses{WIFI, ETHERNET}));
  EXPECT_FALSE(this->hears());
}

TEST_F(ChipUnderlays, one_socket_goes_on_over_whichever_is_up) {
  struct Nobody final : posix::InputSink {
    void feed(const Input &) override {}
  } nobody;
  chip::Udp udp(nobody);
  ASSERT_TRUE(udp.open(0));
  EXPECT_EQ(udp.port_v4(), udp.port_v6());
  const auto say = [&] { udp.send(WORLD, as_bytes("anybody there?")); };
  say();
  EXPECT_EQ(this->wifi.sent_from(WIFI), 1U);
  this->wifi.set_up(false);
  say();
  EXPECT_EQ(this->ethernet.sent_from(ETHERNET), 1U);
  this->wifi.set_up(true);
  say();
  EXPECT_EQ(this->wifi.sent_from(WIFI), 2U);
}

TEST_F(ChipUnderlays, a_new_address_is_news) {
  const IpAddress moved = IpAddress::v4(192, 168, 4, 77);
  this->wifi.set_address(moved);
  EXPECT_TRUE(this->hears());
  EXPECT_EQ(addresses(), (Addresses{moved, ETHERNET}));
}

TEST_F(ChipUnderlays, an_access_point_of_ones_own_leads_nowhere) {
  const Interface access_point("ap", 200, OWN_ACCESS_POINT, ESP_NETIF_DHCP_SERVER);
  EXPECT_EQ(addresses(), (Addresses{WIFI, ETHERNET}));
}

TEST_F(ChipUnderlays, the_overlay_itself_is_no_news) {
  struct Nobody final : lwip::OverlayNetif::Sink {
    bool send(const pbuf &) override { return true; }
  } nobody;
  on_lwip([&] {
    this->overlay.open(nobody);
    this->overlay.set_addresses(std::array{Endpoint{FIRST_V4, 0}, Endpoint{FIRST_V6, 0}});
    this->overlay.set_addresses({});
    this->overlay.close();
  });
  EXPECT_FALSE(this->hears());
}

TEST_F(ChipUnderlays, nothing_is_heard_after_it_was_closed) {
  this->underlays.close();
  this->wifi.set_up(false);
  EXPECT_FALSE(this->hears());
  this->underlays.close();
  this->underlays.open(this->overlay.get());
  this->wifi.set_up(true);
  EXPECT_TRUE(this->hears());
}

TEST_F(ChipUnderlays, fewer_are_told_when_there_is_less_room) {
  std::array<IpAddress, 1> one;
  EXPECT_EQ(Underlays::addresses(one), 1U);
  EXPECT_EQ(one[0], WIFI);
}

}  // namespace
}  // namespace microlink::chip_test
