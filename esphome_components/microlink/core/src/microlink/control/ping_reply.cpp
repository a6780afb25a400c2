// SPDX-License-Identifier: MIT
#include "microlink/control/ping_reply.h"

#include <algorithm>

#include "microlink/base/text.h"
#include "microlink/base/writer.h"

namespace microlink::control {

void PingReply::assign(std::string_view url, bool is_noise, std::string_view types, std::string_view ip,
                       std::string_view payload) {
  const bool fits = this->url_.assign(url) && types.size() <= MAX_TYPES_BYTES && ip.size() <= MAX_IP_BYTES;
  this->body_.clear();
  this->types_size_ = 0;
  this->is_noise_ = is_noise || types == "c2n";
  if (!fits || url.empty()) {
    this->kind_ = Kind::UNUSABLE;
  } else if (types == "c2n") {
    this->kind_ = Kind::POST;
    Bytes<MAX_PAYLOAD_BYTES> request;
    // A cut payload keeps whole groups of four digits, so that its front can be read all the same.
    const auto size = base64_decode(payload.substr(0, payload.size() / 4 * 4), request);
    this->answer_c2n_(size ? as_text(ByteView(request).first(*size)) : std::string_view{});
  } else if (types.empty()) {
    this->kind_ = Kind::HEAD;
  } else {
    this->kind_ = Kind::OWNER;
    this->types_size_ = static_cast<uint8_t>(types.size());
    (void) this->body_.assign(types);
    (void) this->body_.append(ip);
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

Error PingReply::set_result(std::string_view json) {
  if (this->kind_ != Kind::OWNER)
    return Error::UNEXPECTED;
  if (!this->body_.assign(json))
    return Error::NO_SPACE;
  this->kind_ = Kind::POST;
  return Error::NONE;
}

bool PingReply::is_at(const ServerUrl &server) const {
  const std::string_view url = this->url_;
  const size_t host = url.find("://") + 3;
  if (host < 3 || host > url.size())
    return false;
  const auto parsed = ServerUrl::parse(url.substr(0, std::min(url.find('/', host), url.size())));
  if (!parsed)
    return false;
  const uint16_t usual = server.tls ? 443 : 80;
  const auto port = [usual](const ServerUrl &of) { return of.port == 0 ? usual : of.port; };
  return parsed->tls == server.tls && equal_ignoring_case(parsed->host, server.host) && port(*parsed) == port(server);
}

size_t PingReply::write_request(std::string_view authority, ByteSpan out) const {
  Writer request(out);
  request.text(this->kind_ == Kind::HEAD ? "HEAD " : "POST ").text(this->path()).text(" HTTP/1.1\r\nHost: ");
  request.text(authority).text("\r\nConnection: close\r\n");
  if (this->kind_ != Kind::HEAD) {
    char digits[4];  // the body is bounded
    size_t at = sizeof(digits);
    for (size_t rest = this->body().size(); at == sizeof(digits) || rest != 0; rest /= 10)
      digits[--at] = static_cast<char>('0' + rest % 10);
    request.text("Content-Type: application/json\r\nContent-Length: ").text({digits + at, sizeof(digits) - at});
    request.text("\r\n");
  }
  request.text("\r\n");
  if (this->kind_ != Kind::HEAD)
    request.text(this->body());
  return request.ok() ? request.size() : 0;
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
