// SPDX-License-Identifier: MIT
// MapParser, second half: what single values mean and what the sink is told when an object is complete.
#include "microlink/tailcfg/map_parser.h"
#include "microlink/tailcfg/map_schema.h"
#include "microlink/tailcfg/text_forms.h"

namespace microlink::tailcfg {

using json::Token;

namespace {

/// Region of the notation "127.3.3.40:N" (Node.DERP before capability version 111); 0 if it is something else.
uint16_t legacy_region(std::string_view text) {
  const auto endpoint = parse_endpoint(text);
  return endpoint && endpoint->address == IpAddress::v4(127, 3, 3, 40) ? endpoint->port : 0;
}

/// Keeps the node's own addresses when routes fill the list: further ones take the place of the last route.
void add_allowed_ip(AllowedIps &list, const Prefix &prefix) {
  if (list.push_back(prefix) || !prefix.is_single())
    return;
  for (size_t i = list.size(); i-- != 0;) {
    if (!list[i].is_single()) {
      list[i] = prefix;
      return;
    }
  }
}

void set_node_flag(Node &node, MapField field, bool value) {
  switch (field) {
    case MapField::EXPIRED:
      node.expired = value;
      break;
    case MapField::MACHINE_AUTHORIZED:
      node.machine_authorized = value;
      break;
    case MapField::IS_WIREGUARD_ONLY:
      node.is_wireguard_only = value;
      break;
    case MapField::IS_JAILED:
      node.is_jailed = value;
      break;
    case MapField::UNSIGNED_PEERAPI_ONLY:
      node.unsigned_peerapi_only = value;
      break;
    default:
      break;
  }
}

/// A time that is there but cannot be read is long past: what expires then has expired.
WallTime expiry_of(std::string_view text) { return parse_time(text).value_or(static_cast<WallTime>(1)); }

}  // namespace

std::string_view MapParser::text_if_(Token token) const {
  return token == Token::STRING ? this->tokenizer_.text() : std::string_view();
}

int64_t MapParser::integer_or_(Token token, int64_t least, int64_t most, int64_t otherwise) const {
  const int64_t value = token == Token::NUMBER ? this->tokenizer_.integer().value_or(otherwise) : otherwise;
  return value >= least && value <= most ? value : otherwise;
}

void MapParser::scalar_(Token token) {
  const MapField field = this->current_field_();
  if (is_object(this->stack_[this->depth_ - 1]))
    this->field_ = MapField::IGNORED;
  const bool is_void = this->is_void_(field) && field != MapField::NAMED_FILTER;
  if (field != MapField::IGNORED && !is_void)
    (void) (this->message_value_(field, token) || this->node_value_(field, token) ||
            this->node_element_(field, token) || this->change_value_(field, token) ||
            this->region_value_(field, token) || this->relay_value_(field, token) || this->rule_value_(field, token) ||
            this->ping_value_(field, token) || this->other_value_(field, token));
}

bool MapParser::message_value_(MapField field, Token token) {
  const std::string_view text = this->text_if_(token);
  switch (field) {
    case MapField::KEEP_ALIVE:
      this->flags_.keep_alive = token == Token::TRUE;
      return true;
    case MapField::POP_BROWSER_URL:
      if (!text.empty() && !this->tokenizer_.is_cut())
        this->sink_.pop_browser_url(text);
      return true;
    case MapField::DOMAIN:
      if (!text.empty() && !this->flags_.keep_alive)
        this->sink_.domain(text);
      return true;
    case MapField::CONTROL_TIME: {
      const auto time = parse_time(text);
      if (time && *time != WallTime::UNKNOWN)
        this->sink_.control_time(*time);
      return true;
    }
    case MapField::REMOVED_ID:
      if (const int64_t id = this->integer_or_(token, 1, INT64_MAX, 0); id != 0)
        this->sink_.peer_removed(id);
      return true;
    case MapField::ONLINE_ENTRY:
      if (this->map_key_ > 0 && (token == Token::TRUE || token == Token::FALSE))
        this->sink_.peer_online(this->map_key_, token == Token::TRUE);
      return true;
    case MapField::NAMED_FILTER:
      this->named_filter_gone_(token);
      return true;
    default:
      return false;
  }
}

/// An entry of PacketFilters that is no list of rules. Not only null: what cannot be read permits nothing.
void MapParser::named_filter_gone_(Token token) {
  if (this->map_name_ == "*") {
    if (token != Token::NIL)
      return;
    this->flags_.base_replaced = true;
    this->sink_.filters_clear();
    return;
  }
  this->flags_.base_replaced |= this->map_name_ == "base";
  this->sink_.filter_removed(this->map_name_);
}

void MapParser::begin_node_(MapField field) {
  this->begin_scratch_<NodeScratch>().is_peer = field != MapField::SELF;
  if (field != MapField::PEER || this->flags_.peers_begun)
    return;
  this->flags_.peers_begun = true;
  this->sink_.peers_begin();
}

bool MapParser::node_value_(MapField field, Token token) {
  NodeScratch *const scratch = this->scratch_of_<NodeScratch>();
  if (scratch == nullptr || field < MapField::ID || field > MapField::UNSIGNED_PEERAPI_ONLY)
    return false;
  Node &node = scratch->node;
  const std::string_view text = this->text_if_(token);
  const bool is_true = token == Token::TRUE;
  switch (field) {
    case MapField::ID:
      node.id = this->integer_or_(token, 1, INT64_MAX, 0);
      break;
    case MapField::NAME:
      node.name = normal_name(text);
      break;
    case MapField::KEY:
      node.key = NodePublic::parse(text).value_or({});
      break;
    case MapField::KEY_SIGNATURE:
      node.is_signed = !text.empty();
      break;
    case MapField::KEY_EXPIRY:
      node.key_expiry = token == Token::NIL ? WallTime::UNKNOWN : expiry_of(text);
      break;
    case MapField::MACHINE:
      node.machine = MachinePublic::parse(text).value_or({});
      break;
    case MapField::DISCO_KEY:
      node.disco_key = DiscoPublic::parse(text).value_or({});
      break;
    case MapField::ALLOWED_IPS:
      scratch->has_allowed_ips = false;
      break;
    case MapField::LEGACY_DERP:
      scratch->legacy_derp = legacy_region(text);
      break;
    case MapField::HOME_DERP:
      node.home_derp = static_cast<uint16_t>(this->integer_or_(token, 0, UINT16_MAX, 0));
      break;
    case MapField::CAP:
      node.cap = static_cast<uint16_t>(this->integer_or_(token, 0, UINT16_MAX, 0));
      break;
    case MapField::ONLINE:
      node.online = is_true || token == Token::FALSE ? std::optional<bool>(is_true) : std::nullopt;
      break;
    default:
      set_node_flag(node, field, is_true);
      break;
  }
  return true;
}

bool MapParser::node_element_(MapField field, Token token) {
  NodeScratch *const scratch = this->scratch_of_<NodeScratch>();
  if (scratch == nullptr)
    return false;
  const std::string_view text = this->text_if_(token);
  switch (field) {
    case MapField::ADDRESS:
      // Only addresses of its own: a block here would let the peer speak for others.
      if (const auto prefix = parse_prefix(text); prefix && prefix->is_single())
        (void) scratch->node.addresses.push_back(*prefix);  // full: one of each family is all that is used
      return true;
    case MapField::ALLOWED_IP:
      if (const auto prefix = parse_prefix(text); prefix && has_no_host_bits(*prefix))
        add_allowed_ip(scratch->node.allowed_ips, *prefix);
      return true;
    case MapField::NODE_ENDPOINT:
      if (const auto endpoint = parse_endpoint(text); endpoint && endpoint->is_set())
        (void) scratch->node.endpoints.push_back(*endpoint);  // full: further ones are ignored
      return true;
    case MapField::TAG:
      if (!text.empty() && text.size() <= Tag::CAPACITY)
        (void) scratch->node.tags.push_back(text);  // full: further ones are ignored
      return true;
    default:
      return false;
  }
}

void MapParser::end_node_() {
  NodeScratch &scratch = *this->scratch_of_<NodeScratch>();
  Node &node = scratch.node;
  if (node.home_derp == 0)
    node.home_derp = scratch.legacy_derp;
  if (!scratch.has_allowed_ips || node.unsigned_peerapi_only) {
    node.allowed_ips.clear();
    for (const Prefix &address : node.addresses)
      (void) node.allowed_ips.push_back(address);
  }
  if (node.id == 0)
    return;
  if (scratch.is_peer)
    this->sink_.peer(node);
  else
    this->sink_.self_node(node);
}

bool MapParser::change_value_(MapField field, Token token) {
  PeerChange *const change = this->scratch_of_<PeerChange>();
  if (change == nullptr)
    return false;
  const std::string_view text = this->text_if_(token);
  switch (field) {
    case MapField::CHANGE_ID:
      change->id = this->integer_or_(token, 1, INT64_MAX, 0);
      return true;
    case MapField::CHANGE_DERP:
      if (const int64_t region = this->integer_or_(token, 1, UINT16_MAX, 0); region != 0)
        change->home_derp = static_cast<uint16_t>(region);
      return true;
    case MapField::CHANGE_CAP:
      if (const int64_t cap = this->integer_or_(token, 1, UINT16_MAX, 0); cap != 0)
        change->cap = static_cast<uint16_t>(cap);
      return true;
    case MapField::CHANGE_ENDPOINTS:
      change->endpoints.reset();
      return true;
    case MapField::CHANGE_ENDPOINT:
      if (const auto endpoint = parse_endpoint(text); endpoint && endpoint->is_set())
        (void) change->endpoints->push_back(*endpoint);  // full: further ones are ignored
      return true;
    case MapField::CHANGE_KEY:
      if (const auto key = NodePublic::parse(text); key)
        change->key = *key;
      return true;
    case MapField::CHANGE_DISCO_KEY:
      if (const auto key = DiscoPublic::parse(text); key)
        change->disco_key = *key;
      return true;
    case MapField::CHANGE_ONLINE:
      if (token == Token::TRUE || token == Token::FALSE)
        change->online = token == Token::TRUE;
      return true;
    case MapField::CHANGE_KEY_EXPIRY:
      if (token == Token::STRING)
        change->key_expiry = expiry_of(text);
      return true;
    default:
      return false;
  }
}

void MapParser::end_change_() {
  const PeerChange &change = *this->scratch_of_<PeerChange>();
  if (change.id != 0)
    this->sink_.peer_patched(change);
}

bool MapParser::other_value_(MapField field, Token token) {
  const std::string_view text = this->text_if_(token);
  switch (field) {
    case MapField::PROXIED:
      this->scratch_of_<DnsScratch>()->magic_dns = token == Token::TRUE;
      return true;
    case MapField::SEARCH_DOMAIN:
      if (DnsScratch &dns = *this->scratch_of_<DnsScratch>(); dns.suffix.empty())
        dns.suffix = normal_name(text);
      return true;
    case MapField::HEALTH_TEXT:
      if (!text.empty())
        this->sink_.health(text, message_id({}));
      return true;
    case MapField::DISPLAY_MESSAGE:
      if (token == Token::NIL && this->map_name_ != "*")
        this->sink_.health_removed(message_id(this->map_name_));
      else if (token == Token::NIL) {
        this->sink_.health_begin();
        if (this->flags_.displayed)
          this->end_display_message_();  // "*" counts first wherever it stands: say the last one again
      }
      return true;
    case MapField::TITLE:
      this->scratch_of_<DisplayScratch>()->title.assign(text);
      return true;
    case MapField::TEXT:
      this->scratch_of_<DisplayScratch>()->text.assign(text);
      return true;
    case MapField::SLEEP_SECONDS:
      if (const auto time = parse_thousandths(this->tokenizer_.text()); token == Token::NUMBER && time && *time != 0)
        this->sink_.sleep_request(milliseconds(*time));
      return true;
    case MapField::TKA_HEAD:
      this->scratch_of_<TkaScratch>()->has_head = !text.empty();
      return true;
    case MapField::TKA_DISABLED:
      this->scratch_of_<TkaScratch>()->disabled = token == Token::TRUE;
      return true;
    default:
      return false;
  }
}

void MapParser::end_display_message_() {
  const DisplayScratch *const message = this->scratch_of_<DisplayScratch>();
  if (message == nullptr || (message->title.empty() && message->text.empty()))
    return;
  FixedString<JSON_MAX_TEXT_BYTES> line;
  line.append(message->title);
  if (!message->title.empty() && !message->text.empty())
    line.append(": ");
  line.append(message->text);
  this->flags_.displayed = true;
  this->sink_.health(line, message->id);
}

}  // namespace microlink::tailcfg
