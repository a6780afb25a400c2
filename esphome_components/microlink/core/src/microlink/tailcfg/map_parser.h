// SPDX-License-Identifier: MIT
#pragma once

#include <variant>

#include "microlink/json/tokenizer.h"
#include "microlink/tailcfg/map_sink.h"

namespace microlink::tailcfg {

/// Reads the body of POST /machine/map as it arrives and says what it holds to a MapSink; constant memory whatever the
/// size of a message, and any split of the bytes gives the same calls.
///
///     message   u32 LITTLE-endian length ‖ one JSON object (tailcfg.MapResponse), uncompressed
///
/// Lax as Go's decoder is: unknown keys are skipped at any depth, null is "missing", a key that comes twice counts as
/// last written, keys may come in any order, a value of the wrong type is passed over.
class MapParser {
 public:
  static constexpr uint32_t MAX_MESSAGE_BYTES = 32U << 20;

  /// `sink` is not owned and must outlive the parser.
  explicit MapParser(MapSink &sink) : sink_(sink) {}

  /// A piece of the stream. MALFORMED (length 0 or above MAX_MESSAGE_BYTES, not JSON, not an object): the sink was told
  /// aborted(), the stream is over; CLOSED for every piece after that, until reset().
  Error handle_bytes(ByteView bytes);
  /// The stream ended or is given up; the next byte starts a new one. A message that was not read to its end is
  /// aborted().
  void reset();
  /// Whether a message (or its length) has begun and is not complete.
  bool is_inside_message() const { return this->state_ == State::MESSAGE || this->length_bytes_ != 0; }

 private:
  enum class State : uint8_t {
    LENGTH,   ///< collecting the four length bytes; exits: MESSAGE, FAILED
    MESSAGE,  ///< entry: message_begin(); exits: LENGTH at its last byte (message_end()), FAILED
    FAILED,   ///< entry: aborted(); exit: reset()
  };
  /// What the open container is. Others are skipped and not on the stack.
  enum class In : uint8_t;
  /// Which value is meant by the last key, or by the array that is open.
  enum class Field : uint8_t;
  struct Key;

  struct NodeScratch {
    Node node;
    bool is_peer{false};
    bool has_allowed_ips{false};
    uint16_t legacy_derp{0};
    bool wants_capacity_check{false};
  };
  struct DestinationScratch {
    AddressRange to{};
    PortRange ports{0, 0};
    bool readable{false};
  };
  struct RuleScratch {
    DestinationScratch destination;
    bool valid{true};
    bool poisoned{false};
    bool protocols_listed{false};
    bool protocols_usable{false};
  };
  struct RegionScratch {
    DerpRegion region;
    DerpNode node;
  };
  struct PingScratch {
    FixedString<MAX_URL_BYTES> url;
    FixedString<64> types;
    FixedString<45> ip;
    FixedString<JSON_MAX_TEXT_BYTES> payload;
    bool is_noise{false};
    bool has_url{false};
  };
  struct TextScratch {
    FixedString<JSON_MAX_TEXT_BYTES> title;
    FixedString<JSON_MAX_TEXT_BYTES> text;
  };
  struct DnsScratch {
    FixedString<MAX_NODE_NAME_BYTES> suffix;
    bool magic_dns{false};
    bool has_suffix{false};
  };
  /// What of the current message decides how the rest of it is read.
  struct MessageFlags {
    bool keep_alive{false};
    bool full_peers{false};      ///< Peers was not empty: the delta fields do not count
    bool base_replaced{false};   ///< PacketFilters named "base" or "*": PacketFilter comes before it in effect
    bool displayed{false};       ///< a DisplayMessage was passed on
  };

  Error fail_();
  Error tokens_();
  void message_done_();
  void token_(json::Token token);
  void key_();
  void open_(bool object);
  void close_();
  void scalar_(json::Token token);

  bool push_(In in);
  bool begin_container_(Field field, bool object);
  void begin_array_(Field field);
  void end_container_(In in);
  Field element_field_() const;
  Field map_field_();

  void null_(Field field);
  bool node_value_(Field field, json::Token token);
  bool change_value_(Field field, json::Token token);
  bool region_value_(Field field, json::Token token);
  bool rule_value_(Field field, json::Token token);
  bool message_value_(Field field, json::Token token);
  void begin_node_(bool is_peer);
  void end_node_();
  void end_region_node_();
  void end_destination_();
  void end_display_message_();

  template<typename T> T &begin_scratch_() { return this->scratch_.template emplace<T>(); }
  template<typename T> T *scratch_of_() { return std::get_if<T>(&this->scratch_); }

  MapSink &sink_;
  json::Tokenizer tokenizer_;
  State state_{State::LENGTH};
  uint8_t length_bytes_{0};
  uint32_t length_{0};
  uint32_t left_{0};
  size_t skip_depth_{0};  ///< depth outside the container that is skipped, plus one; 0 = nothing is skipped
  std::array<In, JSON_MAX_DEPTH> stack_{};
  uint8_t depth_{0};
  Field field_{};
  MessageFlags flags_{};
  int64_t map_key_{0};  ///< decimal key of the map entry that is read (region, node id)
  std::variant<std::monostate, NodeScratch, PeerChange, RegionScratch, RuleScratch, PingScratch, TextScratch, DnsScratch>
      scratch_;
};

}  // namespace microlink::tailcfg
