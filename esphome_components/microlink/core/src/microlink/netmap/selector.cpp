// SPDX-License-Identifier: MIT
#include "microlink/netmap/selector.h"

#include <algorithm>

#include "microlink/base/text.h"

namespace microlink::netmap {

bool is_name_of(std::string_view name, std::string_view fqdn, std::string_view suffix) {
  if (!name.empty() && name.back() == '.')
    name.remove_suffix(1);
  if (name.empty() || fqdn.empty())
    return false;
  if (equal_ignoring_case(name, fqdn))
    return true;
  const size_t dot = fqdn.find('.');
  if (dot == std::string_view::npos || !equal_ignoring_case(name, fqdn.substr(0, dot)))
    return false;
  return suffix.empty() || equal_ignoring_case(fqdn.substr(dot + 1), suffix);
}

bool selects(std::string_view selector, const Subject &subject) {
  if (selector.starts_with("tag:")) {
    for (const tailcfg::Tag &tag : subject.tags) {
      if (tag == selector)
        return true;
    }
    return false;
  }
  if (selector.starts_with(NodeRole::PREFIX)) {
    const auto key = NodePublic::parse(selector);
    return key && key->is_set() && *key == subject.key;
  }
  if (const auto block = parse_prefix(selector); block) {
    for (const Prefix &own : subject.addresses) {
      if (block->contains(own.address))
        return true;
    }
    for (const Prefix &route : subject.routes) {
      if (block->is_single() && route.bits != 0 && route.contains(block->address))
        return true;
    }
    return false;
  }
  return is_name_of(selector, subject.name, subject.suffix);
}

bool any_selects(std::string_view list, const Subject &subject) {
  for (std::string_view selector = take_selector(list); !selector.empty(); selector = take_selector(list)) {
    if (selects(selector, subject))
      return true;
  }
  return false;
}

std::string_view take_selector(std::string_view &list) {
  constexpr std::string_view SEPARATORS = " ,\t\r\n";
  list.remove_prefix(std::min(list.find_first_not_of(SEPARATORS), list.size()));
  const std::string_view selector = list.substr(0, list.find_first_of(SEPARATORS));
  list.remove_prefix(selector.size());
  return selector;
}

}  // namespace microlink::netmap
