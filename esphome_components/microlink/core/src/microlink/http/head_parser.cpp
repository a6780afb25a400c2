// SPDX-License-Identifier: MIT
#include "microlink/http/head_parser.h"

#include "microlink/base/text.h"

namespace microlink::http {

namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

/// "HTTP/1.x SSS…"; 0 for anything else.
uint16_t parse_status_line(std::string_view line) {
  constexpr std::string_view VERSION = "HTTP/1.";
  if (line.size() < 12 || !line.starts_with(VERSION) || (line[7] != '0' && line[7] != '1') || line[8] != ' ')
    return 0;
  if (line.size() > 12 && line[12] != ' ')
    return 0;
  const auto status = parse_decimal(line.substr(9, 3));
  return status && *status >= 100 && *status <= 599 ? static_cast<uint16_t>(*status) : uint16_t{0};
}

}  // namespace

HeadParser::Progress HeadParser::push(uint8_t byte) {
  if (this->is_bad_)
    return Progress::BAD;
  if (this->line_done_) {
    this->line_.clear();
    this->cut_ = this->line_done_ = false;
  }
  if (byte == '\n')
    return this->end_of_line_();
  if (byte == 0)
    return this->bad_();
  const char c = static_cast<char>(byte);
  if (!this->line_.append({&c, 1}))
    this->cut_ = true;
  return Progress::MORE;
}

HeadParser::Progress HeadParser::end_of_line_() {
  this->line_done_ = true;
  std::string_view line = this->line_;
  if (line.ends_with('\r') && !this->cut_)
    line.remove_suffix(1);
  if (this->status_ == 0) {
    this->status_ = parse_status_line(line);
    return this->status_ == 0 ? this->bad_() : Progress::MORE;
  }
  if (line.empty())
    return Progress::END;
  const size_t colon = line.find(':');
  // RFC 9112 §5.1: no space before the colon; §5.2: a line that begins with one would be folding.
  if (colon == std::string_view::npos)
    return this->cut_ ? Progress::MORE : this->bad_();
  if (colon == 0 || line.find_first_of(" \t") < colon)
    return this->bad_();
  this->name_ = line.substr(0, colon);
  this->value_ = trim(line.substr(colon + 1));
  return Progress::FIELD;
}

}  // namespace microlink::http
