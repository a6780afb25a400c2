// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/tailcfg/types.h"

namespace microlink::netmap {

/// What a selector can be matched with: a Node that passes by or a peer of the table. Views live during the call.
struct Subject {
  std::string_view name;    ///< FQDN, lower case
  std::string_view suffix;  ///< of the own tailnet; short names count only there. Empty: short names count everywhere
  const NodePublic &key;
  FixedVector<Prefix, 2> addresses;
  tailcfg::AllowedIps routes;  ///< further prefixes that an address may match
  std::span<const tailcfg::Tag> tags;
};

/// Whether the text names the subject: "tag:…", "nodekey:…", an address or CIDR block, or a short name or FQDN (any
/// case). A text that is none of these matches nothing.
bool selects(std::string_view selector, const Subject &subject);
/// The same for a list of selectors, which stand apart by blanks or commas.
bool any_selects(std::string_view list, const Subject &subject);

/// Take the first selector of a list away; empty when none is left.
std::string_view take_selector(std::string_view &list);

/// Whether `name` is the FQDN `fqdn` or its short name.
bool is_name_of(std::string_view name, std::string_view fqdn, std::string_view suffix);

}  // namespace microlink::netmap
