// SPDX-License-Identifier: MIT
#include "microlink/control/ping_reply.h"

#include "microlink/base/text.h"
#include "microlink/base/writer.h"

namespace microlink::control {

void PingReply::assign(std::string_view url, bool is_noise, std::string_view types, std::string_view ip,
                       std::string_view payload) {
  const bool fits = this->url_.assign(url) && this->types_.assign(types) && this->ip_.assign(ip);
  this->body_.clear();
  if (!fits || url.empty()) {
    this->kind_ = Kind::UNUSABLE;
  } else if (types == "c2n") {
    this->kind_ = Kind::C2N;
    Bytes<MAX_PAYLOAD_BYTES> request;
    // A cut payload keeps whole groups of four digits, so that its front can be read all the same.
    const auto size = base64_decode(payload.substr(0, payload.size() / 4 * 4), request);
    this->answer_c2n_(size ? as_text(ByteView(request).first(*size)) : std::string_view{});
  } else {
    this->kind_ = types.empty() && is_noise ? Kind::HEAD : Kind::OWNER;
  }
}

std::string_view PingReply::path() const {
  std::string_view url = this->url_;
  const size_t scheme = url.find("://");
  if (scheme != std::string_view::npos)
    url.remove_prefix(scheme + 3);
  const size_t slash = url.find('/');
  return slash == std::string_view::npos ? "/" : url.substr(slash);
}

void PingReply::answer_c2n_(std::string_view request) {
  constexpr std::string_view END_OF_HEAD = "\r\n\r\n";
  const size_t head = request.find(END_OF_HEAD);
  if (!request.starts_with("POST /echo HTTP/1.") || head == std::string_view::npos) {
    (void) this->body_.assign("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  const std::string_view content = request.substr(head + END_OF_HEAD.size());
  // Up to three digits: the payload is bounded.
  char digits[3];
  size_t at = sizeof(digits);
  for (size_t rest = content.size(); at == sizeof(digits) || rest != 0; rest /= 10)
    digits[--at] = static_cast<char>('0' + rest % 10);
  (void) this->body_.assign("HTTP/1.1 200 OK\r\nContent-Length: ");
  (void) this->body_.append({digits + at, sizeof(digits) - at});
  (void) this->body_.append(END_OF_HEAD);
  (void) this->body_.append(content);
}

}  // namespace microlink::control
