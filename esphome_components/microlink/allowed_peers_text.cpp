// SPDX-License-Identifier: MIT
#include "allowed_peers_text.h"

#ifdef USE_TEXT
#include "microlink.h"

namespace esphome::microlink_ {

void AllowedPeersText::show(const std::string &list, size_t entries) {
  // Brackets cannot be in a list, so this one cannot be set by mistake.
  const std::string shown = list.size() <= MAX_STATE_BYTES ? list : "(" + std::to_string(entries) + " entries)";
  if (!this->has_state() || this->state != shown)
    this->publish_state(shown);
}

void AllowedPeersText::control(const std::string &value) {
  if (!this->parent_->set_allowed_peers(value).empty())
    this->publish_state(std::string(this->state));  // it stays what it was
}

}  // namespace esphome::microlink_

#endif  // USE_TEXT
