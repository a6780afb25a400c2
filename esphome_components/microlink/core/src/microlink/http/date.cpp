// SPDX-License-Identifier: MIT
#include "microlink/http/date.h"

#include "microlink/base/text.h"

namespace microlink::http {

namespace {

constexpr std::string_view FORM = "xxx, 00 xxx 0000 00:00:00 GMT";
constexpr std::string_view MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";

bool has_form(std::string_view text) {
  if (text.size() != FORM.size())
    return false;
  for (size_t i = 0; i != FORM.size(); i++) {
    const char c = text[i];
    const bool fits = FORM[i] == '0' ? c >= '0' && c <= '9' : FORM[i] == 'x' || c == FORM[i];
    if (!fits)
      return false;
  }
  return true;
}

}  // namespace

Result<WallTime> parse_date(std::string_view text) {
  if (!has_form(text))
    return Error::MALFORMED;
  const auto number = [text](size_t at, size_t digits) {
    return static_cast<int>(parse_decimal(text.substr(at, digits)).value_or(0));
  };
  const size_t month = MONTHS.find(text.substr(8, 3));
  const int day = number(5, 2), year = number(12, 4);
  const int hour = number(17, 2), minute = number(20, 2), second = number(23, 2);
  if (month == std::string_view::npos || month % 3 != 0 || day < 1 || day > 31 || year < 1970 || hour > 23 ||
      minute > 59 || second > 60)
    return Error::MALFORMED;
  return wall_time_of(year, static_cast<int>(month / 3) + 1, day, hour, minute, second);
}

}  // namespace microlink::http
