// SPDX-License-Identifier: MIT
#pragma once

#include "esphome/core/defines.h"
#ifdef USE_TEXT

#include <string>

#include "esphome/components/text/text.h"
#include "esphome/core/helpers.h"

namespace esphome::microlink_ {

class MicroLink;

/// The list of allowed peers for people: "*" is everybody, empty is nobody. A list that makes no sense is refused in
/// the log, and the text stays what counts.
class AllowedPeersText final : public text::Text, public Parented<MicroLink> {
 public:
  /// What counts now. One that is too long for a state is only counted.
  void show(const std::string &list, size_t entries);

 protected:
  void control(const std::string &value) override;

  static constexpr size_t MAX_STATE_BYTES = 255;
};

}  // namespace esphome::microlink_

#endif  // USE_TEXT
