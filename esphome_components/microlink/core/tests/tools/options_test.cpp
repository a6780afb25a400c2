// SPDX-License-Identifier: MIT
#include "microlinkd/options.h"

#include <gtest/gtest.h>

#include <vector>

namespace microlink::tools {
namespace {

const char *const MKEY = "mkey:0101010101010101010101010101010101010101010101010101010101010101";

Options parse(std::vector<const char *> arguments) { return parse_options(arguments); }

TEST(Options, the_daemons) {
  const Options o = parse({"run",
                           "--control-url",
                           "https://c.test:8443",
                           "--auth-key-file=/k",
                           "--hostname",
                           "probe-1",
                           "--state-dir",
                           "/s",
                           "--ca-file",
                           "/ca",
                           "--control-key",
                           MKEY,
                           "--listen-port",
                           "41641",
                           "--request-tags",
                           "tag:a,tag:b",
                           "--relay-only",
                           "--log-level",
                           "trace",
                           "--record",
                           "/r"});
  EXPECT_EQ(o.problem, "");
  EXPECT_EQ(o.verb, Verb::RUN);
  EXPECT_EQ(o.config.control_url, "https://c.test:8443");
  EXPECT_EQ(o.auth_key_file, "/k");
  EXPECT_EQ(o.config.hostname, "probe-1");
  EXPECT_EQ(o.socket, "/s/microlinkd.sock");
  EXPECT_EQ(o.ca_file, "/ca");
  EXPECT_EQ(o.listen_port, 41641);
  ASSERT_EQ(o.config.request_tags.size(), 2U);
  EXPECT_EQ(o.config.request_tags[1], "tag:b");
  EXPECT_TRUE(o.config.relay_only);
  EXPECT_EQ(o.log_level, LogLevel::TRACE);
  EXPECT_EQ(o.record_file, "/r");
}

TEST(Options, who_is_allowed) {
  EXPECT_EQ(parse({"run"}).allowed_peers, "*");
  EXPECT_EQ(parse({"run", "--allow-peer", "phone", "--allow-peer", "tag:a"}).allowed_peers, "phone tag:a");
  EXPECT_NE(parse({"run", "--allow-peer", "phone", "--allow-peer", "*"}).problem.find("\"*\""), std::string::npos);
  EXPECT_EQ(parse({"run", "--priority-peer", "phone", "--priority-peer", "tag:a"}).priority_peers, "phone tag:a");
  EXPECT_EQ(parse({"run", "--priority-peer", "phone"}).allowed_peers, "*");
  EXPECT_NE(parse({"run", "--priority-peer", "*"}).problem.find("is no peer"), std::string::npos);
  EXPECT_NE(parse({"run", "--priority-peer", "100.64.0.300"}).problem.find("is no peer"), std::string::npos);
  EXPECT_NE(parse({"run", "--allow-peer", "100.64.0.300"}).problem.find("is no peer"), std::string::npos);
  const Options shown = parse({"allow", "--json"});
  EXPECT_EQ(shown.problem, "");
  EXPECT_EQ(shown.verb, Verb::ALLOW);
  EXPECT_FALSE(shown.allow);
  EXPECT_EQ(parse({"allow", "phone", "100.64.0.0/10"}).allow, "phone 100.64.0.0/10");
  EXPECT_EQ(parse({"allow", "--all"}).allow, "*");
  EXPECT_EQ(parse({"allow", "--none"}).allow, "");
  EXPECT_NE(parse({"allow", "--all", "phone"}).problem.find("stand alone"), std::string::npos);
  EXPECT_NE(parse({"allow", "tag:"}).problem.find("is no peer"), std::string::npos);
  EXPECT_NE(parse({"status", "--all"}).problem.find("microlinkd allow"), std::string::npos);
}

TEST(Options, the_commands) {
  const Options o =
      parse({"ping", "-c", "3", "sensor", "--until-direct", "--json", "--timeout", "4", "--socket", "/x"});
  EXPECT_EQ(o.problem, "");
  EXPECT_EQ(o.verb, Verb::PING);
  EXPECT_EQ(o.peer, "sensor");
  EXPECT_EQ(o.count, 3U);
  EXPECT_TRUE(o.until_direct);
  EXPECT_TRUE(o.json);
  EXPECT_EQ(o.timeout, seconds(4));
  EXPECT_EQ(o.socket, "/x");
  EXPECT_EQ(parse({"--version"}).verb, Verb::VERSION);
  EXPECT_EQ(parse({"status", "--help"}).verb, Verb::HELP);
  EXPECT_EQ(parse({"up", "--wait", "30"}).wait, seconds(30));
  EXPECT_EQ(parse({"replay", "/f", "--state-dir", "/s"}).recording, "/f");
}

TEST(Options, without_a_command_are_the_daemons) {
  for (const auto &words : std::vector<std::vector<const char *>>{{"--control-url", "https://c.test", "--serve", "80"},
                                                                  {"run", "--control-url=https://c.test"}}) {
    const Options o = parse(words);
    EXPECT_EQ(o.problem, "");
    EXPECT_EQ(o.verb, Verb::RUN);
    EXPECT_EQ(o.config.control_url, "https://c.test");
  }
  EXPECT_EQ(parse({"--help"}).verb, Verb::HELP);
  EXPECT_EQ(parse({"--version"}).verb, Verb::VERSION);
  EXPECT_NE(parse({"--json"}).problem, "");
  EXPECT_NE(parse({"--control-url", "https://c.test", "status"}).problem, "");
}

TEST(Options, a_hostname_is_made_from_the_machines) {
  const Options o = parse({"run"});
  EXPECT_EQ(o.problem, "");
  EXPECT_FALSE(o.config.hostname.empty());
}

class Wrong : public ::testing::TestWithParam<std::vector<const char *>> {};

TEST_P(Wrong, is_one_line_with_a_reason) {
  const Options o = parse(GetParam());
  EXPECT_NE(o.problem, "");
  EXPECT_EQ(o.problem.find('\n'), std::string::npos) << o.problem;
}

const char *const LONG_URL =
    "https://"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "x"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "x";

INSTANTIATE_TEST_SUITE_P(
    Options, Wrong,
    ::testing::Values(
        std::vector<const char *>{}, std::vector<const char *>{"fly"}, std::vector<const char *>{"ping"},
        std::vector<const char *>{"status", "now"}, std::vector<const char *>{"status", "--control-url", "x"},
        std::vector<const char *>{"run", "--auth-key", "secret"}, std::vector<const char *>{"run", "--json"},
        std::vector<const char *>{"run", "--listen-port", "65536"},
        std::vector<const char *>{"run", "--listen-port", "-1"}, std::vector<const char *>{"run", "--listen-port"},
        std::vector<const char *>{"run", "--control-url", "http://c.test"},
        std::vector<const char *>{"run", "--control-url", "c.test"},
        std::vector<const char *>{"run", "--control-url", "https://c.test/path"},
        std::vector<const char *>{"run", "--control-url", "https://"},
        std::vector<const char *>{"run", "--control-url", "https://c.test:port"},
        std::vector<const char *>{"run", "--control-url", LONG_URL},
        std::vector<const char *>{"run", "--hostname", "two words"},
        std::vector<const char *>{"run", "--hostname", "-x"},
        std::vector<const char *>{"run", "--request-tags", "sensor"},
        std::vector<const char *>{"run", "--request-tags", "tag:a,tag:b,tag:c,tag:d,tag:e"},
        std::vector<const char *>{"run", "--control-key", "nodekey:1"},
        std::vector<const char *>{"run", "--control-key", "mkey:12"},
        std::vector<const char *>{"run", "--log-level", "loud"}, std::vector<const char *>{"ping", "-c", "0", "x"},
        std::vector<const char *>{"ping", "-c", "x"}, std::vector<const char *>{"--state-dir", "/x", "--bogus"}));

TEST(Options, plain_http_must_be_asked_for) {
  EXPECT_EQ(parse({"run", "--control-url", "http://c.test", "--insecure-plain-http"}).problem, "");
}

TEST(Options, the_manual_on_the_command_line_names_every_option) {
  const std::string text = usage();
  for (const char *name : {"--control-url", "--auth-key-file", "--hostname", "--state-dir", "--socket", "--ca-file",
                           "--control-key", "--listen-port", "--request-tags", "--relay-only", "--insecure-plain-http",
                           "--log-level", "--record", "--json", "--timeout", "--count", "--until-direct", "--wait"})
    EXPECT_NE(text.find(name), std::string::npos) << name;
}

TEST(Options, an_interface) {
  EXPECT_EQ(parse({"run", "--tun", "microlink0"}).overlay.tun, "microlink0");
  for (const char *name : {"", "a/b", "with space", "ml%d", "sixteen-letters-"})
    EXPECT_NE(parse({"run", "--tun", name}).problem, "") << name;
}

TEST(Options, a_stack_in_userspace) {
  const OverlayOptions o = parse({"run", "--serve", "22,80", "--serve", "80,443", "--socks5", "127.0.0.1:1080",
                                  "--forward", "8080:sensor:80", "--forward=[::1]:23:[fd7a:115c:a1e0::7]:22"})
                               .overlay;
  EXPECT_EQ(o.served, (std::vector<uint16_t>{22, 80, 443}));
  EXPECT_EQ(to_text(o.socks5).view(), "127.0.0.1:1080");
  ASSERT_EQ(o.forwards.size(), 2U);
  EXPECT_EQ(to_text(o.forwards[0].local).view(), "127.0.0.1:8080");
  EXPECT_EQ(o.forwards[0].peer, "sensor");
  EXPECT_EQ(o.forwards[0].port, 80);
  EXPECT_EQ(to_text(o.forwards[1].local).view(), "[::1]:23");
  EXPECT_EQ(o.forwards[1].peer, "fd7a:115c:a1e0::7");
  EXPECT_EQ(o.forwards[1].port, 22);
}

TEST(Options, a_stack_in_userspace_wrong) {
  for (const char *ports : {"", "0", "65536", "80,", ",80", "http", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"})
    EXPECT_NE(parse({"run", "--serve", ports}).problem, "") << ports;
  for (const char *local : {"", "0", "1.2.3.4", "host:80", "127.0.0.1:0"})
    EXPECT_NE(parse({"run", "--socks5", local}).problem, "") << local;
  for (const char *forward :
       {"", "80", "80:sensor", "sensor:80", "80:sensor:0", "80::80", "a:b:c", ":sensor:80", "80:[]:80"})
    EXPECT_NE(parse({"run", "--forward", forward}).problem, "") << forward;
  EXPECT_NE(parse({"run", "--tun", "ml0", "--serve", "80"}).problem, "");
  EXPECT_NE(parse({"run", "--tun", "ml0", "--socks5", "1080"}).problem, "");
  EXPECT_NE(parse({"run", "--tun", "ml0", "--forward", "80:a:80"}).problem, "");
}

}  // namespace
}  // namespace microlink::tools
