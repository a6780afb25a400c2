// SPDX-License-Identifier: MIT
// What a broken or hostile server may send, frame by frame.
#include <gtest/gtest.h>

#include "tests/http/h2_pair.h"

namespace microlink::http {
namespace {

using testing::H2;

/// Frames after SETTINGS, what the connection says of them, and why.
struct Broken {
  const char *frames;
  H2Error error;
  const char *why;
};
constexpr Broken BROKEN[] = {
    {"004001000000000001", H2Error::FRAME_SIZE_ERROR, "16385 bytes"},
    {"00000100000000000000", H2Error::PROTOCOL_ERROR, "DATA on stream 0"},
    {"00000100000000000200", H2Error::PROTOCOL_ERROR, "DATA on a server's stream"},
    {"00000100000000000300", H2Error::PROTOCOL_ERROR, "DATA on an idle stream"},
    {"00000100080000000101", H2Error::PROTOCOL_ERROR, "padding longer than the frame"},
    {"000000000800000001", H2Error::FRAME_SIZE_ERROR, "no pad length"},
    {"00000101040000000388", H2Error::PROTOCOL_ERROR, "HEADERS on an idle stream"},
    {"00000101040000000180", H2Error::COMPRESSION_ERROR, "index 0"},
    {"00000101040000000148", H2Error::COMPRESSION_ERROR, "stops inside a field"},
    {"0000020124000000018888", H2Error::FRAME_SIZE_ERROR, "no room for the priority"},
    {"00000101000000000188000000000000000001", H2Error::PROTOCOL_ERROR, "DATA before END_HEADERS"},
    {"00000101000000000188000000090400000003", H2Error::PROTOCOL_ERROR, "another stream's CONTINUATION"},
    {"000000090400000001", H2Error::PROTOCOL_ERROR, "CONTINUATION of nothing"},
    {"0000050200000000000000000000", H2Error::PROTOCOL_ERROR, "PRIORITY on stream 0"},
    {"000003030000000001000000", H2Error::FRAME_SIZE_ERROR, "short RST_STREAM"},
    {"00000403000000000300000000", H2Error::PROTOCOL_ERROR, "RST_STREAM of an idle stream"},
    {"000000040000000001", H2Error::PROTOCOL_ERROR, "SETTINGS on a stream"},
    {"0000050400000000000000000000", H2Error::FRAME_SIZE_ERROR, "SETTINGS of five bytes"},
    {"000006040100000000000300000001", H2Error::FRAME_SIZE_ERROR, "ACK with content"},
    {"000006040000000000000200000001", H2Error::PROTOCOL_ERROR, "ENABLE_PUSH"},
    {"000006040000000000000480000000", H2Error::FLOW_CONTROL_ERROR, "window of 2^31"},
    {"000006040000000000000500003fff", H2Error::PROTOCOL_ERROR, "frame size too small"},
    {"00000405040000000100000002", H2Error::PROTOCOL_ERROR, "PUSH_PROMISE"},
    {"0000080600000000010000000000000000", H2Error::PROTOCOL_ERROR, "PING on a stream"},
    {"00000706000000000000000000000000", H2Error::FRAME_SIZE_ERROR, "short PING"},
    {"0000080700000000010000000000000000", H2Error::PROTOCOL_ERROR, "GOAWAY on a stream"},
    {"00000707000000000000000000000000", H2Error::FRAME_SIZE_ERROR, "short GOAWAY"},
    {"00000408000000000000000000", H2Error::PROTOCOL_ERROR, "WINDOW_UPDATE of nothing"},
    {"0000040800000000007fffffff", H2Error::FLOW_CONTROL_ERROR, "above 2^31-1"},
    {"00000408000000000300000001", H2Error::PROTOCOL_ERROR, "of an idle stream"},
    {"000003080000000001000000", H2Error::FRAME_SIZE_ERROR, "a short WINDOW_UPDATE"},
};

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
  for (const auto &[frames, error, why] : BROKEN) {
    for (this->chunking_ = 0; this->chunking_ != 2; this->chunking_++) {
      EXPECT_EQ(this->after(frames), error) << why;
      EXPECT_EQ(this->client_.state(), H2Connection::State::FAILED);
      // One GOAWAY that says why, then silence.
      const std::string last = this->from_client();
      ASSERT_EQ(last.size(), 17u) << why;
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

}  // namespace
}  // namespace microlink::http
