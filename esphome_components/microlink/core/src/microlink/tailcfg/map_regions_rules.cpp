// SPDX-License-Identifier: MIT
// MapParser, third part: DERP map, packet filter rules, pings.
#include "microlink/tailcfg/map_parser.h"
#include "microlink/tailcfg/map_schema.h"
#include "microlink/tailcfg/text_forms.h"

namespace microlink::tailcfg {

using json::Token;

namespace {

constexpr std::string_view CAPABILITY_SOURCE = "cap:";

/// "none" in a relay's address says that it has none and DNS must not be asked.
void set_relay_address(std::string_view text, bool v4, IpAddress &address, bool &none) {
  none = text == "none";
  const auto parsed = parse_ip(text);
  address = parsed && parsed->is_v4() == v4 ? *parsed : IpAddress{};
}

}  // namespace

bool MapParser::region_value_(MapField field, Token token) {
  if (field == MapField::REGION_SCORE) {
    const auto score = parse_thousandths(this->tokenizer_.text());
    if (token == Token::NUMBER && score && *score != 0 && this->map_key_ > 0 && this->map_key_ <= UINT16_MAX)
      this->sink_.region_score(static_cast<uint16_t>(this->map_key_), *score);
    return true;
  }
  RegionScratch *const scratch = this->scratch_of_<RegionScratch>();
  if (scratch == nullptr)
    return false;
  DerpRegion &region = scratch->region;
  switch (field) {
    case MapField::REGION_ID:
      region.id = static_cast<uint16_t>(this->integer_or_(token, 1, UINT16_MAX, region.id));
      return true;
    case MapField::REGION_CODE:
      region.code.assign(this->text_if_(token));
      return true;
    case MapField::REGION_AVOID:
      region.avoid = token == Token::TRUE;
      return true;
    case MapField::REGION_NO_MEASURE:
      region.no_measure_no_home = token == Token::TRUE;
      return true;
    default:
      return false;
  }
}

bool MapParser::relay_value_(MapField field, Token token) {
  RegionScratch *const scratch = this->scratch_of_<RegionScratch>();
  if (scratch == nullptr)
    return false;
  DerpNode &relay = scratch->relay;
  const std::string_view text = this->text_if_(token);
  switch (field) {
    case MapField::RELAY_NAME:
      relay.name.assign(text);
      return true;
    case MapField::RELAY_HOST:
      relay.host_name.assign(text);
      return true;
    case MapField::RELAY_CERT:
      relay.cert_name.assign(text);
      return true;
    case MapField::RELAY_IPV4:
      set_relay_address(text, true, relay.ipv4, relay.no_ipv4);
      return true;
    case MapField::RELAY_IPV6:
      set_relay_address(text, false, relay.ipv6, relay.no_ipv6);
      return true;
    case MapField::RELAY_STUN_PORT:
      relay.stun_port = static_cast<int32_t>(this->integer_or_(token, -1, UINT16_MAX, 0));
      return true;
    case MapField::RELAY_STUN_ONLY:
      relay.stun_only = token == Token::TRUE;
      return true;
    case MapField::RELAY_DERP_PORT:
      relay.derp_port = static_cast<uint16_t>(this->integer_or_(token, 0, UINT16_MAX, 0));
      return true;
    case MapField::RELAY_INSECURE:
      relay.insecure_for_tests = token == Token::TRUE;
      return true;
    default:
      return false;
  }
}

void MapParser::end_relay_() {
  RegionScratch &scratch = *this->scratch_of_<RegionScratch>();
  if (scratch.region.nodes.push_back(scratch.relay) || scratch.relay.stun_only)
    return;
  // Full: a real relay is worth more than one that only answers STUN.
  for (DerpNode &kept : scratch.region.nodes) {
    if (kept.stun_only) {
      kept = scratch.relay;
      return;
    }
  }
}

void MapParser::end_region_() {
  const DerpRegion &region = this->scratch_of_<RegionScratch>()->region;
  if (region.id != 0)
    this->sink_.derp_region(region);
}

bool MapParser::rule_value_(MapField field, Token token) {
  RuleScratch *const rule = this->scratch_of_<RuleScratch>();
  if (rule == nullptr)
    return false;
  const std::string_view text = this->text_if_(token);
  switch (field) {
    case MapField::SOURCE:
      if (text.starts_with(CAPABILITY_SOURCE)) {
        this->sink_.rule_source_capability(text.substr(CAPABILITY_SOURCE.size()));
      } else if (const auto range = parse_address_range(text); range) {
        this->sink_.rule_source(*range);
      }
      return true;
    case MapField::SOURCE_BIT:
      rule->poisoned = true;
      return true;
    case MapField::DESTINATION_BITS:
      rule->poisoned |= token != Token::NIL;
      return true;
    case MapField::PROTOCOL:
      rule->has_protocols = true;
      if (const int64_t protocol = this->integer_or_(token, 0, 255, -1); protocol >= 0) {
        rule->has_usable_protocol = true;
        this->sink_.rule_protocol(static_cast<uint8_t>(protocol));
      }
      return true;
    case MapField::CAP_GRANT:
      rule->valid = false;
      return true;
    case MapField::DESTINATION_IP: {
      const auto range = parse_address_range(text);
      rule->destination_ok = static_cast<bool>(range);
      rule->to = range.value_or({});
      return true;
    }
    case MapField::PORT_FIRST:
      rule->ports.first = static_cast<uint16_t>(this->integer_or_(token, 0, UINT16_MAX, UINT16_MAX));
      return true;
    case MapField::PORT_LAST:
      rule->ports.last = static_cast<uint16_t>(this->integer_or_(token, 0, UINT16_MAX, 0));
      return true;
    default:
      return false;
  }
}

void MapParser::end_destination_() {
  const RuleScratch &rule = *this->scratch_of_<RuleScratch>();
  if (rule.destination_ok && rule.ports.first <= rule.ports.last)
    this->sink_.rule_destination(rule.to, rule.ports);
}

void MapParser::end_rule_() {
  const RuleScratch &rule = *this->scratch_of_<RuleScratch>();
  // A list of protocols that holds none that exists means none, not the default ones.
  const bool protocols_ok = !rule.has_protocols || rule.has_usable_protocol;
  this->sink_.rule_end(rule.valid && !rule.poisoned && protocols_ok, rule.poisoned);
}

bool MapParser::ping_value_(MapField field, Token token) {
  PingScratch *const ping = this->scratch_of_<PingScratch>();
  if (ping == nullptr)
    return false;
  const std::string_view text = this->text_if_(token);
  switch (field) {
    case MapField::PING_URL:
      if (!ping->url.assign(text))
        ping->url.clear();  // half a URL leads nowhere
      return true;
    case MapField::PING_IS_NOISE:
      ping->is_noise = token == Token::TRUE;
      return true;
    case MapField::PING_TYPES:
      ping->types.assign(text);
      return true;
    case MapField::PING_IP:
      ping->ip.assign(text);
      return true;
    case MapField::PING_PAYLOAD:
      ping->payload.assign(text);
      return true;
    default:
      return false;
  }
}

}  // namespace microlink::tailcfg
