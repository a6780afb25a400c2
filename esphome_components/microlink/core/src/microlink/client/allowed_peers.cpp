// SPDX-License-Identifier: MIT
#include "microlink/client/allowed_peers.h"

namespace microlink::client {

AllowedPeers::AllowedPeers(netmap::Netmap &netmap, RecordDuties &duties, const Config &config, const Log &log)
    : netmap_(netmap), duties_(duties), config_(config), log_(log) {
  this->reset();
}

void AllowedPeers::reset() {
  this->origin_ = AllowlistOrigin::CONFIGURED;
  std::string_view wrong;
  netmap::Allowlist list;
  if (list.assign(this->config_.allowed_peers, &wrong) == Error::NONE) {
    this->netmap_.set_allowlist(list);
    return;
  }
  this->log_.error("\"%.*s\" in the configured list of allowed peers cannot be understood, or is too much",
                   static_cast<int>(wrong.size()), wrong.data());
  this->allow_nobody_("configured");
}

/// Nobody, if it cannot be read.
netmap::Allowlist AllowedPeers::configured_() const {
  netmap::Allowlist out = netmap::Allowlist::nobody();
  (void) out.assign(this->config_.allowed_peers);
  return out;
}

void AllowedPeers::allow_nobody_(const char *what) {
  this->log_.error("the %s list of allowed peers is damaged: nobody is let in until it is set again", what);
  this->origin_ = AllowlistOrigin::DAMAGED;
  this->netmap_.set_allowlist(netmap::Allowlist::nobody());
}

void AllowedPeers::load(ByteView record) {
  const auto stored = StoredAllowlist::parse(record);
  if (!stored) {
    this->allow_nobody_("stored");
    return;
  }
  if (stored->configured != StoredAllowlist::digest_of(this->configured_())) {
    this->log_.info("the configured list of allowed peers is a new one; the one that was set is forgotten");
    this->duties_.erase(Record::ALLOWLIST);
    return;
  }
  this->origin_ = AllowlistOrigin::SET;
  this->netmap_.set_allowlist(stored->list);
}

size_t AllowedPeers::write(ByteSpan out) const {
  return StoredAllowlist{StoredAllowlist::digest_of(this->configured_()), this->netmap_.allowlist()}.write(out);
}

Error AllowedPeers::set(std::string_view text) {
  netmap::Allowlist list;
  if (const Error error = list.assign(text); error != Error::NONE)
    return error;
  if (list == this->configured_()) {
    this->origin_ = AllowlistOrigin::CONFIGURED;
    this->duties_.erase(Record::ALLOWLIST);
  } else {
    this->origin_ = AllowlistOrigin::SET;
    this->duties_.store(Record::ALLOWLIST);
  }
  this->netmap_.set_allowlist(list);
  if (list.is_everybody())
    this->log_.info("everybody is allowed whom the tailnet's rules let in");
  else
    this->log_.info("the list of allowed peers has %u entries now", static_cast<unsigned>(list.size()));
  return Error::NONE;
}

std::string_view AllowedPeers::message() const {
  return this->origin_ == AllowlistOrigin::DAMAGED
             ? "nobody is allowed to talk with this node, because the list of allowed peers was damaged: set it again"
             : std::string_view();
}

}  // namespace microlink::client
