// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "microlink/base/fixed_vector.h"
#include "microlink/http/h2_frames.h"
#include "microlink/http/hpack.h"

namespace microlink::http {

/// Chosen by the owner's request(); names one request and its response until END or RESET was polled.
using H2StreamId = uint32_t;

/// What a request carries, made piece by piece as it leaves.
class RequestBody {
 public:
  virtual ~RequestBody() = default;
  /// Fill `out` with what the body says from byte `from` on; how much of `out` that was.
  virtual size_t read_body(size_t from, ByteSpan out) const = 0;
};

/// A request to send. Views and body are the owner's and must live until the stream's request is sent
/// (H2Connection::is_sending()) or the stream has ended.
struct H2Request {
  StaticField method{StaticField::METHOD_POST};  ///< METHOD_GET or METHOD_POST; `head` overrides it
  bool head{false};                              ///< HEAD
  std::string_view authority{};
  std::string_view path{};
  std::string_view content_type{};  ///< empty: no such field
  /// Null when `body_bytes` is 0. A body that ends before them resets its stream.
  const RequestBody *body{nullptr};
  size_t body_bytes{0};
};

struct H2Event {
  enum class Kind : uint8_t {
    RESPONSE,  ///< `fields.status` and what else is known of the final response
    DATA,      ///< `data`: a piece of the body, within the bytes just handled; credited to both windows already
    END,       ///< the response is complete; the stream is free
    RESET,     ///< the stream ended without a whole response; `error` says why; the stream is free
    GOAWAY,    ///< the server wants no new requests on this connection
    FAILED,    ///< the connection is over; `error` says what was wrong
  };
  Kind kind;
  H2StreamId stream{0};
  ResponseFields fields{};
  ByteView data{};
  H2Error error{H2Error::NO_ERROR};
};

/// The client's side of one HTTP/2 connection, as much of RFC 9113 as a client of control needs: few streams, no push,
/// no dynamic header table, responses handed on as they come. Constant memory: no frame is ever held whole.
///
/// Feed it: `while (!in.empty()) { in = in.subspan(h2.handle_bytes(in)); while (auto e = h2.poll_event()) … }`.
class H2Connection {
 public:
  static constexpr size_t MAX_STREAMS = 4;
  /// What a server may send ahead, for each stream and for the connection. It costs no memory: DATA is not kept.
  static constexpr uint32_t RECEIVE_WINDOW = 256 * 1024;
  /// How much was consumed before the server is told.
  static constexpr uint32_t CREDIT_STEP = 32 * 1024;
  /// HEADERS and its CONTINUATIONs, encoded.
  static constexpr size_t MAX_HEADER_BLOCK_BYTES = 8192;
  /// The least `out` that poll_transmit() can work with: a HEADERS frame with the longest authority and path.
  static constexpr size_t MIN_TRANSMIT_BYTES = 440;

  enum class State : uint8_t {
    IDLE,        ///< before start()
    OPEN,        ///< requests may be made (the server's SETTINGS need not have come)
    GOING_AWAY,  ///< GOAWAY came: no new requests, open streams go on
    FAILED,      ///< a connection error; a GOAWAY is left to be sent
    COUNT,
  };

  /// A new connection; forgets everything of an earlier one.
  void start();
  State state() const { return this->state_; }

  /// Opens a stream. NOT_READY: not open, no slot free, the server's limit reached, or another request is still being
  /// sent. NO_SPACE: authority or path too long.
  Result<H2StreamId> request(const H2Request &request);
  /// Whether the stream's request is not yet sent to its end.
  bool is_sending(H2StreamId stream) const;
  bool is_sending() const { return this->sending_ != 0; }
  /// Ends a stream from this side (RST_STREAM, CANCEL); no event follows. Nothing happens if it is not open.
  void cancel(H2StreamId stream);

  /// Consumes from the front of `in` up to the next event and returns how much; the rest is for the next call. Consumes
  /// everything once FAILED.
  size_t handle_bytes(ByteView in);
  std::optional<H2Event> poll_event();
  /// How much was written to the front of `out`: a whole number of frames.
  size_t poll_transmit(ByteSpan out);

