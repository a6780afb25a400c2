// SPDX-License-Identifier: MIT
#include "tests/port/esp_idf/servers.h"

#include <algorithm>
#include <set>

#include "tests/support/control_server.h"
#include "tests/support/relay_connection.h"
#include "tests/tls/certificates.h"

namespace microlink::chip_test {

using testing::ControlServer;
using testing::RelayConnection;

namespace {

class ControlEnd final : public Servers::Connection {
 public:
  ControlEnd(ControlServer &server, std::set<ControlEnd *> &all) : connection_(server), all_(all) { all.insert(this); }
  ~ControlEnd() override { this->all_.erase(this); }
  void handle(const std::string &bytes) override { this->connection_.handle(bytes); }
  std::string take() override { return this->connection_.take(); }
  bool is_streaming() const { return this->connection_.is_streaming(); }
  /// Once each.
  void tell(const std::string &map) {
    if (!this->is_streaming() || map == this->told_)
      return;
    this->told_ = map;
    this->connection_.send_map(map);
  }
  void keep_alive() {
    if (this->is_streaming())
      this->connection_.send_map(R"({"KeepAlive":true})");
  }

 private:
  ControlServer::Connection connection_;
  std::set<ControlEnd *> &all_;
  std::string told_;
};

class RelayEnd final : public Servers::Connection {
 public:
  explicit RelayEnd(std::set<RelayEnd *> &all) : all_(all) { all.insert(this); }
  ~RelayEnd() override { this->all_.erase(this); }
  void handle(const std::string &bytes) override {
    this->connection_.handle(bytes, [this](const std::string &to, const std::string &packet) {
      for (RelayEnd *each : this->all_) {
        if (each->connection_.node_key() == to)
          each->connection_.deliver(this->connection_.node_key(), packet);
      }
    });
  }
  std::string take() override { return this->connection_.take(); }
  bool is_logged_in() const { return this->connection_.is_logged_in(); }
  void keep_alive() {
    if (this->is_logged_in())
      this->connection_.keep_alive();
  }

 private:
  RelayConnection connection_;
  std::set<RelayEnd *> &all_;
};

std::string list_member(const std::string &json, const std::string &name, const std::string &otherwise) {
  const std::string key = "\"" + name + "\":[";
  const size_t at = json.find(key);
  return at == std::string::npos ? otherwise
                                 : json.substr(at + key.size() - 1, json.find(']', at) + 2 - at - key.size());
}

}  // namespace

struct Servers::State {
  std::string relay_address;
  unsigned relay_port;
  ControlServer control[NODES]{ControlServer{1}, ControlServer{2}};
  std::string endpoints[NODES]{"[]", "[]"};
  std::set<ControlEnd *> controls[NODES];
  std::set<RelayEnd *> relays;

  std::string node(size_t index) const {
    const std::string id = std::to_string(index + 1);
    return "{\"ID\":" + id + ",\"Name\":\"node-" + id + ".tail1234.ts.net.\",\"Key\":\"" + control[index].node_key +
           "\",\"DiscoKey\":\"" + control[index].disco_key + R"(","Addresses":["100.64.0.)" + id +
           "/32\",\"fd7a:115c:a1e0::" + id + "/128\"],\"Endpoints\":" + endpoints[index] +
           R"(,"HomeDERP":1,"Cap":131,"MachineAuthorized":true,"Online":true})";
  }
  std::string map_for(size_t index) const {
    const size_t other = 1 - index;
    return "{\"Node\":" + node(index) + ",\"Peers\":[" + (control[other].disco_key.empty() ? "" : node(other)) +
           R"(],"DERPMap":{"Regions":{"1":{"RegionID":1,"RegionCode":"one","Nodes":[{"Name":"1a","RegionID":1,)" +
           R"("HostName":"relay.example","IPv4":")" + relay_address + R"(","DERPPort":)" + std::to_string(relay_port) +
           R"(,"STUNPort":-1}]}}},"Domain":"example.com","DNSConfig":{"Proxied":true,"Domains":["tail1234.ts.net"]},)" +
           R"("PacketFilter":[{"SrcIPs":["*"],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]}]})";
  }
};

Servers::Servers(const std::string &relay_address, unsigned relay_port)
    : state_(new State{.relay_address = relay_address, .relay_port = relay_port}) {
  for (size_t i = 0; i != NODES; i++) {
    std::string &endpoints = this->state_->endpoints[i];
    this->state_->control[i].hear_map_request = [&endpoints](const std::string &body, bool) {
      endpoints = list_member(body, "Endpoints", endpoints);
    };
  }
}

Servers::~Servers() = default;

std::unique_ptr<Servers::Connection> Servers::open(Kind kind) {
  if (kind == Kind::RELAY)
    return std::make_unique<RelayEnd>(this->state_->relays);
  const size_t node = kind == Kind::CONTROL_OF_FIRST ? 0 : 1;
  return std::make_unique<ControlEnd>(this->state_->control[node], this->state_->controls[node]);
}

void Servers::tell_news() {
  for (size_t i = 0; i != NODES; i++) {
    for (ControlEnd *each : this->state_->controls[i])
      each->tell(this->state_->map_for(i));
  }
}

void Servers::keep_alive() {
  for (const auto &ends : this->state_->controls) {
    for (ControlEnd *each : ends)
      each->keep_alive();
  }
  for (RelayEnd *each : this->state_->relays)
    each->keep_alive();
}

size_t Servers::streaming() const {
  size_t out = 0;
  for (const auto &ends : this->state_->controls) {
    for (const ControlEnd *each : ends)
      out += each->is_streaming();
  }
  return out;
}

size_t Servers::relayed() const {
  return static_cast<size_t>(std::ranges::count_if(this->state_->relays, &RelayEnd::is_logged_in));
}

std::string_view relay_ca() { return tls::testing::ROOT; }

}  // namespace microlink::chip_test
