// SPDX-License-Identifier: MIT
#include "microlink/http/h2_connection.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <string>

#include "tests/http/nghttp2_server.h"
#include "tests/support/vectors.h"

namespace microlink::http {
namespace {

using testing::Nghttp2Server;

/// A body that stands somewhere whole.
class TextBody final : public RequestBody {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  size_t read_body(size_t from, ByteSpan out) const override {
    return copy(as_bytes(std::string_view(this->text_).substr(std::min(from, this->text_.size()))), out);
  }

 private:
  std::string text_;
};

struct Answer {
  int status{0};
  std::optional<int64_t> length;
  std::string body;
  int events{0};
  bool ended{false}, reset{false};
  H2Error error{};
};

/// Client and server, with bytes going over in pieces.
class H2 : public ::testing::Test {
 protected:
  void SetUp() override {
    this->client_.start();
    RecordProperty("seed", static_cast<int>(this->seed_));
  }

  void poll_events() {
    while (const auto event = this->client_.poll_event()) {
      Answer &answer = this->answers_[event->stream];
      answer.events++;
      switch (event->kind) {
        case H2Event::Kind::RESPONSE:
          EXPECT_EQ(answer.status, 0);
          answer.status = event->fields.status.value_or(-1);
          answer.length = event->fields.content_length;
          break;
        case H2Event::Kind::DATA:
          answer.body += as_text(event->data);
          break;
        case H2Event::Kind::END:
          answer.ended = true;
          break;
        case H2Event::Kind::RESET:
          answer.reset = true;
          answer.error = event->error;
          break;
        case H2Event::Kind::GOAWAY:
          this->goaway_ = true;
          break;
        case H2Event::Kind::FAILED:
          this->failed_ = true;
          this->failure_ = event->error;
          break;
      }
    }
  }
  void to_client(const std::string &bytes) {
    ByteView in = as_bytes(bytes);
    while (!in.empty()) {
      ByteView piece = in.first(std::min<size_t>(in.size(), this->chunk_()));
      in = in.subspan(piece.size());
      while (!piece.empty()) {
        piece = piece.subspan(this->client_.handle_bytes(piece));
        this->poll_events();
      }
    }
  }
  std::string from_client() {
    std::string out;
    Bytes<H2Connection::MIN_TRANSMIT_BYTES> buffer;
    while (const size_t n = this->client_.poll_transmit(buffer))
      out += as_text(ByteView(buffer).first(n));
    return out;
  }
  bool run() {
    for (;;) {
      const std::string up = this->from_client();
      if (!up.empty() && !this->server_->feed(as_bytes(up)))
        return false;
      const std::string down = this->server_->drain();
      if (up.empty() && down.empty())
        return true;
      this->to_client(down);
    }
  }
  H2StreamId post(std::string_view path, std::string_view body) {
    H2Request request;
    request.authority = "control.example";
    request.path = path;
    request.content_type = "application/json";
    request.body = &this->bodies_.emplace_back(std::string(body));
    request.body_bytes = body.size() + this->promised_;
    return this->client_.request(request).value_or(0);
  }
  size_t chunk_() {
    switch (this->chunking_) {
      case 0:
        return SIZE_MAX;
      case 1:
        return 1;
      default:
        return 1 + this->random_() % 40;
    }
  }
  /// Raw frames instead of nghttp2's, after the SETTINGS that must come first.
  H2Error after(const std::string &hex) {
    this->client_.start();
    this->failed_ = false;
    this->post("/x", "");
    this->from_client();
    const auto bytes = testing::from_hex("000000040000000000" + hex);
    this->to_client(std::string(bytes.begin(), bytes.end()));
    return this->failed_ ? this->failure_ : H2Error::NO_ERROR;
  }

