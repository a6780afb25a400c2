// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "microlink/base/ip.h"

namespace microlink::posix {

/// Host names to addresses without blocking: getaddrinfo() runs on worker threads that start when they are needed and
/// outlive a destroyed Resolver when a name server keeps them waiting.
class Resolver {
 public:
  /// Addresses in the order in which they should be tried; none = not found. Called on a worker thread.
  using Lookup = std::vector<IpAddress> (*)(const std::string &host);
  static std::vector<IpAddress> system_lookup(const std::string &host);

  struct Answer {
    uint32_t token;  ///< as given to start()
    std::string host;
    std::vector<IpAddress> addresses;
  };

  explicit Resolver(Lookup lookup = system_lookup);
  ~Resolver();
  Resolver(const Resolver &) = delete;
  Resolver &operator=(const Resolver &) = delete;

  /// Exactly one answer follows. A literal address is its own answer, without a worker; with MAX_WAITING names under
  /// way the answer is "not found".
  void start(uint32_t token, std::string_view host);
  /// Readable while poll() has an answer.
  int fd() const;
  std::optional<Answer> poll();

  static constexpr size_t MAX_WAITING = 32;
  static constexpr size_t MAX_WORKERS = 3;

 private:
  struct Shared;
  static void work_(std::shared_ptr<Shared> shared);
  std::shared_ptr<Shared> shared_;
};

}  // namespace microlink::posix
