// SPDX-License-Identifier: MIT
#include "microlinkd/control_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace microlink::tools {

namespace {

bool fill_address(const std::string &path, sockaddr_un &out) {
  out = {};
  out.sun_family = AF_UNIX;
  if (path.size() >= sizeof(out.sun_path))
    return false;
  std::memcpy(out.sun_path, path.data(), path.size());
  return true;
}

posix::Fd new_socket() { return posix::Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

}  // namespace

ControlSocket::~ControlSocket() {
  if (this->listener_.valid())
    ::unlink(this->path_.c_str());
}

std::string ControlSocket::open(const std::string &path) {
  sockaddr_un address;
  if (!fill_address(path, address))
    return "the path " + path + " is too long for a socket; choose another with --socket";
  const auto *generic = reinterpret_cast<const sockaddr *>(&address);
  const posix::Fd probe = new_socket();
  if (::connect(probe.get(), generic, sizeof(address)) == 0)
    return "another daemon serves " + path + "; stop it or choose another with --socket";
  struct stat about{};
  if (errno == ECONNREFUSED && ::lstat(path.c_str(), &about) == 0 && S_ISSOCK(about.st_mode))
    ::unlink(path.c_str());
  posix::Fd listener = new_socket();
  const mode_t before = ::umask(0177);
  const int bound = ::bind(listener.get(), generic, sizeof(address));
  const int problem = errno;
  ::umask(before);
  if (bound != 0 || ::listen(listener.get(), static_cast<int>(MAX_CLIENTS)) != 0)
    return "cannot serve " + path + ": " + std::strerror(bound != 0 ? problem : errno) +
           "; choose another with --socket";
  this->listener_ = std::move(listener);
  this->path_ = path;
  return {};
}

void ControlSocket::watch(std::vector<pollfd> &fds) {
  fds.push_back({this->listener_.get(), POLLIN, 0});
  for (const Client &client : this->clients_) {
    short events = 0;
    // While an answer is due nothing more is read, so that a client cannot pile up requests; but see it hang up.
    if (!client.is_over && client.in.size() < MAX_REQUEST_BYTES)
      events = static_cast<short>(events | POLLIN);
    if (!client.out.empty())
      events = static_cast<short>(events | POLLOUT);
    fds.push_back({client.fd.get(), events, 0});
  }
}

void ControlSocket::serve(Instant now, std::span<const pollfd> fds) {
  this->flush(now);  // what has come in this turn is told before the streams have theirs, which may take long
  for (const pollfd &ready : fds) {
    if (ready.revents == 0 || ready.fd == this->listener_.get())
      continue;
    for (Client &client : this->clients_) {
      if (client.fd.get() != ready.fd)
        continue;
      if ((ready.revents & (POLLIN | POLLERR)) != 0)
        this->receive_(now, client);
      else if ((ready.revents & POLLHUP) != 0)
        client.is_gone = true;
      if ((ready.revents & POLLOUT) != 0)
        this->send_(client);
    }
  }
  for (Client &client : this->clients_)
    client.is_gone |= client.half_since != Instant::NEVER && client.half_since + HALF_REQUEST_TIME <= now;
  this->remove_gone_();
  if (!fds.empty() && fds[0].revents != 0)
    this->accept_(now);
}

void ControlSocket::accept_(Instant now) {
  for (size_t i = 0; i != MAX_CLIENTS; i++) {
    posix::Fd fd(::accept4(this->listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.valid())
      return;
    if (this->clients_.size() >= MAX_CLIENTS) {
      const std::string line = error_json("busy", "too many clients; try again") + "\n";
      (void) !::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL);
      continue;
    }
    Client client;
    client.id = this->next_id_++;
    client.fd = std::move(fd);
    this->clients_.push_back(std::move(client));
    this->receive_(now, this->clients_.back());  // what it asks has mostly come with it
  }
}

void ControlSocket::receive_(Instant now, Client &client) {
  char buffer[MAX_REQUEST_BYTES];
  const ssize_t n = ::recv(client.fd.get(), buffer, sizeof(buffer), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n < 0) {
    client.is_gone = true;
    return;
  }
  if (n == 0)
    client.is_over = true;
  client.in.append(buffer, static_cast<size_t>(n));
  this->take_requests_(now, client);
}

/// One request at a time: the next line is looked at when the last one has its answer.
void ControlSocket::take_requests_(Instant now, Client &client) {
  const size_t end = client.in.find('\n');
  if (!client.waits_for_answer && end != std::string::npos && end < MAX_REQUEST_BYTES) {
    const std::string line = client.in.substr(0, end);
    client.in.erase(0, end + 1);
    client.waits_for_answer = true;
    client.half_since = Instant::NEVER;
    this->requests_.handle(now, client.id, line);
    return;
  }
  if (!client.waits_for_answer && (end != std::string::npos || client.in.size() >= MAX_REQUEST_BYTES)) {
    client.out += error_json("bad-request", "the request is too long") + "\n";
    client.in.clear();
    client.is_over = true;
  }
  const bool half = end == std::string::npos && !client.in.empty();
  client.half_since = !half ? Instant::NEVER : earlier(client.half_since, now);
}

void ControlSocket::flush(Instant now) {
  while (const auto reply = this->requests_.poll_reply()) {
    const auto it = std::find_if(this->clients_.begin(), this->clients_.end(),
                                 [&reply](const Client &client) { return client.id == reply->client; });
    if (it == this->clients_.end())
      continue;
    it->out += reply->line + "\n";
    if (reply->last) {
      it->waits_for_answer = false;
      this->take_requests_(now, *it);  // may bring further replies; this loop sees them
    }
  }
  for (Client &client : this->clients_)
    this->send_(client);
  this->remove_gone_();
}

void ControlSocket::send_(Client &client) {
  if (!client.out.empty()) {
    const ssize_t n = ::send(client.fd.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL);
    if (n > 0)
      client.out.erase(0, static_cast<size_t>(n));
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
      client.is_gone = true;
  }
  client.is_gone |= client.out.size() > MAX_WAITING_BYTES;
}

void ControlSocket::remove_gone_() {
  for (Client &client : this->clients_) {
    // Whoever shut down its sending side still gets the answers it waits for.
    const bool finished =
        client.is_over && !client.waits_for_answer && client.out.empty() && client.in.find('\n') == std::string::npos;
    client.is_gone |= finished;
    if (client.is_gone)
      this->requests_.forget(client.id);
  }
  std::erase_if(this->clients_, [](const Client &client) { return client.is_gone; });
}

Instant ControlSocket::next_timeout() const {
  Instant out = Instant::NEVER;
  for (const Client &client : this->clients_)
    out = earlier(out, client.half_since + HALF_REQUEST_TIME);
  return out;
}

}  // namespace microlink::tools
