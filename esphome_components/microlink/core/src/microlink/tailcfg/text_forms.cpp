// SPDX-License-Identifier: MIT
#include "microlink/tailcfg/text_forms.h"

#include "microlink/base/hash.h"
#include "microlink/base/text.h"

namespace microlink::tailcfg {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Cursor over a time's text; a mismatch poisons it, as in Reader.
class TimeText {
 public:
  explicit TimeText(std::string_view text) : rest_(text) {}

  bool ok() const { return this->ok_; }
  bool is_empty() const { return this->rest_.empty(); }
  char front() const { return this->rest_.empty() ? '\0' : this->rest_.front(); }
  int number(size_t digits, int least, int most) {
    int value = 0;
    for (size_t i = 0; i != digits; i++) {
      if (!is_digit(this->front()))
        return this->fail_();
      value = value * 10 + (this->take() - '0');
    }
    return value < least || value > most ? this->fail_() : value;
  }
  void literal(char expected) {
    if (this->front() != expected)
      this->fail_();
    this->take();
  }
  char take() {
    if (this->rest_.empty())
      return '\0';
    const char c = this->rest_.front();
    this->rest_.remove_prefix(1);
    return c;
  }

 private:
  int fail_() {
    this->ok_ = false;
    this->rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool ok_{true};
};

int days_in_month(int year, int month) {
  if (month == 2)
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

int fraction_microseconds(TimeText &in) {
  if (in.front() != '.')
    return 0;
  in.take();
  int value = in.number(1, 0, 9) * 100'000;
  for (int unit = 10'000; is_digit(in.front()); unit /= 10)
    value += (in.take() - '0') * unit;
  return value;
}

int offset_seconds(TimeText &in) {
  const char sign = in.take();
  if (sign == 'Z' || sign == 'z')
    return 0;
  if (sign != '+' && sign != '-')
    in.literal('Z');  // poisons
  const int hours = in.number(2, 0, 23);
  in.literal(':');
  const int seconds = hours * 3600 + in.number(2, 0, 59) * 60;
  return sign == '-' ? -seconds : seconds;
}

/// An address that was written as what it is: "::ffff:1.2.3.4" is neither an IPv4 nor a useful IPv6 address here.
Result<IpAddress> parse_plain_ip(std::string_view text) {
  const auto address = parse_ip(text);
  if (address && address->is_v4() && text.find(':') != std::string_view::npos)
    return Error::MALFORMED;
  return address;
}

IpAddress last_of(const Prefix &prefix) {
  Bytes<16> raw = prefix.address.bytes;
  const size_t skipped = prefix.address.is_v4() ? 96 : 0;
  for (size_t bit = skipped + prefix.bits; bit < 128; bit++)
    raw[bit / 8] = static_cast<uint8_t>(raw[bit / 8] | 0x80 >> bit % 8);
  return IpAddress{raw};
}

}  // namespace

Result<WallTime> parse_time(std::string_view text) {
  TimeText in(text);
  const int year = in.number(4, 0, 9999);
  in.literal('-');
  const int month = in.number(2, 1, 12);
  in.literal('-');
  const int day = in.number(2, 1, 31);
  if (in.front() != 't')
    in.literal('T');
  else
    in.take();
  const int hour = in.number(2, 0, 23);
  in.literal(':');
  const int minute = in.number(2, 0, 59);
  in.literal(':');
  const int second = in.number(2, 0, 60);  // 60: a leap second
  const int fraction = fraction_microseconds(in);
  const int offset = offset_seconds(in);
  if (!in.ok() || !in.is_empty() || day > days_in_month(year, month))
    return Error::MALFORMED;
  if (year <= 1)
    return WallTime::UNKNOWN;
  const WallTime value =
      wall_time_of(year, month, day, hour, minute, second) + seconds(-offset) + microseconds(fraction);
  return value <= WallTime::UNKNOWN ? static_cast<WallTime>(1) : value;
}

Result<uint32_t> parse_thousandths(std::string_view number) {
  constexpr uint64_t MOST = 4'000'000'000U;
  uint64_t digits = 0;
  int32_t exponent = 3;
  bool after_point = false;
  size_t i = 0;
  for (; i != number.size() && number[i] != 'e' && number[i] != 'E'; i++) {
    if (number[i] == '.' && !after_point && i != 0) {
      after_point = true;
      continue;
    }
    if (!is_digit(number[i]))
      return Error::MALFORMED;
    const bool fits = digits < MOST;  // further digits only move the point
    if (fits)
      digits = digits * 10 + static_cast<uint64_t>(number[i] - '0');
    if (fits == after_point)
      exponent += after_point ? -1 : 1;
  }
  if (i == 0)
    return Error::MALFORMED;
  if (i != number.size()) {
    std::string_view power = number.substr(i + 1);
    if (!power.empty() && power.front() == '+')
      power.remove_prefix(1);
    const auto value = parse_decimal(power);
    if (!value || *value > 1000 || *value < -1000)
      return Error::MALFORMED;
    exponent += static_cast<int32_t>(*value);
  }
  for (; exponent < 0 && digits != 0; exponent++)
    digits /= 10;
  for (; exponent > 0 && digits != 0 && digits <= MOST; exponent--)
    digits *= 10;
  if (digits > MOST)
    return Error::MALFORMED;
  return static_cast<uint32_t>(digits);
}

Result<AddressRange> parse_address_range(std::string_view text) {
  if (text == "*")
    return AddressRange{{}, {}, true};
  if (const size_t dash = text.find('-'); dash != std::string_view::npos) {
    const auto first = parse_plain_ip(text.substr(0, dash));
    const auto last = parse_plain_ip(text.substr(dash + 1));
    if (!first || !last || first->is_v4() != last->is_v4() || *last < *first)
      return Error::MALFORMED;
    return AddressRange{*first, *last, false};
  }
  const auto prefix = parse_prefix(text);
  if (!prefix || !parse_plain_ip(text.substr(0, text.find('/'))) || !has_no_host_bits(*prefix))
    return Error::MALFORMED;
  return AddressRange{prefix->address, last_of(*prefix), false};
}

NodeName normal_name(std::string_view name) {
  if (!name.empty() && name.back() == '.')
    name.remove_suffix(1);
  const bool fits = name.size() <= NodeName::CAPACITY;
  if (!fits)
    name = name.substr(0, NodeName::CAPACITY - 1);
  NodeName out;
  for (const char c : name) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    out.append({&lower, 1});
  }
  if (!fits)
    out.append("~");
  return out;
}

uint32_t message_id(std::string_view name) {
  const uint32_t hash = Fnv1a().add(as_bytes(name)).value();
  return hash == 0 ? 1 : hash;
}

}  // namespace microlink::tailcfg
