// SPDX-License-Identifier: MIT
#include "microlink/control/server_url.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "microlink/control/ping_reply.h"

namespace microlink::control {
namespace {

TEST(ServerUrl, is_read_in_parts) {
  struct Case {
    const char *url, *host, *authority;
    uint16_t port;
    bool tls;
  };
  for (const Case &c :
       {Case{"https://controlplane.tailscale.com", "controlplane.tailscale.com", "controlplane.tailscale.com", 0, true},
        Case{"https://hs.example:8443/", "hs.example", "hs.example:8443", 8443, true},
        Case{"http://127.0.0.1:8080", "127.0.0.1", "127.0.0.1:8080", 8080, false},
        Case{"http://localhost", "localhost", "localhost", 0, false},
        Case{"https://[2001:db8::1]:65535", "2001:db8::1", "[2001:db8::1]:65535", 65535, true},
        Case{"https://[::1]", "::1", "[::1]", 0, true}}) {
    const auto url = ServerUrl::parse(c.url);
    ASSERT_TRUE(url) << c.url;
    EXPECT_EQ(url->host, c.host);
    EXPECT_EQ(url->port, c.port);
    EXPECT_EQ(url->tls, c.tls);
    EXPECT_EQ(url->authority, c.authority);
  }
}

TEST(ServerUrl, refuses_everything_else) {
  for (const char *url : {"",
                          "https://",
                          "https:///",
                          "ftp://x",
                          "x.example",
                          "https://x/path",
                          "https://x?y",
                          "https://u@x",
                          "https://x:",
                          "https://x:0",
                          "https://x:65536",
                          "https://x:-1",
                          "https://x:1x",
                          "https://[::1",
                          "https://[]",
                          "https://[::1]x",
                          "https://[::g]",
                          "https://a b",
                          "https://x\r\n",
                          "HTTPS://x"})
    EXPECT_EQ(ServerUrl::parse(url).error(), Error::MALFORMED) << url;
  EXPECT_EQ(ServerUrl::parse("https://" + std::string(MAX_HOST_BYTES + 1, 'a')).error(), Error::MALFORMED);
}

TEST(PingReply, knows_who_answers) {
  PingReply ping;
  ping.assign("https://unused/some/path?id=1", true, "", "", "");
  EXPECT_EQ(ping.kind(), PingReply::Kind::HEAD);
  EXPECT_EQ(ping.path(), "/some/path?id=1");
  EXPECT_TRUE(ping.is_for("https://unused/some/path?id=1"));
  EXPECT_TRUE(ping.is_noise());
  ping.assign("https://control.example/x", false, "", "", "");
  EXPECT_EQ(ping.kind(), PingReply::Kind::HEAD);
  EXPECT_FALSE(ping.is_noise());
  EXPECT_EQ(ping.set_result("{}"), Error::UNEXPECTED);
  ping.assign("https://unused/x", true, "TSMP", "100.64.0.1", "");
  EXPECT_EQ(ping.kind(), PingReply::Kind::OWNER);
  EXPECT_EQ(ping.ip(), "100.64.0.1");
  EXPECT_EQ(ping.set_result(std::string(1000, 'x')), Error::NO_SPACE);
  EXPECT_EQ(ping.set_result("{}"), Error::NONE);
  EXPECT_EQ(ping.kind(), PingReply::Kind::POST);
  ping.assign("https://unused", true, "", "", "");
  EXPECT_EQ(ping.path(), "/");
  ping.assign("", true, "", "", "");
  EXPECT_EQ(ping.kind(), PingReply::Kind::UNUSABLE);
  ping.assign(std::string(MAX_URL_BYTES + 1, 'x'), true, "", "", "");
  EXPECT_EQ(ping.kind(), PingReply::Kind::UNUSABLE);
}

TEST(PingReply, goes_to_the_control_server_and_to_nobody_else) {
  const auto at = [](const char *url, const char *server) {
    PingReply ping;
    ping.assign(url, false, "", "", "");
    return ping.is_at(*ServerUrl::parse(server));
  };
  EXPECT_TRUE(at("https://control.example/machine/ping-response?id=1", "https://control.example"));
  EXPECT_TRUE(at("https://Control.Example:443/x", "https://control.example"));
  EXPECT_TRUE(at("https://control.example:8443", "https://control.example:8443"));
  EXPECT_TRUE(at("http://control.example/x", "http://control.example:80"));
  EXPECT_TRUE(at("https://[2001:db8::1]:9/x", "https://[2001:db8::1]:9"));
  for (const char *other :
       {"http://control.example/x", "https://control.example:8443/x", "https://control.example.evil/x",
        "https://evil@control.example/x", "https://control.example#/x", "https://10.0.0.1/x", "control.example/x",
        "://", "file:///etc/passwd"})
    EXPECT_FALSE(at(other, "https://control.example")) << other;
}

TEST(PingReply, writes_an_ordinary_request) {
  PingReply ping;
  Bytes<512> room;
  const auto text = [&] { return as_text(ByteView(room).first(ping.write_request("c.test:8443", room))); };
  ping.assign("https://c.test:8443/p?id=1", false, "", "", "");
  EXPECT_EQ(text(), "HEAD /p?id=1 HTTP/1.1\r\nHost: c.test:8443\r\nConnection: close\r\n\r\n");
  ping.assign("https://c.test:8443/p", false, "disco", "100.64.0.1", "");
  ASSERT_EQ(ping.set_result(R"({"Type":"disco"})"), Error::NONE);
  EXPECT_EQ(text(),
            "POST /p HTTP/1.1\r\nHost: c.test:8443\r\nConnection: close\r\nContent-Type: application/json\r\n"
            "Content-Length: 16\r\n\r\n{\"Type\":\"disco\"}");
  EXPECT_EQ(ping.write_request("c.test:8443", ByteSpan(room).first(100)), 0U);
}

TEST(PingReply, echoes_and_says_404_to_the_rest) {
  PingReply ping;
  ping.assign("https://unused/c2n/1", false, "c2n", "",
              "UE9TVCAvZWNobyBIVFRQLzEuMQ0KSG9zdDogeA0KQ29udGVudC1MZW5ndGg6IDINCg0KaGk=");
  EXPECT_EQ(ping.kind(), PingReply::Kind::POST);
  EXPECT_TRUE(ping.is_noise());
  EXPECT_EQ(ping.body(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  for (const char *payload : {"", "!!", "R0VUIC94IEhUVFAvMS4xDQoNCg=="}) {
    ping.assign("https://unused/c2n/2", false, "c2n", "", payload);
    EXPECT_EQ(ping.body(), "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") << payload;
  }
}

/// The tap stands between parser and owner: a call of the sink that it does not hand on would vanish in silence.
TEST(MapTap, hands_on_every_call_of_the_sink) {
  const auto read = [](const char *path) {
    std::ifstream file(std::string(MICROLINK_VECTORS "/../../esphome_components/microlink/core/src/microlink/") + path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  };
  const std::string sink = read("tailcfg/map_sink.h");
  const std::string tap = read("control/map_tap.h");
  size_t calls = 0;
  const std::string word = "virtual void ";
  for (size_t at = sink.find(word); at != std::string::npos; at = sink.find(word, at + 1)) {
    const std::string name = sink.substr(at + word.size(), sink.find('(', at) - at - word.size());
    EXPECT_NE(tap.find("void " + name + "("), std::string::npos) << name;
    EXPECT_NE(tap.find("to_." + name + "("), std::string::npos) << name;
    calls++;
  }
  EXPECT_GT(calls, 30u);
}

}  // namespace
}  // namespace microlink::control
