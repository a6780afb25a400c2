// SPDX-License-Identifier: MIT
// Node keys end by control's clock: the peers' ones, and our own, which is replaced before or then.
#include "microlink/client/core.h"

namespace microlink::client {

void Core::set_wall_time_(Instant now, WallTime wall, bool is_trusted) {
  this->clock_.set(now, wall, is_trusted);
  this->tunnel_.set_wall_time(now, wall);
  this->keep_time_(now);
}

/// Control's clock is the node's only while there is no better one, and no time before the firmware was built is
/// believed (D17).
void Core::control_time(WallTime now) {
  if (now < this->config_.build_time)
    return;
  this->clock_.hear_control(this->now_, now);
  if (this->clock_.is_trusted())
    this->keep_time_(this->now_);
  else
    this->set_wall_time_(this->now_, now, false);
}

/// Whether the key in use is over: after a rotation control's last word is still about the one before.
bool Core::is_key_over_() const {
  const NodePublic &key = this->netmap_.self().key;
  return this->netmap_.is_self_expired() && (!key.is_set() || key == this->identity_.node().public_key());
}

/// After anything that a key's end depends on: the time, the peers, our own node, the map stream.
void Core::keep_time_(Instant now) {
  const WallTime time = this->clock_.control_now(now);
  this->netmap_.set_time(time);
  WallTime next = this->netmap_.next_expiry();
  this->expiry_due_ = Instant::NEVER;
  if (this->is_key_over_()) {
    if (now < this->renewal_.expired_due()) {
      this->expiry_due_ = this->renewal_.expired_due();
    } else if (this->control_ && this->control_->handle_key_expired(now) == Error::NONE) {
      this->renewal_.note_expired(now);
      this->log_.warning("the node key has expired: asking for another");
    }
  } else if (this->streaming_ && this->run_ == Run::RUNNING) {
    this->renewal_.plan(time, this->netmap_.self().key_expiry, this->config_.rotate_before_expiry);
    if (this->renewal_.take_due(time) && this->rotate_node_key(now) == Error::NONE)
      this->log_.info("the node key expires soon: asking for another");
    if (this->renewal_.due() != WallTime::UNKNOWN && (next == WallTime::UNKNOWN || this->renewal_.due() < next))
      next = this->renewal_.due();
  }
  if (next != WallTime::UNKNOWN)
    this->expiry_due_ = earlier(this->expiry_due_, now + (next - time));
}

}  // namespace microlink::client
