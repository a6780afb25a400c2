// SPDX-License-Identifier: MIT
/// A script of inputs for a whole client: a coordination server that lets it in and sends whatever maps the script
/// likes, datagrams, packets of the local stack, commands, and streams that do as they please. Invariants: it comes to
/// rest after each input, is never due at an instant at which it was just served, hands out bytes that are there, and
/// says nothing while it is stopped.
#include <array>
#include <memory>
#include <string>

#include "microlink/base/reader.h"
#include "microlink/client.h"
#include "tests/support/control_server.h"

using namespace microlink;
using testing::ControlServer;

namespace {

constexpr size_t MOST_STEPS = 200;
constexpr size_t MOST_ACTIONS = 2'000;
constexpr size_t MOST_WAKE_UPS = 8;  ///< in a row at one instant
constexpr StreamId FIRST_RELAY = 3;

ByteSpan span_of(std::string &text) { return {reinterpret_cast<uint8_t *>(text.data()), text.size()}; }

Config config() {
  Config out;
  out.control_url.assign("http://control.example");
  out.hostname.assign("node");
  out.allow_plain_http = true;
  return out;
}

/// Runs one script.
class Script {
 public:
  explicit Script(ByteView bytes) : in_(bytes), client_(this->config_, TrustStore{}, nullptr) {}

  void run() {
    std::string seed(32, 's');
    Input in{.kind = Input::Kind::SEED};
    in.bytes = span_of(seed);
    this->input_(in);
    for (size_t steps = 0; steps != MOST_STEPS && this->in_.left() != 0; steps++)
      this->step_(this->in_.u8());
  }

 private:
  static Endpoint endpoint_(uint8_t number) { return {IpAddress::v4(192, 0, 2, number), 41641}; }

  std::string text_() {
    const size_t size = std::min<size_t>(this->in_.u8() | (this->in_.u8() & 15) << 8, this->in_.left());
    return std::string(as_text(this->in_.take(size)));
  }

  void step_(uint8_t what) {
    switch (what % 16) {
      case 0:
        this->network_();
        break;
      case 1:
        this->input_({.kind = Input::Kind::START});
        break;
      case 2:
        this->cooperate_();
        break;
      case 3:
        this->send_map_(this->text_());
        break;
      case 4:
        this->now_ = this->now_ + milliseconds(this->in_.u8() * 100);
        this->serve_();
        break;
      case 5:
        if (const Instant wake = this->client_.next_timeout(); wake != Instant::NEVER)
          this->now_ = std::max(this->now_, wake);
        this->serve_();
        break;
      case 6:
        this->with_bytes_(Input::Kind::DATAGRAM, StreamId{0});
        break;
      case 7:
        this->with_bytes_(Input::Kind::STREAM_BYTES, this->in_.u8() % MAX_STREAMS);
        break;
      case 8:
        this->stream_(static_cast<Input::Kind>(static_cast<uint8_t>(Input::Kind::STREAM_OPEN) + this->in_.u8() % 5));
        break;
      case 9:
        this->overlay_();
        break;
      case 10:
        this->record_();
        break;
      case 11:
        this->wall_time_();
        break;
      case 12:
        this->name_();
        break;
      case 13:
        this->command_();
        break;
      case 14:
        this->input_({.kind = Input::Kind::STOP});
        break;
      default:
        this->cooperate_();
        this->send_map_(this->whole_map_(this->in_.u8()));
        break;
    }
  }

  void network_() {
    const Endpoint local = endpoint_(this->in_.u8());
    const uint8_t what = this->in_.u8();
    Input in{.kind = what < 128 ? Input::Kind::NETWORK : Input::Kind::SEND_FAILED};
    in.endpoints = {&local, what % 4 == 0 ? 0U : 1U};
    this->input_(in);
  }

