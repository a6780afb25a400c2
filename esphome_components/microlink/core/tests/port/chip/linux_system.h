// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "microlink/port/chip/system.h"
#include "microlink/port/posix/clock.h"
#include "microlink/port/posix/sockets.h"

namespace microlink::chip {

/// A chip's system on Linux, with everything in the test's hands but the sockets and the time.
class LinuxSystem final : public System {
 public:
  LinuxSystem() {
    int ends[2];
    (void) ::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends);
    this->wake_[0] = Socket(ends[0]);
    this->wake_[1] = Socket(ends[1]);
  }

  Instant now() override { return posix::monotonic_now(); }
  WallTime wall_now() override { return this->wall; }
  bool fill_random(ByteSpan out) override {
    for (size_t i = 0; i != out.size(); i++)
      out[i] = static_cast<uint8_t>(i * 7 + 1);
    return true;
  }
  Result<size_t> load(Record record, ByteSpan out) override {
    if (record == this->unreadable)
      return Error::MALFORMED;
    const auto found = this->records.find(record);
    return found == this->records.end() ? size_t{0} : copy(found->second, out);
  }
  Error store(Record record, ByteView bytes) override {
    this->records[record] = {bytes.begin(), bytes.end()};
    return Error::NONE;
  }
  Error erase(Record record) override {
    this->records.erase(record);
    return Error::NONE;
  }
  size_t local_addresses(std::span<IpAddress> out) override {
    std::copy(this->addresses.begin(), this->addresses.end(), out.begin());
    return this->addresses.size();
  }
  bool take_network_change() override { return std::exchange(this->network_changed, false); }
  bool resolve(uint32_t token, std::string_view host) override {
    if (this->refuses_names) {
      this->refused_names++;
      return false;
    }
    this->resolved++;
    this->answers.push_back({.token = token, .host = host, .addresses = {}});
    for (const IpAddress &address : this->names[std::string(host)])
      (void) this->answers.back().addresses.push_back(address);
    this->wake_up();
    return true;
  }
  std::optional<Answer> take_answer() override {
    if (this->answers.empty())
      return std::nullopt;
    const Answer out = this->answers.front();
    this->answers.pop_front();
    return out;
  }
  void set_overlay_addresses(std::span<const Endpoint> given) override {
    this->overlay_addresses.assign(given.begin(), given.end());
  }
  void write_overlay(ByteView) override {}
  size_t read_overlay(ByteSpan out) override {
    if (this->outgoing.empty())
      return 0;
    const size_t size = copy(this->outgoing.front(), out);
    this->outgoing.pop_front();
    return size;
  }
  void wake_up() override { (void) ::send(this->wake_[1].get(), "", 1, MSG_NOSIGNAL); }
  const Socket &wake_socket() const override { return this->wake_[0]; }
  void clear_wake() override {
    char byte;
    while (::recv(this->wake_[0].get(), &byte, 1, 0) >= 0) {
    }
  }

  WallTime wall{WallTime::UNKNOWN};
  Record unreadable{Record::COUNT};
  std::map<Record, std::vector<uint8_t>> records;
  std::vector<IpAddress> addresses{*parse_ip("127.0.0.1")};
  bool network_changed{false};
  bool refuses_names{false};
  size_t refused_names{0}, resolved{0};
  std::map<std::string, std::vector<IpAddress>> names;
  std::deque<Answer> answers;
  std::vector<Endpoint> overlay_addresses;
  std::deque<std::vector<uint8_t>> outgoing;

 private:
  Socket wake_[2];
};

}  // namespace microlink::chip
