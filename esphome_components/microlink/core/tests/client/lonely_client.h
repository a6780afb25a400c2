// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "microlink/client.h"

namespace microlink::testing {

using Records = std::map<Record, std::vector<uint8_t>>;

/// A client that never reaches anybody, started with these records; what it stores and wants of its port.
class LonelyClient {
 public:
  static constexpr std::string_view CONTROL_URL = "https://control.test";

  explicit LonelyClient(std::string allowed_peers, Records stored = {})
      : allowed_peers_(std::move(allowed_peers)), records(std::move(stored)) {
    this->config_.control_url = CONTROL_URL;
    this->config_.allowed_peers = this->allowed_peers_;
    this->client.emplace(this->config_, TrustStore{}, nullptr);
    for (auto [record, bytes] : Records(this->records)) {  // some may be erased meanwhile
      Input input{.kind = Input::Kind::RECORD, .record = record};
      input.bytes = bytes;
      this->feed(input);
    }
    Bytes<32> seed{};
    Input input{.kind = Input::Kind::SEED};
    input.bytes = seed;
    this->feed(input);
    this->dialled_before_start = this->dialled;
    this->feed({.kind = Input::Kind::START});
  }
  void feed(const Input &input) {
    this->client->handle(Instant{1}, input);
    this->drain();
  }
  void drain() {
    Bytes<SCRATCH_BYTES> scratch;
    while (const auto action = this->client->poll_action(Instant{1}, scratch)) {
      if (action->kind == Action::Kind::STORE)
        this->records[action->record] = {action->bytes.begin(), action->bytes.end()};
      else if (action->kind == Action::Kind::ERASE)
        this->records.erase(action->record);
      else if (action->kind == Action::Kind::SELF_ADDRESSES)
        this->addresses.assign(action->endpoints.begin(), action->endpoints.end());
      else if (action->kind == Action::Kind::OPEN_STREAM)
        this->dialled += std::string(action->host) + " ";
    }
  }

 private:
  const std::string allowed_peers_;
  Config config_;

 public:
  std::optional<Client> client;
  Records records;
  std::vector<Endpoint> addresses;
  std::string dialled;  ///< hosts
  std::string dialled_before_start;
};

}  // namespace microlink::testing
