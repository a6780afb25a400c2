// SPDX-License-Identifier: MIT
#include "microlink/http/h2_connection.h"

#include <gtest/gtest.h>

#include "tests/http/h2_pair.h"

namespace microlink::http {
namespace {

using testing::H2;
using testing::Nghttp2Server;

TEST_F(H2, is_small) {
  RecordProperty("bytes", sizeof(H2Connection));
  EXPECT_LE(sizeof(H2Connection), 1024u);
}

TEST_F(H2, sends_requests_that_nghttp2_understands) {
  const std::string body(2000, 'b');
  const auto id = this->post("/machine/register", body);
  EXPECT_EQ(id, 1u);
  EXPECT_EQ(this->post("/second", ""), 0u);  // one is being sent at a time
  ASSERT_TRUE(this->run());
  const auto &request = this->server_->requests[1];
  EXPECT_TRUE(request.complete);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/machine/register");
  EXPECT_EQ(request.authority, "control.example");
  EXPECT_EQ(request.content_type, "application/json");
  EXPECT_EQ(request.content_length, 2000);
  EXPECT_EQ(request.body, body);
  EXPECT_FALSE(this->client_.is_sending());
}

TEST_F(H2, gives_the_same_response_for_any_chunks) {
  for (this->chunking_ = 0; this->chunking_ != 3; this->chunking_++) {
    this->server_ = std::make_unique<Nghttp2Server>();
    this->server_->pad_frames(this->chunking_ == 2 ? 200 : 0);
    this->answers_.clear();
    this->client_.start();
    const auto id = this->post("/a", "{}");
    ASSERT_TRUE(this->run());
    std::string body;
    for (int i = 0; i != 50000; i++)
      body += static_cast<char>(i * 7);
    this->server_->interim(1, 103);
    this->server_->respond_whole(1, 200, body, {{"content-length", "50000"}, {"server", "test"}});
    this->server_->trailer_after(1);
    this->server_->ping();
    ASSERT_TRUE(this->run());
    EXPECT_EQ(this->answers_[id].status, 200);
    EXPECT_EQ(this->answers_[id].length, 50000);
    EXPECT_EQ(this->answers_[id].body, body);
    EXPECT_TRUE(this->answers_[id].ended);
    EXPECT_EQ(this->server_->pings_answered, 1);
  }
}

TEST_F(H2, credits_both_windows_so_that_megabytes_pass) {
  this->post("/map", "{}");
  ASSERT_TRUE(this->run());
  this->server_->respond(1, 200);
  const std::string piece(100000, 'm');
  for (int i = 0; i != 50; i++) {
    this->server_->data(1, piece, false);
    ASSERT_TRUE(this->run());
  }
  EXPECT_EQ(this->answers_[1].body.size(), 5000000u);
}

TEST_F(H2, respects_the_servers_windows_and_frame_size) {
  this->server_ =
      std::make_unique<Nghttp2Server>(std::vector<nghttp2_settings_entry>{{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100}});
  // The server's SETTINGS come first, as they do when it speaks before the request.
  this->to_client(this->server_->drain());
  const std::string body(1000, 'w');
  this->post("/w", body);
  nghttp2_session_set_local_window_size(this->server_->session(), NGHTTP2_FLAG_NONE, 0, 65535);
  ASSERT_TRUE(this->run());  // nghttp2 gives windows back by itself as it consumes
  EXPECT_EQ(this->server_->requests[1].body, body);
}

TEST_F(H2, sends_no_more_than_the_window) {
  this->client_.start();
  this->to_client(std::string("\0\0\6\4\0\0\0\0\0\0\4\0\0\0\5", 15));
  const std::string body = "0123456789";
  this->post("/w", body);
  std::string sent = this->from_client();
  EXPECT_EQ(sent.substr(sent.size() - 5), "01234");
  EXPECT_TRUE(this->client_.is_sending(1));
  this->to_client(std::string("\0\0\4\10\0\0\0\0\1\0\0\0\2", 13));
  sent = this->from_client();
  EXPECT_EQ(sent.substr(sent.size() - 2), "56");
  this->to_client(std::string("\0\0\4\10\0\0\0\0\1\0\0\1\0", 13));
  sent = this->from_client();
  EXPECT_EQ(sent.substr(sent.size() - 3), "789");
  EXPECT_FALSE(this->client_.is_sending());
}

TEST_F(H2, gives_up_on_a_body_that_is_shorter_than_it_said) {
  this->promised_ = 3;
  const auto id = this->post("/w", "0123456789");
  ASSERT_TRUE(this->run());
  EXPECT_FALSE(this->client_.is_sending());
  this->poll_events();
  EXPECT_TRUE(this->answers_[id].reset);
  EXPECT_EQ(this->answers_[id].error, H2Error::INTERNAL_ERROR);
  this->promised_ = 0;
  const auto next = this->post("/x", "abc");  // the connection goes on
  ASSERT_TRUE(this->run());
  EXPECT_EQ(this->server_->requests[static_cast<int32_t>(next)].body, "abc");
}

TEST_F(H2, runs_four_streams_and_frees_them) {
  for (int round = 0; round != 20; round++) {
    std::vector<H2StreamId> ids;
    for (int i = 0; i != 4; i++) {
      ids.push_back(this->post("/s", ""));
      ASSERT_NE(ids.back(), 0u);
      ASSERT_TRUE(this->run());
    }
    EXPECT_EQ(this->post("/fifth", ""), 0u);
    for (const auto id : ids)
      this->server_->respond_whole(static_cast<int32_t>(id), 200 + static_cast<int>(id % 100), "x");
    ASSERT_TRUE(this->run());
    for (const auto id : ids) {
      EXPECT_TRUE(this->answers_[id].ended);
      EXPECT_EQ(this->answers_[id].status, 200 + static_cast<int>(id % 100));
    }
  }
}

TEST_F(H2, keeps_the_servers_limit_of_streams) {
  this->server_ = std::make_unique<Nghttp2Server>(
      std::vector<nghttp2_settings_entry>{{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1}});
  ASSERT_TRUE(this->run());
  EXPECT_NE(this->post("/a", ""), 0u);
  ASSERT_TRUE(this->run());
  EXPECT_EQ(this->post("/b", ""), 0u);
}

TEST_F(H2, cancels_without_further_events) {
  this->post("/a", "");
  ASSERT_TRUE(this->run());
  this->server_->respond(1, 200);
  this->server_->data(1, "abc", false);
  ASSERT_TRUE(this->run());
  this->client_.cancel(1);
  const int events = this->answers_[1].events;
  this->server_->data(1, "def", true);
  const std::string crossing = this->server_->drain();
  this->to_client(crossing);
  ASSERT_TRUE(this->run());
  EXPECT_EQ(this->answers_[1].events, events);
  EXPECT_TRUE(this->server_->requests[1].reset);
  EXPECT_EQ(this->server_->requests[1].reset_code, 8u);
}

TEST_F(H2, sends_nothing_of_a_request_cancelled_before_it_left) {
  ASSERT_TRUE(this->run());
  const auto id = this->post("/a", "body");
  this->client_.cancel(id);
  EXPECT_EQ(this->from_client(), "");
  EXPECT_EQ(this->post("/b", ""), 3u);
  ASSERT_TRUE(this->run());
  EXPECT_EQ(this->server_->requests.size(), 1u);
}

TEST_F(H2, tells_resets_and_goaways) {
  this->post("/a", "");
  ASSERT_TRUE(this->run());
  this->post("/b", "");
  ASSERT_TRUE(this->run());
  this->server_->reset(1, NGHTTP2_INTERNAL_ERROR);
  ASSERT_TRUE(this->run());
  EXPECT_TRUE(this->answers_[1].reset);
  EXPECT_EQ(this->answers_[1].error, H2Error::INTERNAL_ERROR);
  this->to_client(std::string("\0\0\10\7\0\0\0\0\0\0\0\0\1\0\0\0\0", 17));
  EXPECT_TRUE(this->goaway_);
  EXPECT_TRUE(this->answers_[3].reset);
  EXPECT_EQ(this->answers_[3].error, H2Error::REFUSED_STREAM);
  EXPECT_EQ(this->post("/c", ""), 0u);
}

TEST_F(H2, stops_sending_when_the_answer_is_complete) {
  this->to_client(std::string("\0\0\6\4\0\0\0\0\0\0\4\0\0\0\0", 15));
  this->post("/a", "never sent");
  this->from_client();
  this->to_client(std::string("\0\0\1\1\5\0\0\0\1\x8d", 10));  // 404, END_STREAM
  EXPECT_TRUE(this->answers_[1].ended);
  EXPECT_FALSE(this->client_.is_sending());
  EXPECT_EQ(this->from_client(), std::string("\0\0\4\3\0\0\0\0\1\0\0\0\0", 13));
}

TEST_F(H2, gives_equal_results_as_nghttp2_for_random_traffic) {
  for (int round = 0; round != 60; round++) {
    this->chunking_ = round % 3;
    this->server_ = std::make_unique<Nghttp2Server>();
    this->client_.start();
    this->answers_.clear();
    std::map<H2StreamId, std::string> bodies, sent;
    std::map<H2StreamId, std::string> requests;
    for (int step = 0; step != 40; step++) {
      if (this->random_() % 3 == 0 && !this->client_.is_sending()) {
        const std::string body(this->random_() % 3000, static_cast<char>('a' + step % 26));
        if (const auto id = this->post("/r", body)) {
          requests[id] = body;
          ASSERT_TRUE(this->run());
          EXPECT_EQ(this->server_->requests[static_cast<int32_t>(id)].body, body);
          this->server_->respond(static_cast<int32_t>(id), 200);
          bodies[id];
        }
      }
      for (auto &[id, body] : bodies) {
        if (this->answers_[id].ended || this->random_() % 2)
          continue;
        const std::string more(this->random_() % 20000, static_cast<char>('A' + step % 26));
        const bool end = this->random_() % 4 == 0;
        if (sent[id] == "end")
          continue;
        body += more;
        this->server_->pad_frames(this->random_() % 256);
        this->server_->data(static_cast<int32_t>(id), more, end);
        if (end)
          sent[id] = "end";
      }
      ASSERT_TRUE(this->run());
      for (auto &[id, body] : bodies) {
        EXPECT_EQ(this->answers_[id].body, body);
        EXPECT_EQ(this->answers_[id].ended, sent[id] == "end");
      }
    }
    EXPECT_FALSE(this->failed_);
    EXPECT_FALSE(this->server_->client_went_away);
  }
}

}  // namespace
}  // namespace microlink::http
