// SPDX-License-Identifier: MIT
#include "microlinkd/control_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <fstream>

#include "microlinkd/daemon.h"
#include "tests/port/posix/scripted.h"

namespace microlink::tools {
namespace {

using posix::Fd;
using posix::TemporaryDir;

class ControlSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    posix::NodeOptions options;
    options.state_dir = this->dir / "s";
    this->node = std::make_unique<posix::Node>(options, posix::scripted_factory(this->script), nullptr, &this->requests,
                                               nullptr);
    std::string problem;
    ASSERT_EQ(this->node->open(problem), posix::Node::Failure::NONE) << problem;
    this->requests.use(this->node.get(), nullptr);
    ASSERT_EQ(this->socket.open(this->path()), "");
  }
  std::string path() const { return this->dir / "sock"; }
  Fd connect() const {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, this->path().c_str());
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)), 0);
    return fd;
  }
  static void send(const Fd &fd, const std::string &text) {
    EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  /// What the loop does in a few turns, without waiting: everything here is local, so it is there at once.
  void serve() {
    for (int i = 0; i != 4; i++) {
      std::vector<pollfd> fds;
      this->socket.watch(fds);
      ::poll(fds.data(), fds.size(), 0);
      this->socket.serve(this->now, fds);
      this->requests.update(this->now);
      this->socket.flush(this->now);
    }
  }
  /// Everything that came; "…EOF" when the daemon hung up.
  static std::string receive(const Fd &fd) {
    std::string out;
    char buffer[4096];
    ssize_t n;
    while ((n = ::recv(fd.get(), buffer, sizeof(buffer), 0)) > 0)
      out.append(buffer, static_cast<size_t>(n));
    return n == 0 ? out + "EOF" : out;
  }

  TemporaryDir dir;
  posix::Script script;
  Requests requests;
  std::unique_ptr<posix::Node> node;
  ControlSocket socket{requests};
  Instant now = static_cast<Instant>(1'000'000'000);
  const std::string status = "{\"command\":\"status\"}\n";
  const std::string answer = status_json({}) + "\n";
};

TEST_F(ControlSocketTest, is_private_and_goes_with_the_daemon) {
  struct stat about{};
  ASSERT_EQ(::stat(this->path().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0600U);
  ControlSocket second(this->requests);
  EXPECT_NE(second.open(this->path()).find("another daemon"), std::string::npos);
  EXPECT_NE(second.open("/" + std::string(200, 'x')).find("too long"), std::string::npos);
  EXPECT_NE(second.open(this->dir / "no/such/dir"), "");
}

TEST_F(ControlSocketTest, replaces_a_socket_that_nobody_serves) {
  {
    Fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, (this->dir / "dead").c_str());
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)), 0);
  }
  ControlSocket second(this->requests);
  EXPECT_EQ(second.open(this->dir / "dead"), "");
  std::ofstream(this->dir / "file") << "precious";
  ControlSocket third(this->requests);
  EXPECT_NE(third.open(this->dir / "file"), "");
  EXPECT_TRUE(std::filesystem::exists(this->dir / "file"));
}

TEST_F(ControlSocketTest, answers_whole_split_and_pipelined_requests_alike) {
  const Fd whole = this->connect();
  const Fd split = this->connect();
  const Fd several = this->connect();
  send(whole, this->status);
  send(several, this->status + this->status + this->status);
  this->serve();
  for (const char c : this->status) {
    send(split, std::string(1, c));
    this->serve();
  }
  EXPECT_EQ(receive(whole), this->answer);
  EXPECT_EQ(receive(split), this->answer);
  EXPECT_EQ(receive(several), this->answer + this->answer + this->answer);
}

TEST_F(ControlSocketTest, answers_a_client_that_only_listens_any_more) {
  const Fd client = this->connect();
  send(client, this->status);
  ::shutdown(client.get(), SHUT_WR);
  this->serve();
  EXPECT_EQ(receive(client), this->answer + "EOF");
}

TEST_F(ControlSocketTest, refuses_the_ninth_client_and_takes_another_when_one_left) {
  std::vector<Fd> clients;
  for (size_t i = 0; i != ControlSocket::MAX_CLIENTS; i++)
    clients.push_back(this->connect());
  this->serve();
  const Fd ninth = this->connect();
  this->serve();
  EXPECT_NE(receive(ninth).find("busy"), std::string::npos);
  clients.pop_back();
  this->serve();
  const Fd tenth = this->connect();
  this->serve();
  send(tenth, this->status);
  this->serve();
  EXPECT_EQ(receive(tenth), this->answer);
}

TEST_F(ControlSocketTest, refuses_an_endless_request) {
  const Fd client = this->connect();
  send(client, std::string(ControlSocket::MAX_REQUEST_BYTES + 1, 'x'));
  this->serve();
  EXPECT_NE(receive(client).find("too long"), std::string::npos);
}

TEST_F(ControlSocketTest, hangs_up_on_a_half_request) {
  const Fd half = this->connect();
  const Fd idle = this->connect();
  this->serve();
  send(half, "{\"command\"");
  this->serve();
  EXPECT_EQ(this->socket.next_timeout(), this->now + ControlSocket::HALF_REQUEST_TIME);
  this->now = this->now + ControlSocket::HALF_REQUEST_TIME;
  this->serve();
  EXPECT_EQ(receive(half), "EOF");
  EXPECT_EQ(receive(idle), "");
  EXPECT_EQ(this->socket.next_timeout(), Instant::NEVER);
}

TEST_F(ControlSocketTest, drops_a_watcher_that_does_not_read) {
  ASSERT_EQ(this->node->up(), "");
  const Fd lazy = this->connect();
  send(lazy, "{\"command\":\"watch\"}\n");
  this->serve();
  const std::string text(4000, 'x');
  for (int i = 0; i != 500; i++) {
    this->script.events.push_back({.kind = Event::Kind::MESSAGE, .text = text});
    this->node->runner().drain();
    this->socket.flush(this->now);
  }
  EXPECT_NE(receive(lazy).find("EOF"), std::string::npos);
}

TEST(AuthKey, is_the_first_word_of_its_file) {
  TemporaryDir dir;
  const Log log(nullptr, "test");
  std::string problem;
  std::ofstream(dir / "key") << "\n tskey-auth-x\nsecond\n";
  EXPECT_EQ(read_auth_key(dir / "key", log, problem), "tskey-auth-x");
  EXPECT_EQ(problem, "");
  std::ofstream(dir / "empty") << " \n";
  EXPECT_EQ(read_auth_key(dir / "empty", log, problem), "");
  EXPECT_NE(problem, "");
  problem.clear();
  std::ofstream(dir / "long") << std::string(129, 'k');
  EXPECT_EQ(read_auth_key(dir / "long", log, problem), "");
  EXPECT_NE(problem, "");
  problem.clear();
  EXPECT_EQ(read_auth_key(dir / "missing", log, problem), "");
  EXPECT_NE(problem, "");
}

}  // namespace
}  // namespace microlink::tools
