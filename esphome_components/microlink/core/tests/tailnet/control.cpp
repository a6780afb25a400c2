// SPDX-License-Identifier: MIT
// Tailnet, second part: the coordination server.
#include "tests/tailnet/tailnet.h"

namespace microlink::tailnet {

namespace {

/// The value of a member that is a list or a number, wherever it stands; `otherwise` if it is not there.
std::string raw_member(const std::string &json, const std::string &name, const std::string &otherwise) {
  const std::string key = "\"" + name + "\":";
  const size_t at = json.find(key);
  if (at == std::string::npos)
    return otherwise;
  const size_t begin = at + key.size();
  if (json[begin] == '[')
    return json.substr(begin, json.find(']', begin) + 1 - begin);
  return json.substr(begin, json.find_first_of(",}", begin) - begin);
}

std::string address_of(size_t index) { return "100.64.0." + std::to_string(index + 1); }

constexpr char PAST[] = "2029-12-31T00:00:00Z";

}  // namespace

std::string Tailnet::register_(Host &host, const std::string &body) {
  Registered &known = this->registered_[host.index];
  const std::string key = testing::text_member(body, "NodeKey");
  if (known.is_expired && key == known.node_key)
    return R"({"NodeKeyExpired":true,"MachineAuthorized":true})";
  known.node_key = key;
  known.is_expired = false;
  known.is_known = true;
  return R"({"User":{"ID":1},"Login":{"ID":1},"MachineAuthorized":true})";
}

void Tailnet::hear_(Host &host, const std::string &body, bool is_stream) {
  Registered &known = this->registered_[host.index];
  known.disco_key = testing::text_member(body, "DiscoKey");
  if (!is_stream) {  // a streaming request's are not looked at, as the SaaS does it
    known.endpoints = raw_member(body, "Endpoints", known.endpoints);
    known.home = static_cast<unsigned>(std::stoul(raw_member(body, "PreferredDERP", std::to_string(known.home))));
  }
  known.is_removed = false;
  if (is_stream)
    this->tell_filter_(host, this->full_map_(host.index));
  this->tell_others_(host.index, "{\"PeersChanged\":[" + this->node_json_(host.index) + "]}");
}

std::string Tailnet::node_json_(size_t index) const {
  const Registered &known = this->registered_[index];
  const std::string id = std::to_string(index + 1);
  bool online = false;
  for (StreamId stream = 0; stream != MAX_STREAMS; stream++) {
    const Host::Link &link = this->hosts[index]->link(stream);
    online = online || (link.is_open && link.control != nullptr && link.control->is_streaming());
  }
  return "{\"ID\":" + id + ",\"Name\":\"node-" + id + ".tail1234.ts.net.\",\"Key\":\"" + known.node_key +
         "\",\"DiscoKey\":\"" + known.disco_key + "\",\"Addresses\":[\"" + address_of(index) +
         "/32\"],\"Endpoints\":" + known.endpoints + ",\"HomeDERP\":" + std::to_string(known.home) +
         ",\"Cap\":131,\"MachineAuthorized\":true,\"Online\":" + (online ? "true" : "false") +
         (known.is_expired ? std::string(",\"KeyExpiry\":\"") + PAST + "\"" : "") + "}";
}

std::string Tailnet::filter_json_(size_t index) const {
  std::string sources;
  for (size_t other = 0; other != this->hosts.size(); other++) {
    if (other != index && !this->registered_[index].denied.contains(other))
      sources += (sources.empty() ? "\"" : ",\"") + address_of(other) + "\"";
  }
  if (sources.empty())
    return "\"PacketFilter\":[]";
  return "\"PacketFilter\":[{\"SrcIPs\":[" + sources +
         R"(],"DstPorts":[{"IP":"*","Ports":{"First":0,"Last":65535}}]}])";
}

std::string Tailnet::full_map_(size_t index) const {
  std::string peers;
  for (size_t other = 0; other != this->hosts.size(); other++) {
    const Registered &known = this->registered_[other];
    if (other != index && known.is_known && !known.is_removed && !known.disco_key.empty())
      peers += (peers.empty() ? "" : ",") + this->node_json_(other);
  }
  std::string regions;
  for (unsigned region = 1; region <= this->regions_; region++) {
    const std::string id = std::to_string(region);
    regions += (region == 1 ? "\"" : ",\"") + id + "\":{\"RegionID\":" + id + ",\"RegionCode\":\"r" + id +
               "\",\"Nodes\":[{\"Name\":\"" + id + "a\",\"RegionID\":" + id +
               ",\"HostName\":\"relay.example\",\"IPv4\":\"198.51.100." + id + "\",\"IPv6\":\"none\"}]}";
  }
  const int64_t unix_time = to_unix_seconds(WALL_BASE + (this->now - Instant{}));
  char text[32];
  const auto seconds_of_day = static_cast<unsigned>(unix_time - to_unix_seconds(WALL_BASE));
  std::snprintf(text, sizeof(text), "2030-01-%02uT%02u:%02u:%02uZ", 1 + seconds_of_day / 86400,
                seconds_of_day / 3600 % 24, seconds_of_day / 60 % 60, seconds_of_day % 60);
  return "{\"ControlTime\":\"" + std::string(text) + "\",\"Node\":" + this->node_json_(index) + ",\"Peers\":[" + peers +
         "],\"DERPMap\":{\"Regions\":{" + regions + R"(}},"Domain":"example.com","DNSConfig":{"Proxied":true,)" +
         R"("Domains":["tail1234.ts.net"]},)" + this->filter_json_(index) + "}";
}

void Tailnet::tell_(Host &host, const std::string &json) {
  for (StreamId id = 0; id != MAX_STREAMS; id++) {
    Host::Link &link = host.link(id);
    if (!link.is_open || link.control == nullptr || !link.control->is_streaming())
      continue;
    link.control->send_map(json);
    this->flush_(host, id);
  }
}

void Tailnet::tell_others_(size_t index, const std::string &json) {
  for (const auto &host : this->hosts) {
    if (host->index != index && this->registered_[host->index].is_known)
      this->tell_(*host, json);
  }
}

/// A message with a filter: it counts from the moment at which the host has heard it.
void Tailnet::tell_filter_(Host &host, const std::string &json) {
  this->tell_(host, json);
  std::set<size_t> may_send;
  for (size_t other = 0; other != this->hosts.size(); other++) {
    if (!this->registered_[host.index].denied.contains(other))
      may_send.insert(other);
  }
  for (StreamId id = 0; id != MAX_STREAMS; id++) {
    if (const Host::Link &link = host.link(id); link.control != nullptr && link.control->is_streaming())
      this->on_link_(host, id, link.number, [&host, may_send](Host::Link &open) {
        if (open.is_open)
          host.may_send = may_send;
      });
  }
}

void Tailnet::leave(Host &host, bool in_order, bool removed) {
  host.stop(in_order);
  if (!removed)
    return;
  this->registered_[host.index].is_removed = true;
  this->tell_others_(host.index, "{\"PeersRemoved\":[" + std::to_string(host.index + 1) + "]}");
}

void Tailnet::come_back(Host &host) {
  if (!host.is_running())
    host.start();
}

void Tailnet::expire_key(Host &host) {
  if (!host.is_running() || !this->registered_[host.index].is_known)
    return;
  this->registered_[host.index].is_expired = true;
  this->tell_(host, "{\"Node\":" + this->node_json_(host.index) + "}");
  this->tell_others_(host.index, "{\"PeersChanged\":[" + this->node_json_(host.index) + "]}");
}

void Tailnet::allow(Host &from, Host &to, bool allowed) {
  if (allowed)
    this->registered_[to.index].denied.erase(from.index);
  else
    this->registered_[to.index].denied.insert(from.index);
  this->tell_filter_(to, "{" + this->filter_json_(to.index) + "}");
}

bool Tailnet::is_allowed(const Host &from, const Host &to) const {
  return !this->registered_[to.index].denied.contains(from.index);
}

}  // namespace microlink::tailnet
