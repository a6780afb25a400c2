// SPDX-License-Identifier: MIT
#include "microlink/netmap/allowlist.h"

#include "microlink/base/text.h"
#include "microlink/base/writer.h"

namespace microlink::netmap {

static_assert(MAX_ALLOWED_PEERS <= 8 * sizeof(Allowlist::Tags) && MAX_ALLOWLIST_BYTES <= UINT8_MAX);
static_assert(MAX_NODE_NAME_BYTES <= Allowlist::Text::CAPACITY && MAX_TAG_BYTES <= Allowlist::Text::CAPACITY);

namespace {

constexpr std::string_view EVERYBODY = "*";
constexpr std::string_view TAG_PREFIX = "tag:";
constexpr size_t MAX_LABEL_BYTES = 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_word(char c) { return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '-' || c == '_'; }

/// A tag as control's policies have it, without "tag:".
bool is_tag(std::string_view text) {
  bool ok = !text.empty() && text.size() + TAG_PREFIX.size() <= MAX_TAG_BYTES;
  for (const char c : text)
    ok &= is_word(c);
  return ok;
}

/// Labels of letters, digits, dashes and underscores. The last is no number: that is an address gone wrong.
bool is_name(std::string_view text) {
  if (text.empty() || text.size() > MAX_NODE_NAME_BYTES)
    return false;
  while (!text.empty()) {
    const size_t dot = std::min(text.find('.'), text.size());
    const std::string_view label = text.substr(0, dot);
    bool number = true;
    for (const char c : label) {
      if (!is_word(c))
        return false;
      number &= is_digit(c);
    }
    const bool last = dot == text.size();
    if (label.empty() || label.size() > MAX_LABEL_BYTES || label.front() == '-' || label.back() == '-' ||
        (last && number) || dot + 1 == text.size())
      return false;
    text.remove_prefix(last ? dot : dot + 1);
  }
  return true;
}

}  // namespace

// --- text ------------------------------------------------------------------------------------------------------------

Error Allowlist::assign(std::string_view text, std::string_view *wrong) {
  Allowlist out = nobody();
  for (std::string_view selector = take_selector(text); !selector.empty(); selector = take_selector(text)) {
    const Error error = out.add_(selector);
    if (error == Error::NONE)
      continue;
    if (wrong != nullptr)
      *wrong = selector;
    return error;
  }
  *this = out;
  return Error::NONE;
}

Error Allowlist::add_(std::string_view selector) {
  if (selector == EVERYBODY) {
    if (this->count_ != 0 || this->everybody_)
      return Error::MALFORMED;
    this->everybody_ = true;
    return Error::NONE;
  }
  if (this->everybody_)
    return Error::MALFORMED;
  if (const auto key = NodePublic::parse(selector))
    return key->is_set() ? this->push_(Kind::KEY, 0, key->bytes) : Error::MALFORMED;
  if (const auto block = parse_prefix(selector))
    return has_no_host_bits(*block)
               ? this->push_(block->address.is_v4() ? Kind::V4 : Kind::V6, block->bits, block->address.raw())
               : Error::MALFORMED;
  const bool tag = selector.starts_with(TAG_PREFIX);
  if (tag)
    selector.remove_prefix(TAG_PREFIX.size());
  else if (selector.ends_with('.'))
    selector.remove_suffix(1);
  if (tag ? !is_tag(selector) : !is_name(selector))
    return Error::MALFORMED;
  Bytes<MAX_NODE_NAME_BYTES> lower;
  for (size_t i = 0; i != selector.size(); i++)
    lower[i] = static_cast<uint8_t>(to_lower(selector[i]));
  return this->push_(tag ? Kind::TAG : Kind::NAME, static_cast<uint8_t>(selector.size()),
                     ByteView(lower).first(selector.size()));
}

Error Allowlist::push_(Kind kind, uint8_t second, ByteView value) {
  if (this->count_ == MAX_ALLOWED_PEERS)
    return Error::NO_SPACE;
  Writer out(ByteSpan(this->bytes_).subspan(this->size_));
  out.u8(static_cast<uint8_t>(kind));
  if (kind != Kind::KEY)
    out.u8(second);
  out.bytes(value);
  if (!out.ok())
    return Error::NO_SPACE;
  if (this->contains_(out.written()))
    return Error::MALFORMED;
  this->size_ = static_cast<uint8_t>(this->size_ + out.size());
  this->count_++;
  return Error::NONE;
}

bool Allowlist::contains_(ByteView entry) const {
  Reader in(this->packed());
  Entry each;
  for (size_t from = 0; read_(in, each); from = this->size_ - in.left()) {
    if (equal(this->packed().subspan(from, this->size_ - in.left() - from), entry))
      return true;
  }
  return false;
}

Allowlist::Text Allowlist::text(size_t index) const {
  Reader in(this->packed());
  Entry each;
  while (read_(in, each) && index-- != 0) {
  }
  Text out;
  if (!in.ok())
    return out;
  switch (each.kind) {
    case Kind::TAG:
      out.assign(TAG_PREFIX);
      [[fallthrough]];
    case Kind::NAME:
      out.append(as_text(each.value));
      break;
    case Kind::KEY:
      out = NodePublic::from_bytes(each.value).to_text();
      break;
    case Kind::V4:
    case Kind::V6: {
      const Prefix block{IpAddress::from_bytes(each.value), each.bits};
      out.assign(block.is_single() ? to_text(block.address).view() : to_text(block).view());
      break;
    }
  }
  return out;
}

// --- packed ----------------------------------------------------------------------------------------------------------

/// False at the end, or when what comes is no entry; then `in` is not ok(), unless it was at its end.
bool Allowlist::read_(Reader &in, Entry &out) {
  if (in.left() == 0)
    return false;
  out.kind = static_cast<Kind>(in.u8());
  out.bits = out.kind == Kind::KEY ? uint8_t{0} : in.u8();
  switch (out.kind) {
    case Kind::NAME:
    case Kind::TAG:
      out.value = in.take(out.bits);
      break;
    case Kind::KEY:
      out.value = in.take(KEY_BYTES);
      break;
    case Kind::V4:
      out.value = in.take(4);
      break;
    case Kind::V6:
      out.value = in.take(16);
      break;
    default:
      return false;
  }
  return in.ok();
}

/// Each entry goes through its text, so that what is loaded is what assign() would have made.
Error Allowlist::load(bool everybody, ByteView packed) {
  Allowlist raw = nobody();
  if (packed.size() > raw.bytes_.size() || (everybody && !packed.empty()))
    return Error::MALFORMED;
  raw.size_ = static_cast<uint8_t>(copy(packed, raw.bytes_));
  Allowlist out = nobody();
  Reader in(raw.packed());
  Entry each;
  for (size_t i = 0; read_(in, each); i++) {
    if (out.add_(raw.text(i)) != Error::NONE)
      return Error::MALFORMED;
  }
  if (!equal(out.packed(), packed))
    return Error::MALFORMED;
  out.everybody_ = everybody;
  *this = out;
  return Error::NONE;
}

// --- judgement -------------------------------------------------------------------------------------------------------

bool Allowlist::admits(const Subject &subject, Tags tags) const {
  if (this->everybody_ || tags != 0)
    return true;
  Reader in(this->packed());
  Entry each;
  while (read_(in, each)) {
    switch (each.kind) {
      case Kind::NAME: {
        const std::string_view name = as_text(each.value);
        const bool is_short =
            name.find('.') == std::string_view::npos && subject.name.find('.') != std::string_view::npos;
        if (!(is_short && subject.suffix.empty()) && is_name_of(name, subject.name, subject.suffix))
          return true;
        break;
      }
      case Kind::TAG:
        break;
      case Kind::KEY:
        if (equal(each.value, subject.key.bytes))
          return true;
        break;
      case Kind::V4:
      case Kind::V6: {
        const Prefix block{IpAddress::from_bytes(each.value), each.bits};
        for (const Prefix &own : subject.addresses) {
          if (block.contains(own.address))
            return true;
        }
        break;
      }
    }
  }
  return false;
}

Allowlist::Tags Allowlist::match(std::span<const tailcfg::Tag> tags) const {
  Tags out = 0;
  Reader in(this->packed());
  Entry each;
  for (size_t i = 0; read_(in, each); i++) {
    for (const tailcfg::Tag &tag : tags) {
      const std::string_view text = tag;
      if (each.kind == Kind::TAG && text.starts_with(TAG_PREFIX) &&
          equal_ignoring_case(text.substr(TAG_PREFIX.size()), as_text(each.value)))
        out = static_cast<Tags>(out | 1U << i);
    }
  }
  return out;
}

Allowlist::Tags Allowlist::carry(const Allowlist &before, Tags tags) const {
  Tags out = 0;
  Reader in(before.packed());
  Entry each;
  for (size_t i = 0; read_(in, each); i++) {
    if ((tags >> i & 1U) == 0 || each.kind != Kind::TAG)
      continue;
    Reader here(this->packed());
    Entry mine;
    for (size_t j = 0; read_(here, mine); j++) {
      if (mine.kind == Kind::TAG && equal(mine.value, each.value))
        out = static_cast<Tags>(out | 1U << j);
    }
  }
  return out;
}

bool Allowlist::has_new_tag(const Allowlist &before) const {
  Reader in(this->packed());
  Entry each;
  Tags mine = 0;
  for (size_t i = 0; read_(in, each); i++)
    mine = static_cast<Tags>(mine | (each.kind == Kind::TAG ? 1U : 0U) << i);
  return mine != this->carry(before, UINT16_MAX);
}

}  // namespace microlink::netmap
