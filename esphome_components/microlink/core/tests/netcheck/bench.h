// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "microlink/netcheck/netcheck.h"
#include "tests/support/seeded_random.h"

namespace microlink::netcheck {

using State = Netcheck::State;
using Kind = Event::Kind;

inline tailcfg::DerpRegion region(uint16_t id, const char *ipv4 = nullptr, const char *host = "") {
  tailcfg::DerpRegion out;
  out.id = id;
  tailcfg::DerpNode node;
  node.host_name = std::string_view(host);
  node.no_ipv6 = true;
  if (ipv4 != nullptr)
    node.ipv4 = *parse_ip(ipv4);
  (void) out.nodes.push_back(node);
  return out;
}

/// One engine and servers that answer after a set time for each address.
struct Bench {
  struct Server {
    Duration round_trip;
    Endpoint seen_as;
  };
  struct Pending {
    Instant at;
    std::vector<uint8_t> bytes;
  };

  Bench() : check(random) {}

  void serve(const char *address, Duration round_trip, const char *seen_as = "192.0.2.9:4000") {
    servers[*parse_ip(address)] = {round_trip, *parse_endpoint(seen_as)};
  }

  void pump() {
    while (const auto event = check.poll_event()) {
      events.push_back(*event);
      if (event->kind == Kind::RESOLVE)
        asked.emplace_back(event->host);
      if (event->kind == Kind::HOME_CHOSEN)
        homes.emplace_back(now, event->region);
    }
    Bytes<stun::REQUEST_BYTES> out{};
    while (const auto transmit = check.poll_transmit(now, out)) {
      sent.push_back(transmit->to);
      const auto server = servers.find(transmit->to.address);
      if (server == servers.end())
        continue;
      std::vector<uint8_t> answer(32);
      Writer writer(answer);
      writer.u16be(0x0101).u16be(12).u32be(0x2112A442).bytes(ByteView(out).subspan(8, 12));
      const Endpoint &seen = server->second.seen_as;
      writer.u16be(1).u16be(8).u16be(1).u16be(seen.port).bytes(seen.address.raw());
      pending.push_back({now + server->second.round_trip, answer});
    }
  }

  void run_for(Duration duration) {
    const Instant end = now + duration;
    pump();
    while (true) {
      Instant next = check.next_timeout();
      for (const Pending &packet : pending)
        next = earlier(next, packet.at);
      if (next > end)
        break;
      now = std::max(now, next);
      for (size_t i = 0; i != pending.size(); i++) {
        if (pending[i].at > now)
          continue;
        const auto bytes = pending[i].bytes;
        pending.erase(pending.begin() + static_cast<ptrdiff_t>(i));
        last_error = check.handle_datagram(now, bytes);
        break;
      }
      check.handle_timeout(now);
      pump();
      ASSERT_LT(++steps, 200000U) << "does not sleep";
    }
    now = end;
  }

  size_t count(Kind kind) const {
    size_t n = 0;
    for (const Event &event : events)
      n += event.kind == kind ? 1 : 0;
    return n;
  }

  void set_regions(std::vector<tailcfg::DerpRegion> list) {
    std::vector<tailcfg::PackedRegion> packed(list.begin(), list.end());
    map.swap(packed);  // the engine does not copy it
    check.set_regions(now, map);
    pump();
  }
  void begin(std::vector<tailcfg::DerpRegion> list, bool ipv4 = true, bool ipv6 = false) {
    check.set_families(now, ipv4, ipv6);
    set_regions(std::move(list));
  }

  testing::SeededRandom random{42};
  std::vector<tailcfg::PackedRegion> map;
  Netcheck check;
  Instant now{1'000'000};
  std::map<IpAddress, Server> servers;
  std::vector<Pending> pending;
  std::vector<Event> events;
  std::vector<std::string> asked;
  std::vector<std::pair<Instant, uint16_t>> homes;
  std::vector<Endpoint> sent;
  Error last_error{Error::NONE};
  size_t steps{0};
};

}  // namespace microlink::netcheck
