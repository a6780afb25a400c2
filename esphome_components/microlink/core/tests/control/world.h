// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "microlink/control/session.h"
#include "tests/http/nghttp2_server.h"
#include "tests/support/vectors.h"
#include "tests/support/seeded_random.h"

namespace microlink::control {

/// Writes down what passes by.
class RecordingSink final : public tailcfg::MapSink {
 public:
  std::vector<std::string> calls;
  void message_begin() override { this->calls.push_back("begin"); }
  void message_end(bool keep_alive) override { this->calls.push_back(keep_alive ? "keep-alive" : "end"); }
  void aborted() override { this->calls.push_back("aborted"); }
  void self_node(const tailcfg::Node &node) override { this->calls.push_back("self " + text(node.name)); }
  void peers_begin() override { this->calls.push_back("peers["); }
  void peer(const tailcfg::Node &node) override { this->calls.push_back("peer " + text(node.name)); }
  void peers_end() override { this->calls.push_back("]peers"); }
  void domain(std::string_view name) override { this->calls.push_back("domain " + text(name)); }
  size_t count(const std::string &call) const;

 private:
  static std::string text(std::string_view view) { return std::string(view); }
};

/// One ts2021 connection, server's side.
struct Connection {
  std::string request;  ///< HTTP head as it came
  bool upgraded{false};
  NoiseFraming framing;
  testing::Nghttp2Server http;
  std::deque<std::string> out;  ///< for the client, piece by piece
};

/// A control server in memory with its network and clock, and the session that talks to it.
class World {
 public:
  enum class Door : uint8_t { OPEN, REFUSED, SILENT };
  struct Reply {
    int status{200};
    std::string body;
    testing::Nghttp2Server::Headers headers{};
    bool hold{false};  ///< no answer yet
  };

  explicit World(const std::string &url = "https://control.example", bool pinned = false);

  // The server's script.
  crypto::SecretKey control_secret;
  MachinePublic control_key;           ///< what GET /key says; not always the truth
  std::string key_answer;              ///< whole HTTP response instead of the usual one
  std::vector<std::string> after_key;  ///< what the connection brings after it; "" ends it
  Door plain{Door::OPEN}, tls{Door::OPEN};
  bool early_payload{true};
  bool close_after_upgrade{false};
  bool garble_response{false};
  size_t chunk{SIZE_MAX};  ///< bytes given to the session at a time
  bool into_room{false};   ///< read where the session says, as its owner does with TLS
  size_t out_bytes{1500};  ///< what it may send at a time
  size_t sends{SIZE_MAX};  ///< how often it may still send
  std::function<Reply(const testing::Value &)> on_register;
  std::function<Reply(const testing::Value &)> on_update;
  std::function<Reply(const testing::Value &)> on_map;

  /// Perform everything that is due at the present time.
  void pump();
  /// Let time pass, with every timer on its way.
  void run_for(Duration time);
  void run_until(Instant time);
  void start();
  void drop_connections(Error error = Error::CLOSED);
  /// A framed message on the open map stream.
  void send_map(const std::string &json);
  void end_map_stream();
  static std::string framed(const std::string &json);
  /// A piece of a body; of an answer to a registration that was held, behind its head.
  void send_piece(int32_t stream, const std::string &bytes, bool end = false);

  // What was seen.
  Instant now{static_cast<Instant>(1'000'000)};
  testing::SeededRandom random;
  RecordingSink sink;
  std::vector<Event::Kind> events;
  std::vector<std::string> texts;   ///< of the events, beside them
  std::vector<std::string> opened;  ///< "KEY control.example:443 tls"
  std::vector<Instant> opened_at;
  std::vector<testing::Value> registers, updates, maps;
  std::vector<std::string> others;  ///< "HEAD /path body", or a whole ordinary request
  std::vector<std::string> key_requests;
  std::optional<Event> last_of(Event::Kind kind) const;
  size_t count(Event::Kind kind) const;
  Connection *connection();
  int32_t map_stream{0}, register_stream{0};
  bool has(Link link) const { return this->links_[static_cast<size_t>(link)] != nullptr; }
  /// Whether a connection waits for an answer that does not come (Door::SILENT).
  bool waits(Link link) const { return this->silent_[static_cast<size_t>(link)]; }
  /// The network opens or closes a connection of its own accord: `links_` and the session agree on it.
  void open_link(Link link);
  void close_link(Link link, Error error);

  MachinePrivate machine;
  NodePrivate node, next_node;
  DiscoPrivate disco;
  AuthKey auth_key;
  Settings settings;
  std::unique_ptr<Session> session;
  void make_session();

 private:
  void perform(const Event &event);
  void from_session(const Transmit &transmit);
  void key_request(Connection &connection);
  void upgrade(Link link, Connection &connection);
  void serve(Link link, Connection &connection);
  void answer(Connection &connection, int32_t stream, const testing::Nghttp2Server::Request &request);
  void seal(Connection &connection, const std::string &plaintext);
  bool to_session();

  std::string url_;  ///< settings view it
  std::array<std::unique_ptr<Connection>, 3> links_;
  std::array<bool, 3> silent_{};
  std::vector<std::pair<Event, std::string>> history_;
  std::vector<int32_t> answered_;
};

testing::Value samples();
std::string full_map();

}  // namespace microlink::control
