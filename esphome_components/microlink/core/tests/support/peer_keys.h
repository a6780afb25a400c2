// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <set>

#include "microlink/capacity.h"
#include "microlink/keys/peer_keys.h"

namespace microlink::testing {

/// Keys of a table of peers, as the netmap keeps them.
class PeerKeyTable final : public PeerKeys {
 public:
  void set(size_t slot, const NodePublic &node, const DiscoPublic &disco = {}) {
    Row &row = this->rows_.at(slot);
    if (row.node != node)
      row.versions.node++;
    if (row.disco != disco)
      row.versions.disco++;
    row.node = node;
    row.disco = disco;
  }
  void clear(size_t slot) { this->set(slot, {}); }

  const NodePublic &node_key(size_t slot) const override { return this->rows_.at(slot).node; }
  const DiscoPublic &disco_key(size_t slot) const override { return this->rows_.at(slot).disco; }
  KeyVersions key_versions(size_t slot) const override { return this->rows_.at(slot).versions; }
  bool is_overlay_address(const IpAddress &address) const override { return this->overlay.contains(address); }

  std::set<IpAddress> overlay;  ///< addresses inside the tailnet

 private:
  struct Row {
    NodePublic node{};
    DiscoPublic disco{};
    KeyVersions versions{};
  };
  std::array<Row, MAX_PEERS> rows_{};
};

}  // namespace microlink::testing
