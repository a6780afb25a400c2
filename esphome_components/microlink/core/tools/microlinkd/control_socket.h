// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "microlink/port/posix/companion.h"
#include "microlink/port/posix/fd.h"
#include "microlinkd/requests.h"

namespace microlink::tools {

/// The daemon's Unix socket: requests and answers as lines of JSON. Bounded in every direction: clients, bytes of a
/// request, time for a half-sent one, bytes that a slow reader may leave behind.
class ControlSocket final : public posix::Companion {
 public:
  explicit ControlSocket(Requests &requests) : requests_(requests) {}
  ~ControlSocket() override;

  /// Mode 0600. A socket that nobody serves is replaced. Empty, or one line that says what is wrong.
  std::string open(const std::string &path);
  /// Hand the answers that are ready to the clients.
  void flush(Instant now);

  void watch(std::vector<pollfd> &fds) override;
  void serve(Instant now, std::span<const pollfd> fds) override;
  Instant next_timeout() const override;

  static constexpr size_t MAX_CLIENTS = 8;
  static constexpr size_t MAX_REQUEST_BYTES = 4096;
  static constexpr size_t MAX_WAITING_BYTES = 256 * 1024;
  static constexpr Duration HALF_REQUEST_TIME = seconds(5);

 private:
  struct Client {
    Requests::ClientId id;
    posix::Fd fd;
    std::string in;
    std::string out;
    Instant half_since{Instant::NEVER};
    bool waits_for_answer{false};
    bool is_over{false};  ///< the client will send nothing more
    bool is_gone{false};
  };

  void accept_(Instant now);
  void receive_(Instant now, Client &client);
  void take_requests_(Instant now, Client &client);
  void send_(Client &client);
  void remove_gone_();

  Requests &requests_;
  posix::Fd listener_;
  std::string path_;
  std::vector<Client> clients_;
  Requests::ClientId next_id_{1};
};

}  // namespace microlink::tools
