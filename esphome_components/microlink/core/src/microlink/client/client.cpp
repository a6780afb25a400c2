// SPDX-License-Identifier: MIT
#include "microlink/client.h"

#include "microlink/client/core.h"

namespace microlink {

Client::Client(const Config &config, const TrustStore &trust, LogSink *log, const Memory &memory) : give_(memory.give) {
  static_assert(alignof(client::Core) <= alignof(max_align_t));
  if (void *place = memory.take(sizeof(client::Core)); place != nullptr)
    this->core_ = new (place) client::Core(config, trust, log);
}

Client::~Client() {
  if (this->core_ == nullptr)
    return;
  this->core_->~Core();
  this->give_(this->core_);
}

Error Client::set_auth_key(std::string_view auth_key) { return this->core_->set_auth_key(auth_key); }
void Client::handle(Instant now, const Input &input) { this->core_->handle(now, input); }
std::optional<Action> Client::poll_action(Instant now, ByteSpan scratch) {
  return this->core_->poll_action(now, scratch);
}
std::optional<Event> Client::poll_event() { return this->core_->poll_event(); }
Instant Client::next_timeout() const { return this->core_->next_timeout(); }
Error Client::ping(Instant now, const NodePublic &peer) { return this->core_->ping(now, peer); }
Error Client::rotate_node_key(Instant now) { return this->core_->rotate_node_key(now); }
void Client::logout(Instant now) { this->core_->logout(now); }
Error Client::set_allowed_peers(Instant now, std::string_view list) {
  return this->core_->set_allowed_peers(now, list);
}
Error Client::check_allowed_peers(std::string_view list, std::string_view *wrong) {
  return netmap::Allowlist{}.assign(list, wrong);
}
FixedString<MAX_KEY_TEXT_BYTES> Client::allowed_peer(size_t index) const {
  return this->core_->allowlist().text(index);
}
void Client::set_quiet(Instant now, bool quiet) { this->core_->set_quiet(now, quiet); }
void Client::netcheck(Instant now) { this->core_->netcheck(now); }
Status Client::status() const { return this->core_->status(); }
size_t Client::peer_count() const { return this->core_->peer_count(); }
PeerStatus Client::peer(size_t index) const { return this->core_->peer(index); }
std::optional<NodePublic> Client::resolve(std::string_view name_or_address) const {
  return this->core_->resolve(name_or_address);
}
Result<PeerStatus> Client::find(Instant now, std::string_view name_or_address) {
  return this->core_->find(now, name_or_address);
}
const Statistics &Client::statistics() const { return this->core_->statistics(); }
size_t Client::relay_latencies(std::span<RelayLatency> out) const { return this->core_->relay_latencies(out); }

}  // namespace microlink
