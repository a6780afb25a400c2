// SPDX-License-Identifier: MIT
#include "microlink/netmap/wants.h"

#include <algorithm>

namespace microlink::netmap {

namespace {

/// A name or a node key as text is never longer.
constexpr size_t MAX_SELECTOR_BYTES = std::max<size_t>(MAX_NODE_NAME_BYTES + 1, MAX_KEY_TEXT_BYTES);

/// FNV-1a over the lower case name.
uint64_t digest_of(std::string_view name) {
  uint64_t digest = 0xcbf29ce484222325;
  for (const char letter : name) {
    const auto lower = static_cast<uint8_t>(letter >= 'A' && letter <= 'Z' ? letter + ('a' - 'A') : letter);
    digest = (digest ^ lower) * 0x100000001b3;
  }
  return digest;
}

}  // namespace

Want::Want(const NodePublic &key) : kind_(Kind::KEY) {
  std::copy_n(key.bytes.end() - this->value_.size(), this->value_.size(), this->value_.begin());
}

Want Want::by_stranger(const NodePublic &key) {
  Want out(key);
  out.by_stranger_ = true;
  return out;
}

Want Want::named_(std::string_view name) {
  Want out;
  out.kind_ = Kind::NAME;
  uint64_t digest = digest_of(name);
  for (size_t i = 0; i != sizeof(digest); i++, digest >>= 8)
    out.value_[i] = static_cast<uint8_t>(digest);
  return out;
}

std::optional<Want> Want::of(std::string_view selector) {
  if (selector.empty() || selector.size() > MAX_SELECTOR_BYTES)
    return std::nullopt;
  if (const auto address = parse_ip(selector))
    return Want(*address);
  if (const auto key = NodePublic::parse(selector))
    return Want(*key);
  if (selector.back() == '.')
    selector.remove_suffix(1);
  return named_(selector);
}

bool Want::selects(const Subject &subject) const {
  if (this->kind_ == Kind::KEY)
    return *this == Want(subject.key);
  if (this->kind_ == Kind::ADDRESS) {
    const IpAddress address{this->value_};
    return std::any_of(subject.addresses.begin(), subject.addresses.end(),
                       [&](const Prefix &own) { return own.address == address; }) ||
           std::any_of(subject.routes.begin(), subject.routes.end(),
                       [&](const Prefix &route) { return route.bits != 0 && route.contains(address); });
  }
  if (subject.name.empty())
    return false;
  if (*this == named_(subject.name))
    return true;
  const std::string_view short_name = subject.name.substr(0, subject.name.find('.'));
  return is_name_of(short_name, subject.name, subject.suffix) && *this == named_(short_name);
}

void Wants::add(const Want &want) {
  if (this->contains(want))
    return;
  const ByStrangers strangers = ByStrangers::in(this->items_);
  if (want.is_by_stranger() ? strangers.count == MAX_BY_STRANGERS : this->items_.full())
    this->items_.remove(strangers.oldest);
  if (!this->items_.full())  // else a stranger's, and no other one is here
    (void) this->items_.push_back({.want = want});
}

bool Wants::contains(const Want &want) const {
  return std::any_of(this->items_.begin(), this->items_.end(), [&](const Item &item) { return item.want == want; });
}

bool Wants::selects(const Subject &subject) const {
  return std::any_of(this->items_.begin(), this->items_.end(),
                     [&](const Item &item) { return item.want.selects(subject); });
}

bool Wants::take(const Subject &subject) {
  const size_t before = this->items_.size();
  for (size_t i = before; i-- != 0;) {
    if (this->items_[i].want.selects(subject))
      this->items_.remove(i);
  }
  return this->items_.size() != before;
}

void Wants::note_no_room(const Subject &subject) {
  for (Item &item : this->items_)
    item.met = item.met || item.want.selects(subject);
}

void Wants::begin_map() {
  for (Item &item : this->items_) {
    item.asked = true;
    item.met = false;
  }
}

std::optional<Want> Wants::take_missing() {
  for (size_t i = 0; i != this->items_.size(); i++) {
    if (!this->items_[i].asked || this->items_[i].met)
      continue;
    const Want out = this->items_[i].want;
    this->items_.remove(i);
    return out;
  }
  return std::nullopt;
}

bool Wants::has_unasked() const {
  return std::any_of(this->items_.begin(), this->items_.end(), [](const Item &item) { return !item.asked; });
}

bool Wants::wait_for_room() {
  bool waits = false;
  for (size_t i = this->items_.size(); i-- != 0;) {
    Item &item = this->items_[i];
    if (!item.met)
      continue;
    if (++item.no_room == MAX_CHANCES)
      this->items_.remove(i);
    else
      waits = true;
  }
  return waits;
}

}  // namespace microlink::netmap
