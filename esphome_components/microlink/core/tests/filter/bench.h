// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "microlink/filter/filter.h"
#include "microlink/tailcfg/map_parser.h"
#include "tests/tailcfg/stream.h"

namespace microlink::filter::testing {

using microlink::testing::framed;

struct Table : PeerAddresses {
  std::array<IpAddress, 2 * MAX_PEERS> addresses{};
  IpAddress address(size_t slot, bool v6) const override { return this->addresses[2 * slot + (v6 ? 1 : 0)]; }
  void set(size_t slot, const char *text) {
    const auto address = *parse_ip(text);
    this->addresses[2 * slot + (address.is_v4() ? 0 : 1)] = address;
  }
};

/// A filter behind a map parser, as in the client.
struct Bench : tailcfg::MapSink {
  Table table;
  Filter filter{table};
  tailcfg::MapParser parser{*this};

  void message_begin() override { this->filter.message_begin(); }
  void message_end(bool keep_alive) override { this->filter.message_end(keep_alive); }
  void aborted() override { this->filter.aborted(); }
  void self_node(const tailcfg::Node &node) override { this->filter.self_node(node); }
  void filters_begin() override { this->filter.filters_begin(); }
  void filters_clear() override { this->filter.filters_clear(); }
  void filter_removed(std::string_view name) override { this->filter.filter_removed(name); }
  void filter_begin(std::string_view name) override { this->filter.filter_begin(name); }
  void filter_end() override { this->filter.filter_end(); }
  void rule_begin() override { this->filter.rule_begin(); }
  void rule_source(const tailcfg::AddressRange &source) override { this->filter.rule_source(source); }
  void rule_source_capability(std::string_view name) override { this->filter.rule_source_capability(name); }
  void rule_destination(const tailcfg::AddressRange &to, tailcfg::PortRange ports) override {
    this->filter.rule_destination(to, ports);
  }
  void rule_protocol(uint8_t protocol) override { this->filter.rule_protocol(protocol); }
  void rule_end(bool valid, bool poisoned) override { this->filter.rule_end(valid, poisoned); }

  void feed(const std::string &json) {
    const std::string stream = framed(json);
    ASSERT_EQ(this->parser.handle_bytes(as_bytes(stream)), Error::NONE) << json;
  }
  void feed_self(const char *v4 = "100.64.0.1", const char *v6 = "fd7a:115c:a1e0::1") {
    this->feed(std::string(R"({"Node":{"ID":1,"Addresses":[")") + v4 + R"(/32",")" + v6 + R"(/128"]}})");
  }
  /// A TCP SYN from `source` to port 80 of the own address of that family.
  bool lets_in(const char *source, uint16_t port = 80);
};

inline std::vector<uint8_t> packet(const char *from, const char *to, uint8_t protocol, uint16_t from_port,
                                   uint16_t to_port, uint8_t flags = ip::TCP_SYN) {
  const auto source = *parse_ip(from);
  const auto destination = *parse_ip(to);
  std::vector<uint8_t> out;
  if (source.is_v4()) {
    out = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0};
  } else {
    out = {0x60, 0, 0, 0, 0, 20, protocol, 64};
  }
  out.insert(out.end(), source.raw().begin(), source.raw().end());
  out.insert(out.end(), destination.raw().begin(), destination.raw().end());
  const std::vector<uint8_t> transport = {static_cast<uint8_t>(from_port >> 8),
                                          static_cast<uint8_t>(from_port),
                                          static_cast<uint8_t>(to_port >> 8),
                                          static_cast<uint8_t>(to_port),
                                          0,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0x50,
                                          flags,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0,
                                          0};
  out.insert(out.end(), transport.begin(), transport.end());
  return out;
}

inline bool Bench::lets_in(const char *source, uint16_t port) {
  const bool v6 = std::string_view(source).find(':') != std::string_view::npos;
  return this->filter.check_inbound(packet(source, v6 ? "fd7a:115c:a1e0::1" : "100.64.0.1", ip::TCP, 1000, port))
      .accept;
}

}  // namespace microlink::filter::testing
