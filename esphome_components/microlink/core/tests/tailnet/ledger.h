// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "microlink/base/time.h"
#include "microlink/keys/keys.h"
#include "microlink/wireguard/messages.h"

namespace microlink::tailnet {

/// What was given to the nodes' tunnels and what came out: each packet at most once, unaltered, from whom it says.
class Ledger {
 public:
  /// A UDP packet from one host's tailnet address to another's, with a number of its own and `size` bytes of IP.
  std::string make(size_t from, size_t to, size_t size);
  /// What a host's overlay interface got. Fails the test if it was not sent to it, or came before.
  void deliver(size_t to, const std::string &packet);
  /// Whether the newest packet from one host to another came.
  bool has_newest(size_t from, size_t to) const;
  /// The host that a packet says it comes from.
  static size_t source_of(const std::string &packet);

  size_t sent() const { return this->packets_.size(); }
  size_t delivered() const { return this->delivered_; }

 private:
  struct Entry {
    size_t from, to, size;
    unsigned times{0};
  };
  std::vector<Entry> packets_;
  std::map<std::pair<size_t, size_t>, size_t> newest_;
  size_t delivered_{0};
};

/// Reads along what nodes send to each other, as nobody else can: it knows the private keys.
class WireWatch {
 public:
  /// A WireGuard message on its way from the owner of `from` to that of `to`. Fails the test for a nonce that seals two
  /// different packets, for a timestamp that is in two initiations, and for an initiation whose timestamp is not newer
  /// than all before it on the same way (0, or the relay's region: one that waits for a relay may be overtaken).
  void see(Instant now, uint16_t way, const NodePublic &from, const NodePrivate &to, const std::string &message);

  size_t data() const { return this->data_; }
  size_t handshakes() const { return this->handshakes_; }

 private:
  struct Session {
    std::map<uint64_t, size_t> hashes;
    Instant used;
  };
  void see_data_(Instant now, const std::pair<std::string, std::string> &who, const std::string &message);
  void see_initiation_(uint16_t way, const NodePublic &from, const NodePrivate &to, const std::string &message);

  std::map<std::pair<std::string, std::string>, std::map<uint32_t, Session>> sessions_;
  std::map<std::pair<std::string, std::string>, std::map<uint16_t, wireguard::Timestamp>> newest_;  ///< on each way
  std::map<std::pair<std::string, std::string>, std::set<wireguard::Timestamp>> timestamps_;
  std::set<std::string> initiations_;  ///< one may go on two ways
  size_t data_{0};
  size_t handshakes_{0};
};

}  // namespace microlink::tailnet
