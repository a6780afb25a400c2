// SPDX-License-Identifier: MIT
#ifdef ESP_PLATFORM
#include "microlink/port/esp_idf/names.h"

#include "lwip/dns.h"
#include "microlink/port/lwip/overlay_netif.h"

namespace microlink::esp_idf {

bool Names::ask(uint32_t token, std::string_view host) {
  for (Question &question : this->questions_) {
    if (question.state != State::FREE)
      continue;
    question.names = this;
    question.token = token;
    question.found = {};
    if (!question.host.assign(host))
      return false;
    question.state = State::ASKED;
    if (tcpip_try_callback(start_, &question) == ERR_OK)
      return true;
    question.state = State::FREE;
    return false;
  }
  return false;
}

void Names::start_(void *question) {
  auto *self = static_cast<Question *>(question);
  ip_addr_t address{};
  const err_t error = dns_gethostbyname(self->host.c_str(), &address, found_, self);
  if (error != ERR_INPROGRESS)
    found_(self->host.c_str(), error == ERR_OK ? &address : nullptr, self);
}

void Names::found_(const char *, const ip_addr_t *address, void *question) {
  auto *self = static_cast<Question *>(question);
  if (address != nullptr)
    self->found = lwip::from_lwip(*address);
  Wake &wake = self->names->wake_;
  self->state = State::DONE;
  wake.signal();
}

std::optional<chip::Answer> Names::take() {
  for (Question &question : this->questions_) {
    if (question.state != State::DONE)
      continue;
    chip::Answer out{.token = question.token, .host = question.host, .addresses = {}};
    if (question.found.is_set())
      (void) out.addresses.push_back(question.found);
    question.state = State::FREE;
    return out;
  }
  return std::nullopt;
}

}  // namespace microlink::esp_idf
#endif  // ESP_PLATFORM
