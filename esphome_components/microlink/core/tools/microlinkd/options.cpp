// SPDX-License-Identifier: MIT
#include "microlinkd/options.h"

#include <getopt.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "microlink/base/text.h"
#include "microlink/control/server_url.h"
#include "microlink/keys/keys.h"
#include "microlinkd/allowed_peers.h"

namespace microlink::tools {

namespace {

enum Option : int {
  OPTION_CONTROL_URL = 256,
  OPTION_AUTH_KEY_FILE,
  OPTION_HOSTNAME,
  OPTION_STATE_DIR,
  OPTION_SOCKET,
  OPTION_CA_FILE,
  OPTION_CONTROL_KEY,
  OPTION_LISTEN_PORT,
  OPTION_REQUEST_TAGS,
  OPTION_RELAY_ONLY,
  OPTION_PLAIN_HTTP,
  OPTION_LOG_LEVEL,
  OPTION_RECORD,
  OPTION_START_DOWN,
  OPTION_TUN,
  OPTION_SERVE,
  OPTION_SOCKS5,
  OPTION_FORWARD,
  OPTION_ALLOW_PEER,
  OPTION_PRIORITY_PEER,
  OPTION_ALL,
  OPTION_NONE,
  OPTION_JSON,
  OPTION_UNTIL_DIRECT,
  OPTION_TIMEOUT,
  OPTION_WAIT,
  OPTION_VERSION,
};

struct NamedVerb {
  const char *name;
  Verb verb;
};
constexpr NamedVerb VERBS[] = {
    {"run", Verb::RUN},       {"status", Verb::STATUS},     {"peers", Verb::PEERS},
    {"ping", Verb::PING},     {"netcheck", Verb::NETCHECK}, {"rotate-key", Verb::ROTATE_KEY},
    {"allow", Verb::ALLOW},   {"down", Verb::DOWN},         {"up", Verb::UP},
    {"logout", Verb::LOGOUT}, {"watch", Verb::WATCH},       {"replay", Verb::REPLAY},
};

constexpr option SHARED_OPTIONS[] = {
    {"socket", required_argument, nullptr, OPTION_SOCKET},
    {"state-dir", required_argument, nullptr, OPTION_STATE_DIR},
    {"log-level", required_argument, nullptr, OPTION_LOG_LEVEL},
    {"help", no_argument, nullptr, 'h'},
    {"version", no_argument, nullptr, OPTION_VERSION},
};
constexpr option RUN_OPTIONS[] = {
    {"control-url", required_argument, nullptr, OPTION_CONTROL_URL},
    {"auth-key-file", required_argument, nullptr, OPTION_AUTH_KEY_FILE},
    {"hostname", required_argument, nullptr, OPTION_HOSTNAME},
    {"ca-file", required_argument, nullptr, OPTION_CA_FILE},
    {"control-key", required_argument, nullptr, OPTION_CONTROL_KEY},
    {"listen-port", required_argument, nullptr, OPTION_LISTEN_PORT},
    {"request-tags", required_argument, nullptr, OPTION_REQUEST_TAGS},
    {"relay-only", no_argument, nullptr, OPTION_RELAY_ONLY},
    {"insecure-plain-http", no_argument, nullptr, OPTION_PLAIN_HTTP},
    {"record", required_argument, nullptr, OPTION_RECORD},
    {"start-down", no_argument, nullptr, OPTION_START_DOWN},
    {"tun", required_argument, nullptr, OPTION_TUN},
    {"serve", required_argument, nullptr, OPTION_SERVE},
    {"socks5", required_argument, nullptr, OPTION_SOCKS5},
    {"forward", required_argument, nullptr, OPTION_FORWARD},
    {"allow-peer", required_argument, nullptr, OPTION_ALLOW_PEER},
    {"priority-peer", required_argument, nullptr, OPTION_PRIORITY_PEER},
};
constexpr option COMMAND_OPTIONS[] = {
    {"json", no_argument, nullptr, OPTION_JSON},
    {"count", required_argument, nullptr, 'c'},
    {"until-direct", no_argument, nullptr, OPTION_UNTIL_DIRECT},
    {"timeout", required_argument, nullptr, OPTION_TIMEOUT},
    {"wait", required_argument, nullptr, OPTION_WAIT},
    {"all", no_argument, nullptr, OPTION_ALL},
    {"none", no_argument, nullptr, OPTION_NONE},
};

std::string default_state_dir() {
  if (::geteuid() == 0)
    return "/var/lib/microlink";
  if (const char *state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state != '\0')
    return std::string(state) + "/microlink";
  const char *home = std::getenv("HOME");
  return std::string(home == nullptr ? "." : home) + "/.local/state/microlink";
}

bool fits_hostname(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

/// The machine's name without its domain, as far as it is fit for a node's name.
std::string machine_name() {
  char text[256] = {};
  if (::gethostname(text, sizeof(text) - 1) != 0)
    return "microlink";
  std::string out;
  for (const char *p = text; *p != '\0' && *p != '.' && out.size() < 63; p++) {
    out += fits_hostname(*p) ? *p : '-';
  }
  return out.empty() ? "microlink" : out;
}

bool is_hostname(std::string_view text) {
  if (text.empty() || text.size() > 63 || text.front() == '-' || text.back() == '-')
    return false;
  return std::ranges::all_of(text, fits_hostname);
}

template<size_t N> void assign(FixedString<N> &to, const char *name, const char *value, std::string &problem) {
  if (!to.assign(value))
    problem = std::string("--") + name + " is longer than " + std::to_string(N) + " characters";
}

void parse_tags(Options &out, std::string_view list) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    const std::string_view tag = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (!tag.starts_with("tag:") || tag.size() < 5 || tag.size() > MAX_TAG_BYTES) {
      out.problem = "\"" + std::string(tag) + "\" is not a tag; write --request-tags tag:NAME[,tag:NAME]";
      return;
    }
    if (!out.config.request_tags.push_back(tag)) {
      out.problem = "--request-tags takes at most " + std::to_string(out.config.request_tags.size()) + " tags";
      return;
    }
  }
}

void parse_level(Options &out, std::string_view name) {
  constexpr std::pair<std::string_view, LogLevel> LEVELS[] = {{"error", LogLevel::ERROR},
                                                              {"warning", LogLevel::WARNING},
                                                              {"info", LogLevel::INFO},
                                                              {"debug", LogLevel::DEBUG},
                                                              {"trace", LogLevel::TRACE}};
  for (const auto &[text, level] : LEVELS) {
    if (text == name) {
      out.log_level = level;
      return;
    }
  }
  out.problem = "--log-level is one of error, warning, info, debug, trace";
}

int64_t number(Options &out, const char *name, int64_t least, int64_t most) {
  const auto value = parse_decimal(optarg);
  if (value && *value >= least && *value <= most)
    return *value;
  out.problem = std::string("--") + name + " is a number from " + std::to_string(least) + " to " + std::to_string(most);
  return least;
}

/// What leads from this machine to peers and back, and which of them.
void apply_tailnet_option(Options &out, int which) {
  switch (which) {
    case OPTION_TUN:
      out.problem = out.overlay.set_tun(optarg);
      break;
    case OPTION_SERVE:
      out.problem = out.overlay.add_served(optarg);
      break;
    case OPTION_SOCKS5:
      out.problem = out.overlay.set_socks5(optarg);
      break;
    case OPTION_FORWARD:
      out.problem = out.overlay.add_forward(optarg);
      break;
    case OPTION_ALLOW_PEER:
      out.allowed_peers = (out.allowed_peers == "*" ? "" : out.allowed_peers + " ") + optarg;
      out.problem = problem_of_list(out.allowed_peers);
      break;
    case OPTION_PRIORITY_PEER:
      out.priority_peers += (out.priority_peers.empty() ? "" : " ") + std::string(optarg);
      out.problem = std::string_view(optarg) == "*" ? "\"*\" is no peer: --priority-peer needs one that is meant"
                                                    : problem_of_list(out.priority_peers);
      break;
    default:
      break;
  }
}

void apply_run_option(Options &out, int which) {
  switch (which) {
    case OPTION_CONTROL_URL:
      assign(out.config.control_url, "control-url", optarg, out.problem);
      break;
    case OPTION_AUTH_KEY_FILE:
      out.auth_key_file = optarg;
      break;
    case OPTION_HOSTNAME:
      if (is_hostname(optarg))
        out.config.hostname.assign(optarg);
      else
        out.problem = "--hostname takes 1 to 63 letters, digits and dashes";
      break;
    case OPTION_CA_FILE:
      out.ca_file = optarg;
      break;
    case OPTION_CONTROL_KEY:
      assign(out.config.control_key, "control-key", optarg, out.problem);
      if (!MachinePublic::parse(optarg))
        out.problem = "--control-key is \"mkey:\" and 64 hexadecimal digits, the publicKey of CONTROL-URL/key?v=131";
      break;
    case OPTION_LISTEN_PORT:
      out.listen_port = static_cast<uint16_t>(number(out, "listen-port", 0, UINT16_MAX));
      break;
    case OPTION_REQUEST_TAGS:
      parse_tags(out, optarg);
      break;
    case OPTION_RELAY_ONLY:
      out.config.relay_only = true;
      break;
    case OPTION_PLAIN_HTTP:
      out.config.allow_plain_http = true;
      break;
    case OPTION_RECORD:
      out.record_file = optarg;
      break;
    case OPTION_START_DOWN:
      out.start_down = true;
      break;
    default:
      apply_tailnet_option(out, which);
      break;
  }
}

void apply_option(Options &out, int which) {
  switch (which) {
    case OPTION_SOCKET:
      out.socket = optarg;
      break;
    case OPTION_STATE_DIR:
      out.state_dir = optarg;
      break;
    case OPTION_LOG_LEVEL:
      parse_level(out, optarg);
      break;
    case OPTION_JSON:
      out.json = true;
      break;
    case 'c':
      out.count = static_cast<uint32_t>(number(out, "count", 1, 1'000'000));
      break;
    case OPTION_UNTIL_DIRECT:
      out.until_direct = true;
      break;
    case OPTION_TIMEOUT:
      out.timeout = seconds(number(out, "timeout", 1, 86'400));
      break;
    case OPTION_WAIT:
      out.wait = seconds(number(out, "wait", 0, 86'400));
      break;
    case OPTION_ALL:
      out.allow = "*";
      break;
    case OPTION_NONE:
      out.allow = "";
      break;
    case OPTION_VERSION:
      out.verb = Verb::VERSION;
      break;
    case 'h':
      out.verb = Verb::HELP;
      break;
    default:
      apply_run_option(out, which);
  }
}

/// getopt takes any unambiguous beginning of an option: "--auth-key SECRET" would be understood as a file's name.
void refuse_unknown(Options &out, std::span<const char *const> arguments, const std::vector<option> &known) {
  for (const std::string_view argument : arguments) {
    if (argument == "--")
      return;
    const std::string_view name = argument.substr(0, argument.find('='));
    if (name.starts_with("--") &&
        std::none_of(known.begin(), known.end(), [name](const option &o) { return name.substr(2) == o.name; }))
      out.problem = std::string(name) + " is not an option here; try: microlinkd --help";
  }
}

void take_words(Options &out, int argc, char **argv) {
  if (out.verb == Verb::ALLOW) {
    if (out.allow && optind < argc)
      out.problem = "--all and --none stand alone";
    for (; optind < argc; optind++)
      out.allow = (out.allow ? *out.allow + " " : "") + argv[optind];
    if (out.allow && out.problem.empty())
      out.problem = problem_of_list(*out.allow);
    return;
  }
  if (out.allow) {
    out.problem = "--all and --none belong to: microlinkd allow";
    return;
  }
  std::string *wanted = out.verb == Verb::PING ? &out.peer : out.verb == Verb::REPLAY ? &out.recording : nullptr;
  if (wanted != nullptr && optind < argc)
    *wanted = argv[optind++];
  if (optind < argc)
    out.problem = std::string("\"") + argv[optind] + "\" is one word too many";
  else if (wanted != nullptr && wanted->empty())
    out.problem = out.verb == Verb::PING ? "whom? write: microlinkd ping PEER" : "what? write: microlinkd replay FILE";
}

void fill_defaults(Options &out) {
  if (out.state_dir.empty())
    out.state_dir = default_state_dir();
  if (out.socket.empty())
    out.socket = out.state_dir + "/microlinkd.sock";
  if (out.config.hostname.empty())
    out.config.hostname.assign(machine_name());
  if (out.verb == Verb::RUN && out.problem.empty())
    out.problem = out.overlay.contradiction();
  const std::string_view url = out.config.control_url.view();
  const bool plain = url.starts_with("http://");
  if (out.verb == Verb::RUN && out.problem.empty() && !control::ServerUrl::parse(url))
    out.problem =
        "--control-url is https://HOST or https://HOST:PORT, without a path; not \"" + std::string(url) + "\"";
  if (out.verb == Verb::RUN && out.problem.empty() && plain && !out.config.allow_plain_http)
    out.problem = "an http:// control URL is not protected; use https://, or --insecure-plain-http in a test";
}

}  // namespace

Options parse_options(std::span<const char *const> arguments) {
  Options out;
  if (arguments.empty()) {
    out.problem = "what? try: microlinkd --help";
    return out;
  }
  bool named = false;
  out.verb = Verb::RUN;  // options without a command are the daemon's
  for (const NamedVerb &each : VERBS) {
    if (arguments[0] == std::string_view(each.name)) {
      out.verb = each.verb;
      named = true;
    }
  }
  if (!named && arguments[0][0] != '-') {
    out.problem = std::string("\"") + arguments[0] + "\" is not a command; try: microlinkd --help";
    return out;
  }
  std::vector<option> known(std::begin(SHARED_OPTIONS), std::end(SHARED_OPTIONS));
  if (out.verb == Verb::RUN)
    known.insert(known.end(), std::begin(RUN_OPTIONS), std::end(RUN_OPTIONS));
  else
    known.insert(known.end(), std::begin(COMMAND_OPTIONS), std::end(COMMAND_OPTIONS));
  refuse_unknown(out, arguments, known);
  known.push_back({nullptr, 0, nullptr, 0});
  // getopt wants a writable argv whose first entry is the program; with a verb, that is the first entry.
  std::vector<std::string> copies(arguments.begin(), arguments.end());
  if (!named)
    copies.insert(copies.begin(), "microlinkd");
  std::vector<char *> argv;
  argv.reserve(copies.size() + 1);
  for (std::string &copy : copies)
    argv.push_back(copy.data());
  argv.push_back(nullptr);
  const int argc = static_cast<int>(copies.size());
  optind = 0;  // glibc: start anew
  opterr = 0;
  const char *letters = out.verb != Verb::RUN ? ":hc:" : ":h";
  for (int which;
       out.problem.empty() && (which = ::getopt_long(argc, argv.data(), letters, known.data(), nullptr)) != -1;) {
    if (which == '?')
      out.problem =
          std::string(argv[static_cast<size_t>(optind - 1)]) + " is not an option here; try: microlinkd --help";
    else if (which == ':')
      out.problem = std::string(argv[static_cast<size_t>(optind - 1)]) + " needs a value";
    else
      apply_option(out, which);
  }
  if (out.verb == Verb::HELP || out.verb == Verb::VERSION)
    return out;
  if (out.problem.empty())
    take_words(out, argc, argv.data());
  fill_defaults(out);
  return out;
}

}  // namespace microlink::tools
