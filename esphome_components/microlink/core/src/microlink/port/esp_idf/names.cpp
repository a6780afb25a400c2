// SPDX-License-Identifier: MIT
#ifdef ESP_PLATFORM
#include "microlink/port/esp_idf/names.h"

#include "lwip/dns.h"
#include "microlink/port/lwip/overlay_netif.h"

namespace microlink::esp_idf {

void Names::ask(uint32_t token, std::string_view host) {
  for (Question &question : this->questions_) {
    if (question.state != State::FREE)
      continue;
    question.names = this;
    question.answer.token = token;
    question.answer.addresses.clear();
    if (!question.answer.host.assign(host))
      break;
    question.state = State::ASKED;
    if (tcpip_try_callback(start_, &question) == ERR_OK)
      return;
    question.state = State::FREE;
    break;
  }
  (void) this->refused_.push_dropping_oldest({.token = token, .host = host});
  this->wake_.signal();
}

void Names::start_(void *question) {
  auto *self = static_cast<Question *>(question);
  ip_addr_t address{};
  const err_t error = dns_gethostbyname(self->answer.host.c_str(), &address, found_, self);
  if (error != ERR_INPROGRESS)
    found_(self->answer.host.c_str(), error == ERR_OK ? &address : nullptr, self);
}

void Names::found_(const char *, const ip_addr_t *address, void *question) {
  auto *self = static_cast<Question *>(question);
  if (address != nullptr)
    (void) self->answer.addresses.push_back(lwip::from_lwip(*address));
  Wake &wake = self->names->wake_;
  self->state = State::DONE;
  wake.signal();
}

std::optional<chip::Answer> Names::take() {
  for (Question &question : this->questions_) {
    if (question.state != State::DONE)
      continue;
    const chip::Answer out = question.answer;
    question.state = State::FREE;
    return out;
  }
  if (const auto refused = this->refused_.pop())
    return chip::Answer{.token = refused->token, .host = refused->host, .addresses = {}};
  return std::nullopt;
}

}  // namespace microlink::esp_idf
#endif  // ESP_PLATFORM
