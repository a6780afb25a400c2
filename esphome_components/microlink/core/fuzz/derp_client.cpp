// SPDX-License-Identifier: MIT
/// A script of what happens to a relay client. Each step is an opcode and its operands; the target completes the
/// login itself when the script asks for it, as no mutation could seal a ServerInfo.
///
///     0 n bytes  n bytes arrive            4 n  a packet of 8n bytes is sent (odd n: DISCO)
///     1          upgrade response          5 n  up to n+1 bytes are fetched
///     2          the relay's key           6 n  n seconds pass
///     3          ServerInfo                7    the stream ends     8  start     9 n  preferred
///     10 t n     a frame of type t and n×16 bytes arrives
#include <vector>

#include "microlink/base/reader.h"
#include "microlink/derp/client.h"
#include "tests/support/seeded_random.h"

namespace {

using namespace microlink;
using namespace microlink::derp;

void require(bool condition) {
  if (!condition)
    __builtin_trap();
}

class Script {
 public:
  explicit Script(ByteView script) : script_(script), client_(this->random_, this->shared_, 0) {
    this->node_.generate(this->random_);
    this->relay_.generate(this->random_);
    this->start_();
  }

  void run() {
    while (this->script_.left() != 0) {
      this->step_();
      this->check_();
    }
  }

 private:
  void step_() {
    switch (this->script_.u8() % 11) {
      case 0: {
        const ByteView bytes = this->script_.take(std::min<size_t>(this->script_.u8(), this->script_.left()));
        this->receive_({bytes.begin(), bytes.end()});
        break;
      }
      case 1: {
        const ByteView head =
            as_bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n");
        this->receive_({head.begin(), head.end()});
        break;
      }
      case 2: {
        std::vector<uint8_t> body(MAGIC.size() + KEY_BYTES);
        Writer out(body);
        out.bytes(MAGIC).bytes(this->relay_.public_key().bytes);
        this->receive_frame_(0x01, body);
        break;
      }
      case 3:
        this->receive_info_();
        break;
      case 4: {
        const uint8_t n = this->script_.u8();
        std::vector<uint8_t> packet(8 * n);
        if (n % 2 == 1 && n > 1)
          copy(Bytes<6>{0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac}, packet);
        (void) this->client_.send(this->now_, {}, packet);
        break;
      }
      case 5:
        this->fetch_(1 + this->script_.u8());
        break;
      case 6:
        this->now_ = this->now_ + seconds(this->script_.u8());
        this->client_.handle_timeout(this->now_);
        break;
      case 7:
        this->client_.handle_closed(this->now_);
        break;
      case 8:
        this->start_();
        break;
      case 9:
        this->client_.set_preferred(this->script_.u8() % 2 == 1);
        break;
      default: {
        const uint8_t type = this->script_.u8();
        this->receive_frame_(type, std::vector<uint8_t>(16 * this->script_.u8(), type));
        break;
      }
    }
  }

  void start_() {
    require(this->client_.start(this->now_, {.host = "derp.example", .node_key = &this->node_}) == Error::NONE);
    this->sent_.clear();
    this->head_left_ = true;
  }

  void receive_frame_(uint8_t type, const std::vector<uint8_t> &body) {
    std::vector<uint8_t> frame(FRAME_HEADER_BYTES + body.size());
    Writer out(frame);
    write_frame(out, static_cast<FrameType>(type), body);
    this->receive_(frame);
  }

  void receive_info_() {
    crypto::BoxKey box;
    require(box.precompute(this->relay_.secret(), this->node_.public_key().bytes));
    const ByteView json = as_bytes(R"({"version":2,"TokenBucketBytesPerSecond":20000,"TokenBucketBytesBurst":66000})");
    std::vector<uint8_t> body(json.size() + crypto::BOX_OVERHEAD);
    box.seal(this->random_, json, body);
    this->receive_frame_(0x03, body);
  }

  void receive_(std::vector<uint8_t> raw) {
    ByteSpan in(raw);
    while (!in.empty()) {
      const size_t before = in.size();
      const auto state = this->client_.state();
      const Error error = this->client_.handle_bytes(this->now_, in);
      require(error == Error::NONE || error == Error::UNEXPECTED);
      require(in.size() < before || this->client_.state() != state);
      this->drain_();
    }
  }

  void drain_() {
    while (const auto event = this->client_.poll_event()) {
      require(event->packet.size() <= MAX_PACKET_BYTES);
      require((event->kind == Event::Kind::FAILED) == (this->client_.state() == Client::State::FAILED));
      volatile uint8_t last = event->packet.empty() ? uint8_t{0} : event->packet.back();
      (void) last;
    }
  }

  void fetch_(size_t room) {
    std::vector<uint8_t> out(room);
    const auto transmit = this->client_.poll_transmit(this->now_, out);
    if (!transmit)
      return;
    require(transmit->size != 0 && transmit->size <= room);
    this->sent_.insert(this->sent_.end(), out.begin(), out.begin() + static_cast<ptrdiff_t>(transmit->size));
    this->check_sent_();
  }

  /// What leaves is the request and then whole frames of the types that a client sends.
  void check_sent_() {
    if (this->head_left_) {
      const std::string_view text = as_text(this->sent_);
      const size_t end = text.find("\r\n\r\n");
      if (end == std::string_view::npos)
        return;
      require(text.starts_with("GET /derp HTTP/1.1\r\n"));
      this->sent_.erase(this->sent_.begin(), this->sent_.begin() + static_cast<ptrdiff_t>(end + 4));
      this->head_left_ = false;
    }
    while (this->sent_.size() >= FRAME_HEADER_BYTES) {
      Reader in(this->sent_);
      const auto type = static_cast<FrameType>(in.u8());
      const size_t size = FRAME_HEADER_BYTES + in.u32be();
      require(type == FrameType::CLIENT_INFO || type == FrameType::SEND_PACKET || type == FrameType::NOTE_PREFERRED ||
              type == FrameType::PONG);
      require(size <= MAX_SEND_FRAME_BYTES);
      if (this->sent_.size() < size)
        return;
      this->sent_.erase(this->sent_.begin(), this->sent_.begin() + static_cast<ptrdiff_t>(size));
    }
  }

  void check_() {
    this->drain_();
    const auto state = this->client_.state();
    const bool active = state != Client::State::IDLE && state != Client::State::FAILED;
    require((this->client_.next_timeout() != Instant::NEVER) == active);
    require(active || this->client_.queued() == 0);
  }

  Reader script_;
  testing::SeededRandom random_;
  NodePrivate node_;
  NodePrivate relay_;
  Instant now_{static_cast<Instant>(1)};
  Client::Shared shared_;
  Client client_;
  std::vector<uint8_t> sent_;
  bool head_left_{true};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Script({data, size}).run();
  return 0;
}
