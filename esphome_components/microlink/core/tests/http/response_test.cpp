// SPDX-License-Identifier: MIT
#include "microlink/http/response.h"

#include <gtest/gtest.h>

#include <string>

namespace microlink::http {
namespace {

struct Outcome {
  Response::State state;
  uint16_t status;
  std::string body;
  size_t used;
  bool operator==(const Outcome &) const = default;
};

Outcome feed(const std::string &text, size_t chunk = SIZE_MAX, bool close = false, size_t most = 1000) {
  Response response(most);
  Outcome out{};
  while (out.used != text.size() &&
         (response.state() == Response::State::HEAD || response.state() == Response::State::BODY)) {
    ByteView body;
    out.used += response.handle_bytes(as_bytes(std::string_view(text).substr(out.used, chunk)), body);
    out.body += as_text(body);
  }
  if (close)
    response.handle_closed();
  out.state = response.state();
  out.status = response.status();
  return out;
}

const std::string WITH_LENGTH = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello";
const std::string CHUNKED =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nhel\r\n02;ext=1\r\nlo\r\n0\r\nTrailer: x\r\n\r\n";

TEST(Response, reads_a_body_in_any_chunks) {
  for (const std::string &text : {WITH_LENGTH, CHUNKED}) {
    for (size_t chunk = 1; chunk <= text.size(); chunk++)
      EXPECT_EQ(feed(text + "beyond", chunk), (Outcome{Response::State::DONE, 200, "hello", text.size()})) << chunk;
  }
}

TEST(Response, is_incomplete_at_every_truncation) {
  for (const std::string &text : {WITH_LENGTH, CHUNKED}) {
    for (size_t n = 0; n != text.size(); n++) {
      EXPECT_NE(feed(text.substr(0, n)).state, Response::State::DONE) << n;
      EXPECT_EQ(feed(text.substr(0, n), SIZE_MAX, true).state, Response::State::BAD) << n;
    }
  }
}

TEST(Response, reads_up_to_the_end_of_the_connection) {
  const std::string text = "HTTP/1.0 200 OK\r\n\r\nhello";
  EXPECT_EQ(feed(text).state, Response::State::BODY);
  EXPECT_EQ(feed(text, 1, true), (Outcome{Response::State::DONE, 200, "hello", text.size()}));
}

TEST(Response, knows_responses_without_content) {
  EXPECT_EQ(feed("HTTP/1.1 204 No\r\n\r\nrest").state, Response::State::DONE);
  EXPECT_EQ(feed("HTTP/1.1 304 No\r\n\r\n").state, Response::State::DONE);
  EXPECT_EQ(feed("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n").state, Response::State::DONE);
  EXPECT_EQ(feed("HTTP/1.1 100 Continue\r\n\r\n" + WITH_LENGTH).body, "hello");
}

TEST(Response, refuses_contradictions_and_bounds) {
  for (const char *head :
       {"Content-Length: 5\r\nContent-Length: 6", "Content-Length: -1", "Content-Length: x",
        "Content-Length: ", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Content-Length: 99999999999999999999"})
    EXPECT_EQ(feed("HTTP/1.1 200 OK\r\n" + std::string(head) + "\r\n\r\nhello").state, Response::State::BAD) << head;
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char *body : {"\r\n", "x\r\n", "-1\r\n", "3\r\nhelx", "fffffffffffffffff\r\n", "80000000\r\n"})
    EXPECT_EQ(feed(chunked + body).state, Response::State::BAD) << body;
  EXPECT_EQ(feed("HTTP/1.1 101 X\r\n\r\n").state, Response::State::BAD);
  EXPECT_EQ(feed(WITH_LENGTH, SIZE_MAX, false, 4).state, Response::State::BAD);
  EXPECT_EQ(feed("HTTP/1.1 200 OK\r\nA: " + std::string(9000, 'x')).state, Response::State::BAD);
  std::string dribble = chunked;
  for (int i = 0; i != 3000; i++)
    dribble += "1\r\nx\r\n";
  EXPECT_EQ(feed(dribble, SIZE_MAX, false, 1 << 20).state, Response::State::BAD);
}

}  // namespace
}  // namespace microlink::http
