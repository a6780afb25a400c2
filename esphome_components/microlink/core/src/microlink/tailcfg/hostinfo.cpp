// SPDX-License-Identifier: MIT
#include "microlink/tailcfg/hostinfo.h"

namespace microlink::tailcfg {

namespace {

void write_flag(json::Writer &out, std::string_view key, const std::optional<bool> &value) {
  if (value)
    out.key(key).boolean(*value);
}

void write_net_info(json::Writer &out, const NetInfo &net) {
  out.begin_object();
  write_flag(out, "MappingVariesByDestIP", net.mapping_varies);
  write_flag(out, "WorkingIPv6", net.working_ipv6);
  write_flag(out, "WorkingUDP", net.working_udp);
  if (net.preferred_derp != 0)
    out.key("PreferredDERP").integer(net.preferred_derp);
  write_text(out, "LinkType", net.link_type);
  out.end_object();
}

}  // namespace

void write_text(json::Writer &out, std::string_view key, std::string_view value) {
  if (!value.empty())
    out.key(key).string(value);
}

void Hostinfo::write(json::Writer &out) const {
  out.begin_object();
  write_text(out, "IPNVersion", this->ipn_version);
  write_text(out, "OS", this->os);
  write_text(out, "OSVersion", this->os_version);
  write_text(out, "App", this->app);
  write_text(out, "DeviceModel", this->device_model);
  write_text(out, "Hostname", this->hostname);
  if (this->shields_up)
    out.key("ShieldsUp").boolean(true);
  write_text(out, "GoArch", this->go_arch);
  if (!this->request_tags.empty()) {
    out.key("RequestTags").begin_array();
    for (const Tag &tag : this->request_tags)
      out.string(tag);
    out.end_array();
  }
  if (!this->net_info.is_empty()) {
    out.key("NetInfo");
    write_net_info(out, this->net_info);
  }
  out.end_object();
}

}  // namespace microlink::tailcfg
