// SPDX-License-Identifier: MIT
#pragma once

#include <variant>

#include "microlink/json/tokenizer.h"
#include "microlink/tailcfg/map_sink.h"

namespace microlink::tailcfg {

enum class MapIn : uint8_t;
enum class MapField : uint8_t;

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

  /// `sink` is not owned and must outlive the parser. It must not call the parser.
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

  struct NodeScratch {
    Node node;
    uint16_t legacy_derp{0};
    bool is_peer{false};
    bool has_allowed_ips{false};
  };
  struct RegionScratch {
    DerpRegion region;
    DerpNode relay;
  };
  struct RuleScratch {
    AddressRange to{};
    PortRange ports{0, 0};
    bool destination_ok{false};
    bool valid{true};
    bool poisoned{false};
    bool has_sources{false};
    bool has_destinations{false};
    bool has_protocols{false};
    bool has_usable_protocol{false};
  };
  struct PingScratch {
    FixedString<MAX_URL_BYTES> url;
    FixedString<64> types;
    FixedString<45> ip;
    FixedString<JSON_MAX_TEXT_BYTES> payload;
    bool is_noise{false};
  };
  struct DisplayScratch {
    uint32_t id{0};
    FixedString<JSON_MAX_TEXT_BYTES> title;
    FixedString<JSON_MAX_TEXT_BYTES> text;
  };
  struct DnsScratch {
    NodeName suffix;
    bool magic_dns{false};
  };
  struct TkaScratch {
    bool has_head{false};
    bool disabled{false};
  };
  /// What earlier parts of a message say about how the rest of it counts.
  struct MessageFlags {
    bool keep_alive{false};
    bool peers_begun{false};    ///< Peers has an element: the delta fields do not count
    bool base_replaced{false};  ///< PacketFilters has "*" or "base": PacketFilter, which counts first, is void
    bool displayed{false};      ///< a display message was passed on
  };

  Error fail_();
  Error handle_piece_(ByteView piece);
  bool handle_token_(json::Token token);
  bool open_(bool object);
  void close_();
  void key_();
  void scalar_(json::Token token);
  MapField current_field_() const;
  bool is_void_(MapField field) const;

  void begin_(MapIn in, MapField field);
  void begin_part_(MapIn in);
  void end_(MapIn in);
  void begin_node_(MapField field);
  void end_node_();
  void end_change_();
  void end_region_();
  void end_relay_();
  void end_destination_();
  void end_rule_();
  void end_display_message_();

  // Values, by what they belong to. Each says whether the field is one of its own.
  bool message_value_(MapField field, json::Token token);
  bool node_value_(MapField field, json::Token token);
  bool node_element_(MapField field, json::Token token);
  bool change_value_(MapField field, json::Token token);
  bool region_value_(MapField field, json::Token token);
  bool relay_value_(MapField field, json::Token token);
  bool rule_value_(MapField field, json::Token token);
  bool ping_value_(MapField field, json::Token token);
  bool other_value_(MapField field, json::Token token);
  void named_filter_gone_(json::Token token);
  std::string_view text_if_(json::Token token) const;
  /// The NUMBER if it is an integer in the range; `otherwise` if not.
  int64_t integer_or_(json::Token token, int64_t least, int64_t most, int64_t otherwise) const;

  template<typename T> T &begin_scratch_() { return this->scratch_.template emplace<T>(); }
  template<typename T> T *scratch_of_() { return std::get_if<T>(&this->scratch_); }

  MapSink &sink_;
  json::Tokenizer tokenizer_;
  State state_{State::LENGTH};
  uint8_t length_bytes_{0};
  uint32_t left_{0};        ///< LENGTH: what of the length was read; MESSAGE: bytes to come
  uint16_t skip_depth_{0};  ///< tokenizer's depth inside the container that is skipped; 0 = none
  uint8_t depth_{0};
  std::array<MapIn, JSON_MAX_DEPTH> stack_{};
  MapField field_{};
  MessageFlags flags_{};
  int64_t map_key_{0};        ///< key of the map entry that is read, where it is a number (region, node)
  FixedString<64> map_name_;  ///< and where it is a name (filter, display message)
  std::variant<std::monostate, NodeScratch, PeerChange, RegionScratch, RuleScratch, PingScratch, DisplayScratch,
               DnsScratch, TkaScratch>
      scratch_;
};

}  // namespace microlink::tailcfg
