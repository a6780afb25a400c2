// SPDX-License-Identifier: MIT
#include "microlinkd/command_line.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "microlink/json/writer.h"
#include "microlink/port/posix/clock.h"
#include "microlink/port/posix/fd.h"
#include "microlinkd/allowed_peers.h"
#include "microlinkd/render.h"

namespace microlink::tools {

namespace {

constexpr char SEPARATORS[] = " ,\t\r\n";
constexpr size_t MAX_ANSWER_BYTES = 4 << 20;
constexpr Duration PING_PAUSE = seconds(1);
constexpr Duration STATUS_PAUSE = milliseconds(100);
constexpr uint32_t UNTIL_DIRECT_COUNT = 10;  // as many pings as `tailscale ping` sends by default

ExitCode fail(ExitCode code, const std::string &problem) {
  std::fprintf(stderr, "microlinkd: %s\n", problem.c_str());
  return code;
}

void pause(Duration length) { ::poll(nullptr, 0, static_cast<int>(to_milliseconds(length))); }

/// One connection to the daemon.
class Connection {
 public:
  ExitCode open(const std::string &path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    this->fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const bool fits = path.size() < sizeof(address.sun_path);
    std::memcpy(address.sun_path, path.data(), fits ? path.size() : 0);
    if (!fits || ::connect(this->fd_.get(), reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0)
      return fail(ExitCode::NO_DAEMON, "cannot reach a daemon at " + path + ": " +
                                           std::strerror(fits ? errno : ENAMETOOLONG) +
                                           "; is the daemon running? Else name it with --socket");
    return ExitCode::OK;
  }
  bool send(std::string_view line) {
    const std::string whole = std::string(line) + "\n";
    return ::send(this->fd_.get(), whole.data(), whole.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(whole.size());
  }
  /// The next line. NO_DAEMON: it hung up. TIMED_OUT.
  ExitCode receive(Instant deadline, std::string &line) {
    for (;;) {
      const size_t end = this->buffer_.find('\n');
      if (end != std::string::npos) {
        line = this->buffer_.substr(0, end);
        this->buffer_.erase(0, end + 1);
        return ExitCode::OK;
      }
      const int64_t left = deadline == Instant::NEVER ? -1 : to_milliseconds(deadline - posix::monotonic_now());
      if (deadline != Instant::NEVER && left <= 0)
        return fail(ExitCode::TIMED_OUT, "no answer from the daemon in time");
      pollfd ready{this->fd_.get(), POLLIN, 0};
      if (::poll(&ready, 1, static_cast<int>(std::min<int64_t>(left, 60'000))) == 0)
        continue;
      char bytes[4096];
      const ssize_t n = ::recv(this->fd_.get(), bytes, sizeof(bytes), 0);
      if (n <= 0 || this->buffer_.size() > MAX_ANSWER_BYTES)
        return fail(ExitCode::NO_DAEMON, "the daemon hung up; see its log");
      this->buffer_.append(bytes, static_cast<size_t>(n));
    }
  }

 private:
  posix::Fd fd_;
  std::string buffer_;
};

std::string allow_line(const std::optional<std::string> &list) {
  std::vector<uint8_t> room(4096);
  json::Writer out(room);
  out.begin_object().key("command").string("allow");
  if (list) {
    out.key("peers").begin_array();
    for (size_t from = 0; (from = list->find_first_not_of(SEPARATORS, from)) != std::string::npos;) {
      const size_t end = std::min(list->find_first_of(SEPARATORS, from), list->size());
      out.string(std::string_view(*list).substr(from, end - from));
      from = end;
    }
    out.end_array();
  }
  out.end_object();
  return std::string(out.text());
}

std::string request_line(std::string_view command, const std::string &peer = {}) {
  std::vector<uint8_t> room(1024 + 6 * peer.size());
  json::Writer out(room);
  out.begin_object().key("command").string(command);
  if (!peer.empty())
    out.key("peer").string(peer);
  out.end_object();
  return std::string(out.text());
}

struct Answer {
  ExitCode code{ExitCode::OK};
  std::string line;
  JsonValue value;
};

/// Ask once. An error reply is printed and becomes the exit code.
Answer ask(Connection &connection, const std::string &request, Duration timeout) {
  Answer out;
  if (!connection.send(request)) {
    out.code = fail(ExitCode::NO_DAEMON, "the daemon hung up; see its log");
    return out;
  }
  out.code = connection.receive(posix::monotonic_now() + timeout, out.line);
  if (out.code != ExitCode::OK)
    return out;
  auto value = JsonValue::parse(out.line);
  if (!value) {
    out.code = fail(ExitCode::FAILED, "the daemon's answer makes no sense");
    return out;
  }
  out.value = std::move(*value);
  if (const JsonValue &error = out.value["error"]; error.is(JsonValue::Kind::OBJECT))
    out.code = fail(exit_code_of(error["code"].text()), error["message"].text());
  return out;
}

ExitCode ping(Connection &connection, const Options &options) {
  const uint32_t count = options.until_direct ? std::max(options.count, UNTIL_DIRECT_COUNT) : options.count;
  ExitCode code = ExitCode::FAILED;
  for (uint32_t i = 0; i != count; i++) {
    if (i != 0)
      pause(PING_PAUSE);
    const Answer answer = ask(connection, request_line("ping", options.peer), options.timeout);
    code = answer.code;
    if (code != ExitCode::OK && code != ExitCode::TIMED_OUT)
      return code;
    if (code != ExitCode::OK)
      continue;
    std::fputs(options.json ? (answer.line + "\n").c_str() : render_pong(answer.value).c_str(), stdout);
    std::fflush(stdout);
    const bool direct = answer.value["via"].text() == "direct";
    if (options.until_direct && direct)
      return ExitCode::OK;
    if (options.until_direct)
      code = ExitCode::TIMED_OUT;
  }
  if (options.until_direct && code == ExitCode::TIMED_OUT)
    return fail(code, "no direct path to " + options.peer);
  return code;
}

/// After `up`: until the node is online, or cannot be.
ExitCode wait_until_online(Connection &connection, const Options &options) {
  const Instant deadline = posix::monotonic_now() + options.wait;
  for (;;) {
    const Answer answer = ask(connection, request_line("status"), options.timeout);
    if (answer.code != ExitCode::OK)
      return answer.code;
    const std::string &state = answer.value["state"].text();
    if (state == "online")
      return ExitCode::OK;
    const bool needs_person = state == "needs-login" && !answer.value["login_url"].text().empty();
    if (state == "rejected" || state == "key-expired" || needs_person) {
      std::fputs(render_status(answer.value).c_str(), stdout);
      return fail(ExitCode::REFUSED, "the node is not let in: " + state);
    }
    if (posix::monotonic_now() >= deadline)
      return fail(ExitCode::TIMED_OUT, "the node is not online yet: " + state);
    pause(STATUS_PAUSE);
  }
}

ExitCode watch(Connection &connection) {
  if (!connection.send(request_line("watch")))
    return fail(ExitCode::NO_DAEMON, "the daemon hung up; see its log");
  std::string line;
  for (;;) {
    const ExitCode code = connection.receive(Instant::NEVER, line);
    if (code != ExitCode::OK)
      return code;
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }
}

const char *command_name(Verb verb) {
  switch (verb) {
    case Verb::PEERS:
      return "peers";
    case Verb::NETCHECK:
      return "netcheck";
    case Verb::ROTATE_KEY:
      return "rotate-key";
    case Verb::DOWN:
      return "down";
    case Verb::UP:
      return "up";
    case Verb::LOGOUT:
      return "logout";
    default:
      return "status";
  }
}

std::string render(Verb verb, const JsonValue &value) {
  switch (verb) {
    case Verb::STATUS:
      return render_status(value);
    case Verb::PEERS:
      return render_peers(value);
    case Verb::NETCHECK:
      return render_netcheck(value);
    case Verb::ROTATE_KEY:
      return "the node key is " + value["node_key"].text() + " now\n";
    case Verb::ALLOW:
      return render_allowed_peers(value);
    default:
      return {};
  }
}

}  // namespace

ExitCode run_command(const Options &options) {
  Connection connection;
  const ExitCode reached = connection.open(options.socket);
  if (reached != ExitCode::OK)
    return reached;
  if (options.verb == Verb::PING)
    return ping(connection, options);
  if (options.verb == Verb::WATCH)
    return watch(connection);
  // The daemon itself bounds how long these take.
  const bool takes_long = options.verb == Verb::ROTATE_KEY || options.verb == Verb::LOGOUT;
  const Duration timeout = takes_long ? std::max(options.timeout, seconds(35)) : options.timeout;
  const std::string request =
      options.verb == Verb::ALLOW ? allow_line(options.allow) : request_line(command_name(options.verb));
  const Answer answer = ask(connection, request, timeout);
  if (answer.code != ExitCode::OK)
    return answer.code;
  std::fputs(options.json ? (answer.line + "\n").c_str() : render(options.verb, answer.value).c_str(), stdout);
  if (options.verb == Verb::UP && options.wait != Duration::ZERO)
    return wait_until_online(connection, options);
  return ExitCode::OK;
}

}  // namespace microlink::tools
