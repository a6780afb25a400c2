// SPDX-License-Identifier: MIT
#include "microlinkd/daemon.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "microlink/version.h"
#include "microlinkd/control_socket.h"
#include "microlinkd/local_overlay.h"
#include "microlinkd/log_stderr.h"
#include "microlinkd/signals.h"

namespace microlink::tools {

namespace {

constexpr size_t MAX_AUTH_KEY_BYTES = 128;  // Client::set_auth_key()

ExitCode fail(ExitCode code, const std::string &problem) {
  std::fprintf(stderr, "microlinkd: %s\n", problem.c_str());
  return code;
}

posix::NodeOptions node_options(const Options &options) {
  posix::NodeOptions out;
  out.config = options.config;
  out.config.allowed_peers = options.allowed_peers;
  out.config.priority_peers = options.priority_peers;
  out.state_dir = options.state_dir;
  out.ca_file = options.ca_file;
  out.record_file = options.record_file;
  out.runner.listen_port = options.listen_port;
  return out;
}

ExitCode exit_code_of(posix::Node::Failure failure) {
  return failure == posix::Node::Failure::SOCKETS ? ExitCode::FAILED : ExitCode::STATE_DIR;
}

}  // namespace

std::string read_auth_key(const std::string &path, const Log &log, std::string &problem) {
  const posix::Fd file(path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat about{};
  if (!file.valid() || ::fstat(file.get(), &about) != 0) {
    problem = "cannot read the auth key in " + path + ": " + std::strerror(errno);
    return {};
  }
  if (S_ISREG(about.st_mode) && (about.st_mode & 077U) != 0)
    log.warning("the auth key in %s is open to others; run: chmod 600 %s", path.c_str(), path.c_str());
  std::string text;
  char buffer[256];
  for (ssize_t n; text.size() <= sizeof(buffer) && (n = ::read(file.get(), buffer, sizeof(buffer))) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  const size_t from = text.find_first_not_of(" \t\r\n");
  text = from == std::string::npos ? std::string() : text.substr(from, text.find_first_of(" \t\r\n", from) - from);
  if (text.empty() || text.size() > MAX_AUTH_KEY_BYTES) {
    problem = path + " does not hold an auth key";
    return {};
  }
  return text;
}

ExitCode run_daemon(const Options &options, const posix::DrivenFactory &factory) {
  LogStderr sink(options.log_level);
  const Log log(&sink, "daemon");
  Signals signals;
  Requests requests;
  LocalOverlay overlay(options.overlay, &sink);
  std::string problem = overlay.open();
  if (!problem.empty())
    return fail(ExitCode::FAILED, problem);
  posix::NodeOptions about = node_options(options);
  about.config.overlay_ipv6 = overlay.takes_ipv6();
  about.runner.ignored_interfaces = overlay.interfaces();
  posix::Node node(std::move(about), factory, overlay.interface(), &requests, &sink);
  const posix::Node::Failure failure = node.open(problem);
  if (failure != posix::Node::Failure::NONE)
    return fail(exit_code_of(failure), problem);
  std::string first_key;
  if (!options.auth_key_file.empty()) {
    first_key = read_auth_key(options.auth_key_file, log, problem);
    if (!problem.empty())
      return fail(ExitCode::STATE_DIR, problem);
    node.set_auth_key(std::move(first_key));
  }
  requests.use(&node, [&options, &log] {
    std::string ignored;
    const bool again = !options.auth_key_file.empty() && options.auth_key_file != "-";
    return again ? read_auth_key(options.auth_key_file, log, ignored) : std::string();
  });
  ControlSocket socket(requests);
  problem = socket.open(options.socket);
  if (problem.empty() && !options.start_down)
    problem = node.up();
  if (!problem.empty())
    return fail(ExitCode::STATE_DIR, problem);
  overlay.join(node.runner());
  node.runner().add(&signals);
  node.runner().add(&socket);
  log.info("microlinkd %s, %s, UDP port %u", VERSION, options.config.control_url.c_str(), node.runner().udp_port());
  while (!signals.stop_asked()) {
    node.turn(requests.next_timeout(posix::monotonic_now()));
    const Instant now = posix::monotonic_now();
    requests.update(now);
    socket.flush(now);
  }
  node.close();
  log.info("stopped");
  return ExitCode::OK;
}

}  // namespace microlink::tools
