// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "microlink/client/core.h"

namespace microlink::testing {

namespace {

void show(const char *what, size_t bytes) { std::printf("%-24s %6zu\n", what, bytes); }

/// The 32-bit numbers of docs/memory.md come from script/memory, which lays 64-bit numbers out as the chips do.
TEST(Sizes, of_the_parts) {
  show("client::Core", sizeof(client::Core));
  show("control::Session", sizeof(control::Session));
  show("client::Relays", sizeof(client::Relays));
  show("wireguard::Tunnel", sizeof(wireguard::Tunnel));
  show("magicsock::Magicsock", sizeof(magicsock::Magicsock));
  show("netmap::Netmap", sizeof(netmap::Netmap));
  show("filter::Filter", sizeof(filter::Filter));
  show("client::Stream", sizeof(client::Stream));
  show("Config", sizeof(Config));
  show("CLIENT_BUDGET_BYTES", CLIENT_BUDGET_BYTES);
  EXPECT_LE(sizeof(client::Core), CLIENT_BUDGET_BYTES + (sizeof(void *) == 4 ? 0 : 4'000));  // pointers of 64 bits
}

/// As the client writes it, with the longest that Config and the capacities allow.
TEST(Sizes, the_longest_request_fits) {
  const Config config;
  const std::string hostname(config.hostname.CAPACITY, 'h'), os(config.os.CAPACITY, 'o');
  const std::string model(config.device_model.CAPACITY, '"');  // two bytes each
  const std::vector<tailcfg::Tag> tags(4, tailcfg::Tag(std::string(MAX_TAG_BYTES, 't')));
  const std::vector<tailcfg::OwnEndpoint> endpoints(
      MAX_OWN_ENDPOINTS,
      {*parse_endpoint("[2001:db8:1111:2222:3333:4444:5555:6666]:65535"), tailcfg::EndpointType::EXPLICIT});
  tailcfg::MapRequest map;
  map.hostinfo.hostname = hostname;
  map.hostinfo.os = os;
  map.hostinfo.device_model = model;
  map.hostinfo.app = "microlink";
  map.hostinfo.ipn_version = "1.100.100-microlink";
  map.hostinfo.request_tags = tags;
  map.hostinfo.net_info.preferred_derp = UINT16_MAX;
  map.hostinfo.net_info.working_udp = map.hostinfo.net_info.mapping_varies = false;
  map.endpoints = endpoints;
  map.stream = true;
  Bytes<control::Session::MAX_REQUEST_BYTES> room;
  const auto map_bytes = map.write(room);
  ASSERT_TRUE(map_bytes);
  tailcfg::RegisterRequest registration;
  registration.hostinfo = map.hostinfo;
  const std::string auth_key(control::Session::MAX_AUTH_KEY_BYTES, 'k'), url(MAX_URL_BYTES, 'u');
  registration.auth_key = auth_key;
  registration.followup = url;
  registration.old_node_key.bytes[0] = 1;
  const auto register_bytes = registration.write(room);
  ASSERT_TRUE(register_bytes);
  std::printf("longest requests: map %zu, registration %zu of %zu bytes\n", *map_bytes, *register_bytes, room.size());
}

}  // namespace

}  // namespace microlink::testing
