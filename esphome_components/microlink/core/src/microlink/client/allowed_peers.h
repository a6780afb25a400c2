// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/log.h"
#include "microlink/client/records.h"
#include "microlink/config.h"
#include "microlink/netmap/netmap.h"
#include "microlink/status.h"

namespace microlink::client {

/// Who may talk with this node at all. The configured list counts until another one is set; that one is stored, with a
/// digest of what was configured then, and counts until the configuration changes. What cannot be read lets nobody in.
class AllowedPeers {
 public:
  /// All must outlive it.
  AllowedPeers(netmap::Netmap &netmap, RecordDuties &duties, const Config &config, const Log &log);

  /// As configured: at the beginning, and after a logout.
  void reset();
  /// The stored record. A list that was set for another configuration is forgotten.
  void load(ByteView record);
  size_t write(ByteSpan out) const;
  /// As Client::set_allowed_peers().
  Error set(std::string_view text);

  AllowlistOrigin origin() const { return this->origin_; }
  /// What a person must know when there is nothing worse; empty as a rule.
  std::string_view message() const;

 private:
  netmap::Allowlist configured_() const;
  void allow_nobody_(const char *what);

  netmap::Netmap &netmap_;
  RecordDuties &duties_;
  const Config &config_;
  const Log &log_;
  AllowlistOrigin origin_{AllowlistOrigin::CONFIGURED};
};

}  // namespace microlink::client
