// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/resolver.h"

#include <netdb.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "microlink/port/posix/fd.h"
#include "microlink/port/posix/sockets.h"

namespace microlink::posix {

namespace {
// A worker that is only about to leave gets this long; one that waits for a name server is left alone.
constexpr std::chrono::milliseconds LEAVE_TIME{100};
}  // namespace

/// One mutex guards everything but the descriptor; lookups run without it.
struct Resolver::Shared {
  struct Request {
    uint32_t token;
    std::string host;
  };
  explicit Shared(Lookup with) : lookup(with), wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

  void answer(Answer what) {
    this->answers.push_back(std::move(what));
    const uint64_t one = 1;
    (void) !::write(this->wake.get(), &one, sizeof(one));
  }

  const Lookup lookup;
  const Fd wake;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Request> requests;
  std::deque<Answer> answers;
  size_t workers{0};
  size_t idle{0};
  bool closing{false};
};

Resolver::Resolver(Lookup lookup) : shared_(std::make_shared<Shared>(lookup)) {}

Resolver::~Resolver() {
  std::unique_lock lock(this->shared_->mutex);
  this->shared_->closing = true;
  this->shared_->requests.clear();
  this->shared_->changed.notify_all();
  this->shared_->changed.wait_for(lock, LEAVE_TIME, [this] { return this->shared_->workers == 0; });
}

int Resolver::fd() const { return this->shared_->wake.get(); }

void Resolver::start(uint32_t token, std::string_view host) {
  const std::lock_guard lock(this->shared_->mutex);
  if (const auto literal = parse_ip(host)) {
    this->shared_->answer({token, std::string(host), {*literal}});
    return;
  }
  if (host.empty() || this->shared_->requests.size() >= MAX_WAITING) {
    this->shared_->answer({token, std::string(host), {}});
    return;
  }
  this->shared_->requests.push_back({token, std::string(host)});
  if (this->shared_->idle < this->shared_->requests.size() && this->shared_->workers < MAX_WORKERS) {
    this->shared_->workers++;
    std::thread(work_, this->shared_).detach();
  }
  this->shared_->changed.notify_one();
}

std::optional<Resolver::Answer> Resolver::poll() {
  const std::lock_guard lock(this->shared_->mutex);
  uint64_t count = 0;
  (void) !::read(this->shared_->wake.get(), &count, sizeof(count));
  if (this->shared_->answers.empty())
    return std::nullopt;
  Answer out = std::move(this->shared_->answers.front());
  this->shared_->answers.pop_front();
  if (!this->shared_->answers.empty()) {
    const uint64_t one = 1;
    (void) !::write(this->shared_->wake.get(), &one, sizeof(one));
  }
  return out;
}

void Resolver::work_(std::shared_ptr<Shared> shared) {
  std::unique_lock lock(shared->mutex);
  while (!shared->closing) {
    if (shared->requests.empty()) {
      shared->idle++;
      shared->changed.wait(lock, [&shared] { return shared->closing || !shared->requests.empty(); });
      shared->idle--;
      continue;
    }
    Shared::Request request = std::move(shared->requests.front());
    shared->requests.pop_front();
    lock.unlock();
    std::vector<IpAddress> found = shared->lookup(request.host);
    lock.lock();
    shared->answer({request.token, std::move(request.host), std::move(found)});
  }
  shared->workers--;
  shared->changed.notify_all();
}

std::vector<IpAddress> Resolver::system_lookup(const std::string &host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo *found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0)
    return {};
  std::vector<IpAddress> out;
  for (const addrinfo *each = found; each != nullptr; each = each->ai_next) {
    sockaddr_storage address{};
    std::copy_n(reinterpret_cast<const uint8_t *>(each->ai_addr), std::min<size_t>(each->ai_addrlen, sizeof(address)),
                reinterpret_cast<uint8_t *>(&address));
    const IpAddress ip = from_sockaddr(address).address;
    if (ip.is_set() && std::find(out.begin(), out.end(), ip) == out.end())
      out.push_back(ip);
  }
  ::freeaddrinfo(found);
  return out;
}

}  // namespace microlink::posix
#endif  // __linux__
