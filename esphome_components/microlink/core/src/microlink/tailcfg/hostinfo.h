// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/json/writer.h"
#include "microlink/tailcfg/types.h"

namespace microlink::tailcfg {

/// What the node found out about its network (tailcfg.NetInfo). What is unset is not sent.
struct NetInfo {
  uint16_t preferred_derp{0};  ///< home region; 0 = not chosen yet
  std::optional<bool> working_udp;
  std::optional<bool> working_ipv6;
  std::optional<bool> mapping_varies;  ///< MappingVariesByDestIP: a hard NAT
  std::string_view link_type;          ///< "wired", "wifi", "mobile"

  bool is_empty() const {
    return this->preferred_derp == 0 && !this->working_udp && !this->working_ipv6 && !this->mapping_varies &&
           this->link_type.empty();
  }
};

/// What the node says about itself (tailcfg.Hostinfo). Always send it whole: it replaces what control knew. Views must
/// live as long as the request is written.
struct Hostinfo {
  std::string_view hostname;
  std::string_view os;
  std::string_view os_version;
  std::string_view device_model;
  std::string_view app;
  std::string_view ipn_version;  ///< plausible "x.y.z…": the admin console judges the node's age by it
  std::string_view go_arch;
  std::span<const Tag> request_tags;
  bool shields_up{false};
  NetInfo net_info;

  void write(json::Writer &out) const;
};

/// "key": "value" unless the value is empty.
void write_text(json::Writer &out, std::string_view key, std::string_view value);

}  // namespace microlink::tailcfg
