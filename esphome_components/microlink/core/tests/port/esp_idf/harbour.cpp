// SPDX-License-Identifier: MIT
#include "tests/port/esp_idf/harbour.h"

#include <esp_timer.h>

#include <algorithm>

#include "tests/port/esp_idf/programs.h"
#include "tests/port/esp_idf/stack.h"

namespace microlink::chip_test {

namespace {

constexpr uint16_t FIRST_PORT = 8001;
constexpr Duration KEEP_ALIVE = seconds(60);  // as control and relays do it
constexpr uint16_t RELAY_PORT = FIRST_PORT + 2;

/// False at its end.
bool receive(Harbour::Connection &connection) {
  char bytes[1500];
  const auto n = ::recv(connection.socket.get(), bytes, sizeof(bytes), 0);
  if (n > 0)
    connection.server->handle(std::string(bytes, static_cast<size_t>(n)));
  return n > 0 || (n < 0 && errno == EAGAIN);
}

bool flush(Harbour::Connection &connection) {
  connection.unsent += connection.server->take();
  if (connection.unsent.empty())
    return true;
  const auto n = ::send(connection.socket.get(), connection.unsent.data(), connection.unsent.size(), 0);
  if (n > 0)
    connection.unsent.erase(0, static_cast<size_t>(n));
  return n > 0 || errno == EAGAIN;
}

}  // namespace

const IpAddress Harbour::ADDRESS = IpAddress::v4(192, 168, 4, 2);

std::string Harbour::control_url(size_t node) { return "http://192.168.4.2:" + std::to_string(FIRST_PORT + node); }

Harbour::Harbour()
    : wifi_("st", 100, ADDRESS),
      servers_("192.168.4.2", RELAY_PORT),
      keep_alive_at_(static_cast<Instant>(esp_timer_get_time()) + KEEP_ALIVE) {
  uint16_t port = FIRST_PORT;
  for (chip::Socket &each : this->listeners_) {
    each = socket_at(SOCK_STREAM, {ADDRESS, port++});
    (void) chip::make_non_blocking(each.get());
    (void) ::listen(each.get(), 4);
  }
  this->thread_ = std::thread([this] { this->run_(); });
}

Harbour::~Harbour() {
  this->ends_ = true;
  this->thread_.join();
}

void Harbour::run_() {
  while (!this->ends_) {
    chip::Selection selection;
    for (const chip::Socket &each : this->listeners_)
      selection.want_read(each);
    for (const Connection &each : this->open_) {
      selection.want_read(each.socket);
      if (!each.unsent.empty())
        selection.want_write(each.socket);
    }
    selection.wait(5'000);
    if (this->cuts_.exchange(false))
      this->open_.clear();
    for (size_t i = 0; i != std::size(this->listeners_); i++) {
      if (!selection.can_read(this->listeners_[i]))
        continue;
      chip::Socket accepted(::accept(this->listeners_[i].get(), nullptr, nullptr));
      const int one = 1;
      (void) ::setsockopt(accepted.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
      if (accepted.valid() && chip::make_non_blocking(accepted.get()))
        this->open_.push_back({std::move(accepted), this->servers_.open(static_cast<Servers::Kind>(i))});
    }
    std::erase_if(this->open_, [&](Connection &each) { return selection.can_read(each.socket) && !receive(each); });
    this->servers_.tell_news();
    if (const auto now = static_cast<Instant>(esp_timer_get_time()); now >= this->keep_alive_at_) {
      this->servers_.keep_alive();
      this->keep_alive_at_ = now + KEEP_ALIVE;
    }
    // All of them: what came on one may have to leave on another.
    std::erase_if(this->open_, [](Connection &each) { return !flush(each); });
    this->streaming_ = this->servers_.streaming();
    this->relayed_ = this->servers_.relayed();
  }
  this->open_.clear();
}

}  // namespace microlink::chip_test