  void wall_time_() {
    Input in{.kind = Input::Kind::WALL_TIME};
    in.wall_time = wall_seconds(1'893'456'000 + this->in_.u8() * 3600);
    this->input_(in);
  }

  void name_() {
    const std::string name = this->text_();
    (void) this->client_.resolve(name);
    (void) this->client_.find(this->now_, name);
    this->settle_();
    Input in{.kind = Input::Kind::RESOLVED};
    in.host = name;
    this->input_(in);
  }

  /// A map with a peer whose keys nobody has, so that packets find somebody to go to.
  std::string whole_map_(uint8_t number) const {
    const std::string digits = std::to_string(100 + number);
    return "{\"Node\":{\"ID\":1,\"Name\":\"node.example.\",\"Key\":\"" + this->control_.node_key +
           R"(","Addresses":["100.64.0.1/32"],"MachineAuthorized":true},"Peers":[{"ID":2,"Name":"peer.example.",)" +
           R"("Key":"nodekey:)" + std::string(61, '1') + digits + R"(","DiscoKey":"discokey:)" + std::string(61, '2') +
           digits + R"(","Addresses":["100.64.0.2/32"],"Endpoints":["192.0.2.77:41641"],"HomeDERP":1}],)" +
           R"("DERPMap":{"Regions":{"1":{"RegionID":1,"Nodes":[{"Name":"1","RegionID":1,"HostName":"relay.example",)" +
           R"("IPv4":"192.0.2.9"}]}}},"PacketFilter":[{"SrcIPs":["*"],"DstPorts":[{"IP":"*","Ports":{"First":0,)" +
           R"("Last":65535}}]}]})";
  }

  /// The server answers what it got.
  void cooperate_() {
    for (size_t round = 0; round != 12; round++) {
      for (StreamId id = 0; id != FIRST_RELAY; id++) {
        if (this->opening_[id]) {
          this->opening_[id] = false;
          Input in{.kind = Input::Kind::STREAM_OPEN};
          in.stream = id;
          this->input_(in);
        }
        if (this->streams_[id] == nullptr)
          continue;
        std::string answer = this->streams_[id]->take();
        if (answer.empty())
          continue;
        Input in{.kind = Input::Kind::STREAM_BYTES};
        in.stream = id;
        in.bytes = span_of(answer);
        this->input_(in);
      }
    }
  }

  void send_map_(const std::string &json) {
    for (const auto &stream : this->streams_) {
      if (stream != nullptr && stream->is_streaming())
        stream->send_map(json);
    }
    this->cooperate_();
  }

  void with_bytes_(Input::Kind kind, StreamId stream) {
    Input in{.kind = kind};
    in.stream = stream;
    in.from = endpoint_(this->in_.u8());
    std::string bytes = this->text_();
    in.bytes = span_of(bytes);
    this->input_(in);
  }

  void stream_(Input::Kind kind) {
    Input in{.kind = kind};
    in.stream = this->in_.u8() % MAX_STREAMS;
    in.error = Error::CLOSED;
    if (kind == Input::Kind::STREAM_CLOSED)
      this->streams_[in.stream].reset();
    if (kind != Input::Kind::STREAM_BYTES)
      this->input_(in);
  }

  void overlay_() {
    std::string packet = this->text_();
    if (this->in_.u8() % 2 == 0) {  // to the peer
      static constexpr uint8_t HEAD[] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0, 100, 64, 0, 1, 100, 64, 0, 2};
      packet.resize(40);
      std::copy(std::begin(HEAD), std::end(HEAD), packet.begin());
    }
    std::string room = std::string(OVERLAY_HEADROOM, '\0') + packet + std::string(OVERLAY_TAILROOM, '\0');
    Input in{.kind = Input::Kind::OVERLAY};
    in.bytes = span_of(room).subspan(OVERLAY_HEADROOM, packet.size());
    this->input_(in);
  }

  void record_() {
    Input in{.kind = Input::Kind::RECORD};
    in.record = static_cast<Record>(this->in_.u8() % (static_cast<uint8_t>(Record::COUNT) + 1));
    std::string bytes = this->text_();
    in.bytes = span_of(bytes);
    this->input_(in);
  }

  void command_() {
    switch (this->in_.u8() % 5) {
      case 0:
        if (this->client_.peer_count() != 0)
          (void) this->client_.ping(this->now_, this->client_.peer(0).node_key);
        break;
      case 1:
        (void) this->client_.rotate_node_key(this->now_);
        break;
      case 2:
        this->client_.netcheck(this->now_);
        break;
      case 3:
        (void) this->client_.set_auth_key(this->text_());
        break;
      default:
        this->client_.logout(this->now_);
        break;
    }
    this->settle_();
  }

  void input_(const Input &in) {
    this->client_.handle(this->now_, in);
    this->settle_();
  }

  void serve_() {
    for (size_t count = 0; this->client_.next_timeout() <= this->now_; count++) {
      if (count == MOST_WAKE_UPS)
        __builtin_trap();
      this->input_({.kind = Input::Kind::TIMEOUT});
    }
  }

  void settle_() {
    Bytes<2048> scratch;
    uint8_t sum = 0;
    const bool was_stopped = this->client_.status().state == State::STOPPED;
    for (size_t count = 0;; count++) {
      if (count == MOST_ACTIONS)
        __builtin_trap();
      const auto action = this->client_.poll_action(this->now_, scratch);
      if (!action)
        break;
      for (const uint8_t byte : action->bytes)
        sum = static_cast<uint8_t>(sum + byte);
      if (was_stopped && (action->kind == Action::Kind::SEND_DATAGRAM || action->kind == Action::Kind::OPEN_STREAM))
        __builtin_trap();
      this->perform_(*action);
    }
    while (const auto event = this->client_.poll_event()) {
      for (const char c : event->text)
        sum = static_cast<uint8_t>(sum + c);
    }
    this->sum_ = sum;
    for (size_t i = 0; i != this->client_.peer_count(); i++)
      this->sum_ = static_cast<uint8_t>(this->sum_ + this->client_.peer(i).name.size());
  }

  void perform_(const Action &action) {
    const StreamId id = action.stream;
    if (id >= MAX_STREAMS)
      __builtin_trap();
    if (action.kind == Action::Kind::OPEN_STREAM && id < FIRST_RELAY) {
      this->streams_[id] = std::make_unique<ControlServer::Connection>(this->control_);
      this->opening_[id] = true;
    } else if (action.kind == Action::Kind::SEND_STREAM && this->streams_[id] != nullptr) {
      this->streams_[id]->handle(std::string(as_text(action.bytes)));
    } else if (action.kind == Action::Kind::CLOSE_STREAM) {
      this->streams_[id].reset();
      this->opening_[id] = false;
    }
  }

  Reader in_;
  Instant now_{1'000'000};
  ControlServer control_{1};
  const Config config_{config()};
  Client client_;
  std::array<std::unique_ptr<ControlServer::Connection>, MAX_STREAMS> streams_;
  std::array<bool, MAX_STREAMS> opening_{};
  volatile uint8_t sum_{0};  ///< of everything that was handed out: it must be readable
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Script(ByteView(data, size)).run();
  return 0;
}
