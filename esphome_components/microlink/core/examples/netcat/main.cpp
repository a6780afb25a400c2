// SPDX-License-Identifier: MIT
/// Joins a tailnet, connects to a peer's TCP port and copies standard input and output, without an interface and
/// without privileges:
///
///     netcat CONTROL_URL STATE_DIR CA_FILE PEER PORT < request > answer      (auth key in MICROLINK_AUTH_KEY)
#include <fcntl.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>

#include "microlink/base/text.h"
#include "microlink/port/lwip/outbound_services.h"
#include "microlink/port/posix/node.h"

using namespace microlink;

namespace {

/// Standard input to one end of a socket pair, and that end to standard output; the peer has the other end.
class Pipe final : public posix::Companion {
 public:
  explicit Pipe(posix::Fd end) : end_(std::move(end)) {}
  bool finished() const { return this->output_ended_; }

  void watch(std::vector<pollfd> &fds) override {
    fds.push_back({this->input_ended_ ? -1 : STDIN_FILENO, POLLIN, 0});
    fds.push_back({this->output_ended_ ? -1 : this->end_.get(), POLLIN, 0});
  }
  void serve(Instant, std::span<const pollfd> fds) override {
    char bytes[4096];
    if (fds[0].revents != 0) {
      const ssize_t n = ::read(STDIN_FILENO, bytes, sizeof(bytes));
      this->input_ended_ = n <= 0 || ::send(this->end_.get(), bytes, static_cast<size_t>(n), MSG_NOSIGNAL) != n;
      if (this->input_ended_)
        (void) ::shutdown(this->end_.get(), SHUT_WR);
    }
    if (fds[1].revents != 0) {
      const ssize_t n = ::read(this->end_.get(), bytes, sizeof(bytes));
      this->output_ended_ = n <= 0 || ::write(STDOUT_FILENO, bytes, static_cast<size_t>(n)) != n;
    }
  }

 private:
  posix::Fd end_;
  bool input_ended_{false};
  bool output_ended_{false};
};

int fail(const std::string &problem) {
  std::fprintf(stderr, "netcat: %s\n", problem.c_str());
  return 1;
}

}  // namespace

int main(int argc, char **argv) {
  const auto port = argc == 6 ? parse_decimal(argv[5]) : Result<int64_t>(Error::MALFORMED);
  if (!port || *port < 1 || *port > UINT16_MAX)
    return fail("netcat CONTROL_URL STATE_DIR CA_FILE PEER PORT");
  posix::NodeOptions options;
  options.config.control_url.assign(argv[1]);
  options.config.hostname.assign("netcat");
  options.state_dir = argv[2];
  options.ca_file = argv[3];

  lwip::UserspaceStack stack;
  lwip::OutboundServices outbound(stack);
  posix::Node node(std::move(options), posix::make_client, &stack, nullptr, nullptr);
  std::string problem;
  if (node.open(problem) != posix::Node::Failure::NONE)
    return fail(problem);
  if (const char *key = std::getenv("MICROLINK_AUTH_KEY"); key != nullptr)
    node.set_auth_key(key);
  outbound.join(node.runner());
  stack.join(node.runner());
  if (problem = node.up(); !problem.empty())
    return fail(problem);
  const Instant patience = posix::monotonic_now() + seconds(30);
  while (node.snapshot().state != State::ONLINE && posix::monotonic_now() < patience)
    node.turn(patience);

  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail("no socket pair");
  Pipe pipe{posix::Fd(ends[0])};
  node.runner().add(&pipe);
  (void) outbound.connect(posix::monotonic_now(), posix::Fd(ends[1]), argv[4], static_cast<uint16_t>(*port));
  while (!pipe.finished())
    node.turn(Instant::NEVER);
  node.close();
  return 0;
}
