// SPDX-License-Identifier: MIT
#include "tests/control/world.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "microlink/base/text.h"
#include "tests/noise/responder.h"

namespace microlink::control {

using testing::Nghttp2Server;
using testing::Value;

size_t RecordingSink::count(const std::string &call) const {
  return static_cast<size_t>(std::count(this->calls.begin(), this->calls.end(), call));
}

Value samples() { return testing::load_vectors("samples.json"); }
std::string full_map() { return samples()["map_response_full"].dump(); }

World::World(const std::string &url, bool pinned) : url_(url) {
  this->machine.generate(this->random);
  this->node.generate(this->random);
  this->next_node.generate(this->random);
  this->disco.generate(this->random);
  this->random.fill(this->control_secret.writable());
  crypto::clamp(this->control_secret.writable());
  this->control_key = MachinePublic{crypto::public_key_of(this->control_secret)};
  this->settings.server = *ServerUrl::parse(this->url_);
  this->settings.allow_plain_http = true;
  if (pinned)
    this->settings.pinned_key = this->control_key;
  const Value ok = samples()["register_responses"]["success"];
  this->on_register = [ok](const Value &) { return Reply{200, ok.dump()}; };
  this->on_update = [](const Value &) { return Reply{}; };
  this->on_map = [](const Value &) { return Reply{.hold = true}; };
  this->make_session();
}

void World::make_session() {
  tailcfg::Hostinfo hostinfo;
  hostinfo.hostname = "sensor-1";
  hostinfo.os = "linux";
  hostinfo.app = "test";
  hostinfo.ipn_version = "1.98.0";
  const Identity identity{this->machine, this->node.public_key(), this->disco.public_key(), this->auth_key};
  this->session = std::make_unique<Session>(this->settings, identity, hostinfo, this->sink, this->random, nullptr);
}

void World::start() {
  EXPECT_EQ(this->session->start(this->now), Error::NONE);
  this->pump();
}

void World::pump() {
  Bytes<1500> buffer;
  for (bool busy = true; busy;) {
    busy = false;
    while (const auto event = this->session->poll_event()) {
      busy = true;
      this->perform(*event);
    }
    while (this->sends != 0) {
      const auto transmit = this->session->poll_transmit(this->now, ByteSpan(buffer).first(this->out_bytes));
      if (!transmit)
        break;
      busy = true;
      this->sends -= this->sends == SIZE_MAX ? 0 : 1;
      this->from_session(*transmit);
    }
    busy = this->to_session() || busy;
    if (this->session->next_timeout() <= this->now) {
      busy = true;
      this->session->handle_timeout(this->now);
    }
  }
}

void World::run_until(Instant time) {
  this->pump();
  while (this->session->next_timeout() <= time) {
    this->now = std::max(this->now, this->session->next_timeout());
    this->session->handle_timeout(this->now);
    this->pump();
  }
  this->now = time;
  this->session->handle_timeout(this->now);
  this->pump();
}

void World::run_for(Duration time) { this->run_until(this->now + time); }

void World::perform(const Event &event) {
  static const char *const NAMES[] = {"PING", "NOISE", "FALLBACK"};
  const size_t link = static_cast<size_t>(event.link);
  if (event.kind == Event::Kind::CLOSE) {
    EXPECT_TRUE(this->links_[link] != nullptr || this->silent_[link]) << "CLOSE of what is not open";
    this->links_[link].reset();
    this->silent_[link] = false;
  } else if (event.kind == Event::Kind::OPEN) {
    EXPECT_EQ(this->links_[link], nullptr);
    this->opened.push_back(std::string(NAMES[link]) + " " + std::string(event.host) + ":" + std::to_string(event.port) +
                           (event.tls ? " tls" : ""));
    this->opened_at.push_back(this->now);
    const Door door = event.tls ? this->tls : this->plain;
    if (door == Door::OPEN) {
      this->links_[link] = std::make_unique<Connection>();
      this->session->handle_open(this->now, event.link);
    } else if (door == Door::REFUSED) {
      this->session->handle_closed(this->now, event.link, Error::CLOSED);
    } else {
      this->silent_[link] = true;
    }
  } else {
    this->events.push_back(event.kind);
    this->texts.emplace_back(event.text);
    Event copy = event;
    copy.text = copy.types = copy.ip = copy.host = {};
    this->history_.emplace_back(copy, event.text);
  }
}

std::optional<Event> World::last_of(Event::Kind kind) const {
  for (auto it = this->history_.rbegin(); it != this->history_.rend(); ++it) {
    if (it->first.kind == kind) {
      Event event = it->first;
      event.text = it->second;
      return event;
    }
  }
  return std::nullopt;
}

size_t World::count(Event::Kind kind) const {
  return static_cast<size_t>(std::count(this->events.begin(), this->events.end(), kind));
}

Connection *World::connection() {
  for (const Link link : {Link::NOISE, Link::NOISE_FALLBACK}) {
    Connection *connection = this->links_[static_cast<size_t>(link)].get();
    if (connection != nullptr && connection->upgraded)
      return connection;
  }
  return nullptr;
}

void World::from_session(const Transmit &transmit) {
  Connection *connection = this->links_[static_cast<size_t>(transmit.link)].get();
  ASSERT_NE(connection, nullptr) << "bytes for a connection that is not open";
  if (!connection->upgraded) {
    connection->request += as_text(transmit.bytes);
    if (connection->request.find("\r\n\r\n") != std::string::npos) {
      if (!connection->request.starts_with("POST /ts2021")) {
        this->key_request(*connection);
        connection->request.clear();
      } else {
        this->upgrade(transmit.link, *connection);
      }
    }
    return;
  }
  ByteSpan in = transmit.bytes;
  EXPECT_LE(in.size(), NoiseFraming::MAX_RECORD_BYTES);
  const auto plaintext = connection->framing.read(in);
  ASSERT_TRUE(plaintext);
  ASSERT_TRUE(connection->http.feed(*plaintext));
  this->serve(transmit.link, *connection);
}

void World::key_request(Connection &connection) {
  const std::string &request = connection.request;
  if (!request.starts_with("GET /key")) {
    this->others.push_back(request);
    connection.out.push_back("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  this->key_requests.push_back(request.substr(0, request.find("\r\n")));
  const std::string body = R"({"legacyPublicKey":"mkey:)" + std::string(64, '0') + R"(","publicKey":")" +
                           std::string(this->control_key.to_text().view()) + "\"}";
  const std::string answer =
      this->key_answer.empty() ? "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body
                               : this->key_answer;
  connection.out.push_back(answer);
  for (const std::string &more : this->after_key)
    connection.out.push_back(more);
}

void World::upgrade(Link link, Connection &connection) {
  EXPECT_TRUE(connection.request.starts_with("POST /ts2021 HTTP/1.1\r\n"));
  EXPECT_NE(connection.request.find("Upgrade: tailscale-control-protocol\r\n"), std::string::npos);
  const std::string name = "X-Tailscale-Handshake: ";
  const size_t at = connection.request.find(name) + name.size();
  Bytes<noise::INITIATION_BYTES> initiation;
  ASSERT_TRUE(base64_decode(connection.request.substr(at, base64_size(initiation.size())), initiation));
  const auto answer =
      noise::respond(this->control_secret, initiation, std::to_string(tailcfg::CAPABILITY_VERSION), this->random);
  std::string out =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: tailscale-control-protocol\r\nConnection: upgrade\r\n\r\n";
  if (!answer || this->close_after_upgrade) {
    connection.out.push_back(out);
    connection.out.push_back("");  // an end
    return;
  }
  EXPECT_EQ(answer->machine, this->machine.public_key().bytes);
  auto response = answer->response;
  if (this->garble_response)
    response[40] ^= 1;
  out += as_text(response);
  connection.framing.start(Secret<32>(answer->tx_key), Secret<32>(answer->rx_key));
  connection.upgraded = true;
  connection.out.push_back(out);
  if (this->early_payload) {
    // In three records, with an empty one between, as the vectors have it.
    this->seal(connection, std::string("\xff\xff\xff\x54\x53", 5));
    this->seal(connection, "");
    this->seal(connection, std::string("\0\0\0\x14{\"nodeKey", 13));
    this->seal(connection, "Challenge\"}");
  }
  this->serve(link, connection);
}

void World::seal(Connection &connection, const std::string &plaintext) {
  size_t at = 0;
  do {
    const size_t n = std::min(plaintext.size() - at, NoiseFraming::MAX_PLAINTEXT_BYTES);
    std::string record(n + NoiseFraming::OVERHEAD_BYTES, '\0');
    std::copy_n(plaintext.begin() + static_cast<ptrdiff_t>(at), n, record.begin() + NoiseFraming::HEADER_BYTES);
    ASSERT_TRUE(connection.framing.seal({reinterpret_cast<uint8_t *>(record.data()), record.size()}, n));
    connection.out.push_back(record);
    at += n;
  } while (at != plaintext.size());
}

void World::serve(Link, Connection &connection) {
  for (auto &[stream, request] : connection.http.requests) {
    if (request.complete && !request.path.empty()) {
      const Nghttp2Server::Request taken = request;
      request.path.clear();
      this->answer(connection, stream, taken);
    }
  }
  if (const std::string out = connection.http.drain(); !out.empty())
    this->seal(connection, out);
}

void World::answer(Connection &connection, int32_t stream, const Nghttp2Server::Request &request) {
  Reply reply;
  if (request.path == "/machine/register") {
    this->registers.push_back(testing::parse_json(request.body));
    reply = this->on_register(this->registers.back());
    this->register_stream = stream;
    if (reply.hold)
      connection.http.respond(stream, 200);
  } else if (request.path == "/machine/map") {
    const Value body = testing::parse_json(request.body);
    const bool is_stream = body.has("Stream") && body["Stream"].boolean();
    (is_stream ? this->maps : this->updates).push_back(body);
    reply = is_stream ? this->on_map(body) : this->on_update(body);
    if (is_stream)
      this->map_stream = stream;
    if (is_stream && reply.hold) {
      connection.http.respond(stream, 200);
      return;
    }
  } else {
    this->others.push_back(request.method + " " + request.path + " " + request.body);
  }
  if (!reply.hold)
    connection.http.respond_whole(stream, reply.status, reply.body, reply.headers);
}

std::string World::framed(const std::string &json) {
  std::string out;
  for (unsigned shift = 0; shift != 32; shift += 8)
    out += static_cast<char>(json.size() >> shift);
  return out + json;
}

void World::send_piece(int32_t stream, const std::string &bytes, bool end) {
  Connection *connection = this->connection();
  ASSERT_NE(connection, nullptr);
  connection->http.data(stream, bytes, end);
  this->serve(Link::NOISE, *connection);
  this->pump();
}

void World::send_map(const std::string &json) { this->send_piece(this->map_stream, framed(json)); }

void World::end_map_stream() {
  this->connection()->http.data(this->map_stream, "", true);
  this->serve(Link::NOISE, *this->connection());
  this->pump();
}

void World::drop_connections(Error error) {
  for (size_t i = 0; i != this->links_.size(); i++) {
    if (this->links_[i] != nullptr) {
      this->links_[i].reset();
      this->session->handle_closed(this->now, static_cast<Link>(i), error);
    }
  }
  this->pump();
}

void World::open_link(Link link) {
  if (std::exchange(this->silent_[static_cast<size_t>(link)], false))
    this->links_[static_cast<size_t>(link)] = std::make_unique<Connection>();
  this->session->handle_open(this->now, link);
}

void World::close_link(Link link, Error error) {
  this->links_[static_cast<size_t>(link)].reset();
  this->silent_[static_cast<size_t>(link)] = false;
  this->session->handle_closed(this->now, link, error);
}

bool World::to_session() {
  for (size_t i = 0; i != this->links_.size(); i++) {
    if (this->links_[i] == nullptr || this->links_[i]->out.empty())
      continue;
    std::string bytes = this->links_[i]->out.front();
    this->links_[i]->out.pop_front();
    if (bytes.empty()) {
      this->links_[i].reset();
      this->session->handle_closed(this->now, static_cast<Link>(i), Error::CLOSED);
      return true;
    }
    // With chunks smaller than a record, also join records: boundaries must not matter.
    while (this->chunk != SIZE_MAX && !this->links_[i]->out.empty() && !this->links_[i]->out.front().empty()) {
      bytes += this->links_[i]->out.front();
      this->links_[i]->out.pop_front();
    }
    const Link link = static_cast<Link>(i);
    for (size_t at = 0; this->into_room && at < bytes.size() && this->links_[i] != nullptr;) {
      const ByteSpan room = this->session->room(link);
      if (room.empty())
        break;
      const size_t n = copy(as_bytes(bytes).subspan(at), room);
      this->session->handle_bytes(this->now, link, room.first(n));
      at += n;
    }
    for (size_t at = 0; !this->into_room && at < bytes.size() && this->links_[i] != nullptr; at += this->chunk) {
      const size_t n = std::min(this->chunk, bytes.size() - at);
      this->session->handle_bytes(this->now, link, {reinterpret_cast<uint8_t *>(bytes.data()) + at, n});
      if (this->chunk == SIZE_MAX)
        break;
    }
    return true;
  }
  return false;
}

}  // namespace microlink::control
