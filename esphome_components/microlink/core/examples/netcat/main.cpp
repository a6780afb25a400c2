// SPDX-License-Identifier: MIT
/// Standard input and output as one end of a TCP connection through the tailnet, without privileges:
///
///     netcat kitchen 7     connect to a port of a peer, by name or address
///     netcat -l 7          take one connection
///
/// See ../from_environment.h for how it joins; the first time it needs an auth key in MICROLINK_AUTH_KEY.
#include <unistd.h>

#include <cstdio>

#include "from_environment.h"
#include "microlink/base/text.h"
#include "microlink/port/lwip/stack_node.h"

using namespace microlink;

namespace {

/// Standard input, read when the loop finds it ready and only as fast as the connection takes it.
class StandardInput final : public posix::Companion {
 public:
  void watch(std::vector<pollfd> &fds) override {
    fds.push_back({this->ended_ || this->used_ != this->size_ ? -1 : STDIN_FILENO, POLLIN, 0});
  }
  void serve(Instant, std::span<const pollfd> fds) override {
    if (fds[0].revents == 0)
      return;
    const ssize_t n = ::read(STDIN_FILENO, this->bytes_.data(), this->bytes_.size());
    this->ended_ = n <= 0;
    this->size_ = n <= 0 ? 0 : static_cast<size_t>(n);
    this->used_ = 0;
  }
  void move_to(TcpConnection &connection) {
    while (this->used_ != this->size_) {
      const auto n = connection.write(ByteView(this->bytes_).subspan(this->used_, this->size_ - this->used_));
      if (!n)
        return;
      this->used_ += *n;
    }
    if (this->ended_ && !this->told_)
      this->told_ = connection.end() == Error::NONE;
  }

 private:
  Bytes<16384> bytes_{};
  size_t size_{0};
  size_t used_{0};
  bool ended_{false};
  bool told_{false};  ///< the peer knows that no more comes
};

/// What came, to standard output. Whether more may come.
bool move_to_output(TcpConnection &connection) {
  Bytes<16384> room;
  auto n = connection.read(room);
  for (; n && *n != 0; n = connection.read(room)) {
    if (::write(STDOUT_FILENO, room.data(), *n) != static_cast<ssize_t>(*n))
      return false;
  }
  return !n && n.error() == Error::NOT_READY;
}

int fail(const std::string &problem) {
  std::fprintf(stderr, "netcat: %s\n", problem.c_str());
  return 1;
}

}  // namespace

int main(int argc, char **argv) {
  const auto port = argc == 3 ? parse_decimal(argv[2]) : Result<int64_t>(Error::MALFORMED);
  if (!port || *port < 1 || *port > UINT16_MAX)
    return fail("netcat PEER PORT, or netcat -l PORT");
  const std::string peer = argv[1];
  const bool listens = peer == "-l";
  lwip::StackNode node(examples::options_from_environment("netcat"));
  if (const std::string problem = node.up(examples::variable("MICROLINK_AUTH_KEY")); !problem.empty())
    return fail(problem);

  TcpListener listener;
  TcpConnection connection;
  const Error error = listens ? listener.open(node.sockets(), static_cast<uint16_t>(*port))
                              : connection.connect(node.sockets(), peer, static_cast<uint16_t>(*port));
  if (error != Error::NONE)
    return fail(error_name(error));
  while (listens ? listener.accept(connection) == Error::NOT_READY : connection.status() == Error::NOT_READY)
    node.turn();
  listener.close();
  if (connection.status() != Error::NONE)
    return fail(peer + ": " + error_name(connection.status()));

  StandardInput input;
  node.node().runner().add(&input);
  while (connection.status() == Error::NONE && !connection.is_finished()) {
    input.move_to(connection);
    if (!move_to_output(connection))
      (void) connection.end();  // the peer has said all, and so do we
    node.turn();
  }
  (void) move_to_output(connection);
  const Error end = connection.status();
  node.node().runner().remove(&input);
  return end == Error::NONE ? 0 : fail(error_name(end));
}