 private:
  /// One request and its response.
  struct Stream {
    enum class State : uint8_t {
      FREE,
      AWAITING,  ///< for the head of the response
      BODY,      ///< for DATA, trailers, the end
      ENDED,     ///< END is to be polled, then FREE
      DROPPED,   ///< RESET is to be polled, then FREE
    };
    H2StreamId id{0};
    State state{State::FREE};
    bool is_head{false};  ///< of HEAD: a content-length without content
    H2Error error{H2Error::NO_ERROR};
    uint32_t received{0};  ///< since the last WINDOW_UPDATE
    int64_t send_window{0};
    std::optional<int64_t> body_left;  ///< of content-length
    bool is_live() const { return this->state == State::AWAITING || this->state == State::BODY; }
  };
  /// RST_STREAM to send.
  struct Reset {
    H2StreamId stream;
    H2Error error;
  };
  /// Where in the incoming bytes the next one is.
  enum class Expect : uint8_t { FRAME_HEADER, PAD_LENGTH, PRIORITY, CONTROL, DATA, BLOCK, SKIP, PADDING };
  static constexpr size_t MAX_PINGS = 4;
  /// Each stream once as it ends, and once more for those that took its place meanwhile.
  static constexpr size_t MAX_RESETS = 2 * MAX_STREAMS;

  Stream *find_(H2StreamId id);
  bool is_idle_(H2StreamId id) const { return id % 2 == 0 || id >= this->next_id_; }
  void fail_(H2Error error);
  void drop_(Stream &stream, H2Error error, bool tell);
  void stop_sending_(H2StreamId id, H2Error error);

  void frame_header_bytes_(ByteView &in);
  H2Error check_frame_() const;
  void begin_frame_();
  void begin_data_();
  void begin_block_();
  bool has_event_() const;
  void advance_();
  void end_frame_();
  void padding_length_(uint8_t length);
  void control_bytes_(ByteView &in);
  void data_bytes_(ByteView &in);
  void block_bytes_(ByteView &in);
  void block_done_();
  void response_head_(Stream &stream);
  void end_of_response_(Stream &stream);

  H2Error control_part_(Reader in);
  H2Error settings_entry_(Reader &in);
  H2Error change_initial_window_(uint32_t window);
  H2Error window_update_(uint32_t increment);
  void ping_part_(ByteView payload);
  void goaway_part_(Reader &in);
  void rst_stream_part_(H2Error error);

  void write_opening_(Writer &out);
  void write_acks_(Writer &out);
  void write_resets_(Writer &out);
  void write_credit_(Writer &out, H2StreamId stream, uint32_t &received);
  void write_request_(Writer &out);
  void write_body_(Writer &out);

  State state_{State::IDLE};
  Expect expect_{Expect::FRAME_HEADER};
  H2FrameHeader frame_{};
  Bytes<H2_FRAME_HEADER_BYTES> small_{};  ///< a frame header, or a part of a control frame, being read
  uint8_t small_size_{0};
  uint8_t part_size_{0};  ///< how long the part of a control frame is
  uint8_t pad_length_{0};
  uint32_t frame_left_{0};    ///< of the payload, without padding
  uint32_t block_stream_{0};  ///< whose field section is open: only its CONTINUATION may follow
  bool block_ends_stream_{false};
  size_t block_bytes_seen_{0};
  HpackDecoder hpack_;
  std::optional<H2Event> event_;
  bool settings_seen_{false};
  FixedVector<Reset, MAX_RESETS> resets_;

  std::array<Stream, MAX_STREAMS> streams_{};
  H2StreamId next_id_{1};
  uint32_t peer_max_streams_{UINT32_MAX};
  uint32_t peer_max_frame_{H2_MAX_FRAME_BYTES};
  int64_t peer_initial_window_{H2_DEFAULT_WINDOW};
  int64_t send_window_{H2_DEFAULT_WINDOW};
  uint32_t received_{0};  ///< on the connection since the last WINDOW_UPDATE

  H2StreamId sending_{0};  ///< whose request is being sent
  H2Request request_{};
  size_t body_sent_{0};
  bool head_sent_{false};

  bool opening_pending_{false};
  bool goaway_to_send_{false};
  bool goaway_to_tell_{false};
  bool failure_to_tell_{false};
  H2Error failure_{H2Error::NO_ERROR};
  uint8_t settings_acks_{0};
  uint8_t pings_{0};
  std::array<Bytes<8>, MAX_PINGS> ping_{};
};

}  // namespace microlink::http