  uint32_t seed_ = std::random_device{}();
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, std::to_string(seed_)};
  std::mt19937 random_{seed_};
  int chunking_{0};
  H2Connection client_;
  std::unique_ptr<Nghttp2Server> server_ = std::make_unique<Nghttp2Server>();
  std::map<H2StreamId, Answer> answers_;
  std::deque<TextBody> bodies_;
  size_t promised_{0};  ///< bytes that a body says it has, and has not
  bool goaway_{false}, failed_{false};
  H2Error failure_{};
};

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

TEST_F(H2, drops_responses_that_are_malformed) {
  for (const char *hex : {"000001000100000001"
                          "61",  // DATA before HEADERS
                          "000001010500000001"
                          "83",  // no :status, a request's field
                          "000006010500000001"
                          "88"
                          "0f0d0135"
                          "88",  // content-length 5 and :status again
                          "000005010500000001"
                          "880f0d0135",  // content-length 5, no content
                          "000005010400000001"
                          "880f0d0131"
                          "000002000100000001"
                          "6162",  // more than announced
                          "000001010400000001"
                          "88"
                          "000001010400000001"
                          "88",  // a second head
                          "000001010400000001"
                          "88"
                          "000001010500000001"
                          "88"}) {  // trailers with :status
    this->answers_.clear();
    EXPECT_EQ(this->after(hex), H2Error::NO_ERROR) << hex;
    EXPECT_TRUE(this->answers_[1].reset) << hex;
    EXPECT_EQ(this->answers_[1].error, H2Error::PROTOCOL_ERROR) << hex;
    EXPECT_NE(this->from_client().find(std::string("\0\0\4\3\0\0\0\0\1\0\0\0\1", 13)), std::string::npos) << hex;
  }
}

TEST_F(H2, fails_on_what_breaks_the_connection) {
  const std::map<std::string, H2Error> cases = {
      {"004001000000000001", H2Error::FRAME_SIZE_ERROR},  // 16385 bytes
      {"000001000000000000"
       "00",
       H2Error::PROTOCOL_ERROR},  // DATA on stream 0
      {"000001000000000002"
       "00",
       H2Error::PROTOCOL_ERROR},  // DATA on a server's stream
      {"000001000000000003"
       "00",
       H2Error::PROTOCOL_ERROR},  // DATA on an idle stream
      {"000001000800000001"
       "01",
       H2Error::PROTOCOL_ERROR},                          // padding longer than the frame
      {"000000000800000001", H2Error::FRAME_SIZE_ERROR},  // no pad length
      {"000001010400000003"
       "88",
       H2Error::PROTOCOL_ERROR},  // HEADERS on an idle stream
      {"000001010400000001"
       "80",
       H2Error::COMPRESSION_ERROR},  // index 0
      {"000001010400000001"
       "48",
       H2Error::COMPRESSION_ERROR},  // stops inside a field
      {"000002012400000001"
       "8888",
       H2Error::FRAME_SIZE_ERROR},  // no room for the priority
      {"000001010000000001"
       "88"
       "000000000000000001",
       H2Error::PROTOCOL_ERROR},  // DATA before END_HEADERS
      {"000001010000000001"
       "88"
       "000000090400000003",
       H2Error::PROTOCOL_ERROR},                        // another stream's CONTINUATION
      {"000000090400000001", H2Error::PROTOCOL_ERROR},  // CONTINUATION of nothing
      {"000005020000000000"
       "0000000000",
       H2Error::PROTOCOL_ERROR},  // PRIORITY on stream 0
      {"000003030000000001"
       "000000",
       H2Error::FRAME_SIZE_ERROR},  // short RST_STREAM
      {"000004030000000003"
       "00000000",
       H2Error::PROTOCOL_ERROR},                        // RST_STREAM of an idle stream
      {"000000040000000001", H2Error::PROTOCOL_ERROR},  // SETTINGS on a stream
      {"000005040000000000"
       "0000000000",
       H2Error::FRAME_SIZE_ERROR},  // SETTINGS of five bytes
      {"000006040100000000"
       "000300000001",
       H2Error::FRAME_SIZE_ERROR},  // ACK with content
      {"000006040000000000"
       "000200000001",
       H2Error::PROTOCOL_ERROR},  // ENABLE_PUSH
      {"000006040000000000"
       "000480000000",
       H2Error::FLOW_CONTROL_ERROR},  // window of 2^31
      {"000006040000000000"
       "000500003fff",
       H2Error::PROTOCOL_ERROR},  // frame size too small
      {"000004050400000001"
       "00000002",
       H2Error::PROTOCOL_ERROR},  // PUSH_PROMISE
      {"000008060000000001"
       "0000000000000000",
       H2Error::PROTOCOL_ERROR},  // PING on a stream
      {"000007060000000000"
       "00000000000000",
       H2Error::FRAME_SIZE_ERROR},  // short PING
      {"000008070000000001"
       "0000000000000000",
       H2Error::PROTOCOL_ERROR},  // GOAWAY on a stream
      {"000007070000000000"
       "00000000000000",
       H2Error::FRAME_SIZE_ERROR},  // short GOAWAY
      {"000004080000000000"
       "00000000",
       H2Error::PROTOCOL_ERROR},  // WINDOW_UPDATE of nothing
      {"000004080000000000"
       "7fffffff",
       H2Error::FLOW_CONTROL_ERROR},  // above 2^31-1
      {"000004080000000003"
       "00000001",
       H2Error::PROTOCOL_ERROR},  // of an idle stream
      {"000003080000000001"
       "000000",
       H2Error::FRAME_SIZE_ERROR},
  };
  for (const auto &[hex, error] : cases) {
    for (this->chunking_ = 0; this->chunking_ != 2; this->chunking_++) {
      EXPECT_EQ(this->after(hex), error) << hex;
      EXPECT_EQ(this->client_.state(), H2Connection::State::FAILED);
      // One GOAWAY that says why, then silence.
      const std::string last = this->from_client();
      ASSERT_EQ(last.size(), 17u) << hex;
      EXPECT_EQ(static_cast<uint8_t>(last[16]), static_cast<uint8_t>(error));
      EXPECT_EQ(this->from_client(), "");
    }
  }
}

TEST_F(H2, ignores_what_it_may) {
  for (const char *hex : {"0000040a0000000001"
                          "01020304",  // unknown type
                          "000005020000000001"
                          "0000000001",  // PRIORITY
                          "000006040000000000"
                          "00ff12345678",  // unknown setting
                          "000004080000000001"
                          "00000001",
                          "000008060100000000"
                          "0000000000000000",  // PING ACK of nothing
                          "000000040100000000"}) {
    EXPECT_EQ(this->after(hex), H2Error::NO_ERROR) << hex;
    EXPECT_EQ(this->client_.state(), H2Connection::State::OPEN);
  }
}

TEST_F(H2, wants_settings_first) {
  this->to_client(std::string("\0\0\10\6\0\0\0\0\0\0\0\0\0\0\0\0\0", 17));
  EXPECT_TRUE(this->failed_);
  EXPECT_EQ(this->failure_, H2Error::PROTOCOL_ERROR);
}

TEST_F(H2, reads_continuations_and_bounds_them) {
  EXPECT_EQ(this->after("000001012900000001"
                        "00"),
            H2Error::FRAME_SIZE_ERROR);
  this->answers_.clear();
  // HEADERS with padding and priority, then two CONTINUATIONs, one of them empty.
  EXPECT_EQ(this->after("000009012900000001"
                        "020000000010"
                        "48"
                        "0000"
                        "000000090000000001"
                        "000004090400000001"
                        "03323033"),
            H2Error::NO_ERROR);
  EXPECT_EQ(this->answers_[1].status, 203);
  EXPECT_TRUE(this->answers_[1].ended);

  std::string endless =
      "000001010000000001"
      "88";
  for (int i = 0; i != 9000; i++)
    endless += "000000090000000001";
  EXPECT_EQ(this->after(endless), H2Error::ENHANCE_YOUR_CALM);
  std::string big =
      "000001010000000001"
      "88";
  for (int i = 0; i != 3; i++)
    big +=
        "000fa0090000000001"
        "00017f7f9a1f" +
        std::string(2 * (0xfa0 - 6), '6');
  EXPECT_EQ(this->after(big), H2Error::ENHANCE_YOUR_CALM);
}

TEST_F(H2, answers_settings_and_pings_in_order) {
  this->to_client(std::string("\0\0\0\4\0\0\0\0\0", 9) + std::string("\0\0\10\6\0\0\0\0\0ABCDEFGH", 17) +
                  std::string("\0\0\0\4\0\0\0\0\0", 9));
  const std::string out = this->from_client();
  const std::string ack("\0\0\0\4\1\0\0\0\0", 9);
  EXPECT_TRUE(out.ends_with(ack + ack + std::string("\0\0\10\6\1\0\0\0\0ABCDEFGH", 17)));
  for (int i = 0; i != 100; i++)
    this->to_client(std::string("\0\0\10\6\0\0\0\0\0ABCDEFGH", 17));
  EXPECT_EQ(this->from_client().size(), 4 * 17u);  // a flood gets no answer
}

TEST_F(H2, refuses_more_data_than_the_window) {
  this->client_.start();
  this->post("/a", "");
  std::string opening = this->from_client();
  this->to_client(std::string("\0\0\0\4\0\0\0\0\0", 9) + std::string("\0\0\1\1\4\0\0\0\1\x88", 10));
  // Without letting it send WINDOW_UPDATEs.
  const std::string frame = std::string("\0\x40\0\0\0\0\0\0\1", 9) + std::string(16384, 'd');
  for (int i = 0; i != 16; i++)
    this->to_client(frame);
  EXPECT_FALSE(this->failed_);
  this->to_client(frame);
  EXPECT_TRUE(this->failed_);
  EXPECT_EQ(this->failure_, H2Error::FLOW_CONTROL_ERROR);
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
