// SPDX-License-Identifier: MIT
#include "microlink/tailcfg/map_parser.h"

#include "microlink/base/text.h"
#include "microlink/tailcfg/map_schema.h"
#include "microlink/tailcfg/text_forms.h"

namespace microlink::tailcfg {

using json::Token;

Error MapParser::handle_bytes(ByteView bytes) {
  if (this->state_ == State::FAILED)
    return Error::CLOSED;
  while (!bytes.empty()) {
    if (this->state_ == State::MESSAGE) {
      const ByteView piece = bytes.first(std::min<size_t>(this->left_, bytes.size()));
      bytes = bytes.subspan(piece.size());
      const Error error = this->handle_piece_(piece);
      if (error != Error::NONE)
        return error;
      continue;
    }
    this->left_ |= static_cast<uint32_t>(bytes.front()) << (8 * this->length_bytes_++);
    bytes = bytes.subspan(1);
    if (this->length_bytes_ != 4)
      continue;
    this->length_bytes_ = 0;
    if (this->left_ == 0 || this->left_ > MAX_MESSAGE_BYTES)
      return this->fail_();
    this->state_ = State::MESSAGE;
    this->tokenizer_.reset();
    this->depth_ = 0;
    this->skip_depth_ = 0;
    this->flags_ = {};
    this->sink_.message_begin();
  }
  return Error::NONE;
}

void MapParser::reset() {
  if (this->state_ == State::MESSAGE)
    this->sink_.aborted();
  this->state_ = State::LENGTH;
  this->length_bytes_ = 0;
  this->left_ = 0;
  this->scratch_.emplace<std::monostate>();
  this->sink_.stream_begin();
}

Error MapParser::fail_() {
  this->state_ = State::FAILED;
  this->sink_.aborted();
  return Error::MALFORMED;
}

/// A piece of the current message's JSON.
Error MapParser::handle_piece_(ByteView piece) {
  this->left_ -= static_cast<uint32_t>(piece.size());
  this->tokenizer_.feed(piece);
  for (;;) {
    const Token token = this->tokenizer_.next();
    if (token == Token::NEED_MORE)
      break;
    if (token == Token::DONE) {
      for (const uint8_t byte : this->tokenizer_.rest()) {
        if (byte != ' ' && byte != '\n' && byte != '\r' && byte != '\t')
          return this->fail_();
      }
      break;
    }
    if (!this->handle_token_(token))
      return this->fail_();
  }
  if (this->left_ != 0)
    return Error::NONE;
  if (this->tokenizer_.next() != Token::DONE)
    return this->fail_();  // the object is longer than its message
  this->state_ = State::LENGTH;
  this->sink_.message_end(this->flags_.keep_alive);
  return Error::NONE;
}

/// Whether the message may go on.
bool MapParser::handle_token_(Token token) {
  if (token == Token::BAD)
    return false;
  if (this->skip_depth_ != 0) {
    if (this->tokenizer_.depth() < this->skip_depth_)
      this->skip_depth_ = 0;
    return true;
  }
  switch (token) {
    case Token::OBJECT_BEGIN:
    case Token::ARRAY_BEGIN:
      return this->open_(token == Token::OBJECT_BEGIN);
    case Token::OBJECT_END:
    case Token::ARRAY_END:
      this->close_();
      return true;
    case Token::KEY:
      this->key_();
      return true;
    default:
      if (this->depth_ == 0)
        return false;
      this->scalar_(token);
      return true;
  }
}

bool MapParser::open_(bool object) {
  if (this->depth_ == 0) {
    if (!object)
      return false;
    this->stack_[this->depth_++] = MapIn::MESSAGE;
    return true;
  }
  const MapField field = this->current_field_();
  const MapIn in = this->is_void_(field) ? MapIn::NOTHING : container_of(field, object);
  if (in == MapIn::NOTHING || this->depth_ == this->stack_.size()) {
    this->skip_depth_ = static_cast<uint16_t>(this->tokenizer_.depth());
    if (field == MapField::CAP_GRANT || field == MapField::NAMED_FILTER || field == MapField::DESTINATION_BITS ||
        field == MapField::SOURCE_BIT)
      this->scalar_(Token::TRUE);  // that there is a value counts, not which
    return true;
  }
  this->stack_[this->depth_++] = in;
  this->begin_(in, field);
  return true;
}

void MapParser::close_() {
  const MapIn in = this->stack_[--this->depth_];
  this->end_(in);
  this->field_ = MapField::IGNORED;
}

void MapParser::key_() {
  const MapIn in = this->stack_[this->depth_ - 1];
  if (!is_map(in)) {
    this->field_ = field_of(in, this->tokenizer_.text());
    return;
  }
  this->field_ = element_of(in);
  this->map_key_ = parse_decimal(this->tokenizer_.text()).value_or(0);
  this->map_name_.assign(this->tokenizer_.text());
}

MapField MapParser::current_field_() const {
  const MapIn in = this->stack_[this->depth_ - 1];
  return is_object(in) ? this->field_ : element_of(in);
}

/// Whether another part of the message says that this one does not count.
bool MapParser::is_void_(MapField field) const {
  switch (field) {
    case MapField::PEERS_CHANGED:
    case MapField::PEERS_REMOVED:
    case MapField::CHANGES:
    case MapField::ONLINE_CHANGE:
      return this->flags_.peers_begun || this->flags_.keep_alive;
    case MapField::PACKET_FILTER:
      return this->flags_.base_replaced || this->flags_.keep_alive;
    case MapField::NAMED_FILTER:
      return this->map_name_ == "*";  // only null has a meaning
    case MapField::SELF:
    case MapField::DERP_MAP:
    case MapField::PEERS:
    case MapField::DNS_CONFIG:
    case MapField::PACKET_FILTERS:
    case MapField::HEALTH:
    case MapField::DISPLAY_MESSAGES:
    case MapField::TKA_INFO:
    case MapField::DEBUG:
      return this->flags_.keep_alive;
    default:
      return false;
  }
}

void MapParser::begin_(MapIn in, MapField field) {
  switch (in) {
    case MapIn::NODE:
      this->begin_node_(field);
      break;
    case MapIn::CHANGE:
      this->begin_scratch_<PeerChange>();
      break;
    case MapIn::PEERS:
      this->flags_.peers_begun = false;
      break;
    case MapIn::REGION_SCORES:
      this->sink_.region_scores_reset();
      break;
    case MapIn::REGIONS:
      this->sink_.derp_regions_begin();
      break;
    case MapIn::REGION:
      this->begin_scratch_<RegionScratch>().region.id =
          static_cast<uint16_t>(this->map_key_ > 0 && this->map_key_ <= UINT16_MAX ? this->map_key_ : 0);
      break;
    case MapIn::FILTERS:
      this->sink_.filters_begin();
      break;
    case MapIn::FILTER:
      this->flags_.base_replaced |= field == MapField::NAMED_FILTER && this->map_name_ == "base";
      this->sink_.filter_begin(field == MapField::PACKET_FILTER ? std::string_view("base") : this->map_name_.view());
      break;
    case MapIn::RULE:
      this->begin_scratch_<RuleScratch>();
      this->sink_.rule_begin();
      break;
    case MapIn::DNS:
      this->begin_scratch_<DnsScratch>();
      break;
    case MapIn::PING:
      this->begin_scratch_<PingScratch>();
      break;
    case MapIn::TKA:
      this->begin_scratch_<TkaScratch>();
      break;
    case MapIn::HEALTH:
      this->sink_.health_begin();
      break;
    case MapIn::DISPLAY_MESSAGE:
      this->begin_scratch_<DisplayScratch>().id = message_id(this->map_name_);
      break;
    default:
      this->begin_part_(in);
      break;
  }
}

/// A container inside an object that is collected; the object's own begin_() made the scratch that is used here.
void MapParser::begin_part_(MapIn in) {
  NodeScratch *const node = this->scratch_of_<NodeScratch>();
  RegionScratch *const region = this->scratch_of_<RegionScratch>();
  RuleScratch *const rule = this->scratch_of_<RuleScratch>();
  switch (in) {
    case MapIn::ADDRESSES:
      node->node.addresses.clear();
      break;
    case MapIn::ALLOWED_IPS:
      node->node.allowed_ips.clear();
      node->has_allowed_ips = true;
      break;
    case MapIn::NODE_ENDPOINTS:
      node->node.endpoints.clear();
      break;
    case MapIn::TAGS:
      node->node.tags.clear();
      break;
    case MapIn::CHANGE_ENDPOINTS:
      this->scratch_of_<PeerChange>()->endpoints.emplace();
      break;
    case MapIn::REGION_NODES:
      region->region.nodes.clear();
      break;
    case MapIn::DERP_NODE:
      region->relay = {};
      break;
    case MapIn::SOURCES:  // the sink has the first list already: a second one cannot replace it
      rule->valid &= !rule->has_sources;
      rule->has_sources = true;
      break;
    case MapIn::DESTINATIONS:
      rule->valid &= !rule->has_destinations;
      rule->has_destinations = true;
      break;
    case MapIn::PROTOCOLS:
      rule->valid &= !rule->has_protocols;
      break;
    case MapIn::DESTINATION:
      rule->to = {};
      rule->ports = {0, 0};
      rule->destination_ok = false;
      break;
    case MapIn::DOMAINS:
      this->scratch_of_<DnsScratch>()->suffix.clear();
      break;
    default:
      break;
  }
}

void MapParser::end_(MapIn in) {
  switch (in) {
    case MapIn::NODE:
      this->end_node_();
      break;
    case MapIn::PEERS:
      if (this->flags_.peers_begun)
        this->sink_.peers_end();
      break;
    case MapIn::CHANGE:
      this->end_change_();
      break;
    case MapIn::REGIONS:
      this->sink_.derp_regions_end();
      break;
    case MapIn::REGION:
      this->end_region_();
      break;
    case MapIn::DERP_NODE:
      this->end_relay_();
      break;
    case MapIn::FILTER:
      this->sink_.filter_end();
      break;
    case MapIn::RULE:
      this->end_rule_();
      break;
    case MapIn::DESTINATION:
      this->end_destination_();
      break;
    case MapIn::DNS: {
      const DnsScratch &dns = *this->scratch_of_<DnsScratch>();
      this->sink_.dns_config(dns.magic_dns, dns.suffix);
      break;
    }
    case MapIn::PING: {
      const PingScratch &ping = *this->scratch_of_<PingScratch>();
      if (!ping.url.empty())
        this->sink_.ping_request(ping.url, ping.is_noise, ping.types, ping.ip, ping.payload);
      break;
    }
    case MapIn::TKA: {
      const TkaScratch &tka = *this->scratch_of_<TkaScratch>();
      this->sink_.tailnet_lock(tka.has_head && !tka.disabled);
      break;
    }
    case MapIn::DISPLAY_MESSAGE:
      this->end_display_message_();
      break;
    default:
      break;
  }
}

}  // namespace microlink::tailcfg
