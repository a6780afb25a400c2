// SPDX-License-Identifier: MIT
/// Counts what a whole node executes, in the recordings of bench/memory: joins with real certificates, and packets of
/// 1,280 bytes from lwIP's interface to the datagram and back, with everything between them (filter with rules, peers,
/// paths, tunnel, copies). That the client does byte for byte what the recording says is checked for every input.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "bench/memory/bundle.h"
#include "bench/memory/chains.h"
#include "bench/memory/recording.h"
#include "bench/rv32/count.h"
#include "bench/rv32_node/overlay.h"
#include "microlink/client.h"

asm(".section .rodata.recording\n"
    ".balign 8\n"
    ".global recording_begin\n"
    "recording_begin: .incbin \"" RECORDING
    "\"\n"
    ".global recording_end\n"
    "recording_end:\n"
    ".previous");
extern "C" const uint8_t recording_begin[], recording_end[];

void bench_handshake();  // handshake.cpp

namespace {

using namespace microlink;
using ::bench::require;
using microlink::bench::Entry;

constexpr size_t MAX_SAMPLES = 1024;
constexpr size_t FULL = OVERLAY_MTU;

/// Counts of packets in one part of a recording.
struct Packets {
  std::array<uint32_t, MAX_SAMPLES> values;
  size_t used;

  void add(uint32_t value) {
    require(this->used != MAX_SAMPLES, "too many packets");
    this->values[this->used++] = value;
  }
  /// Those of a part that begins with handshakes are not told.
  void report(const char *name, std::string_view part_name) {
    const char *const part = part_name.data();
    const bool is_first = part_name.starts_with("first_") || this->used == 0;
    const size_t count = std::exchange(this->used, 0);
    if (is_first)
      return;
    std::sort(this->values.begin(), this->values.begin() + count);
    std::printf("%s_%s %lu\n", name, part, static_cast<unsigned long>(this->values[count / 2]));
    std::printf("%s_%s_most %lu\n", name, part, static_cast<unsigned long>(this->values[count - 1]));
  }
};

/// The most that one input of a kind took, in one part of a recording.
struct Longest {
  const char *name;
  uint32_t most;

  void add(uint32_t value) { this->most = std::max(this->most, value); }
  void report(const char *part) {
    if (this->most != 0)
      std::printf("longest_%s_%s %lu\n", part, this->name, static_cast<unsigned long>(this->most));
    this->most = 0;
  }
};

/// Replays a recording.
class Replay {
 public:
  void run();

 private:
  void configure_(const Entry &entry, std::string_view url, std::string_view name);
  void input_(const Entry &entry, const uint8_t *endpoints, ByteView bytes, std::string_view text);
  uint32_t perform_();
  void add_(const Entry &entry, uint32_t spent);
  void report_();

  ::bench::Overlay overlay_;
  Config config_;
  std::optional<Client> client_;
  Instant now_{};
  FixedString<32> part_;
  Packets tx_{}, rx_{};
  Longest streams_{"stream", 0}, control_{"control", 0}, datagrams_{"datagram", 0}, timers_{"timer", 0};
  Longest others_{"other", 0};
  bool has_sent_{false}, has_received_{false};
  uint32_t digest_{0};
};

alignas(16) Bytes<20'000> room;
alignas(16) Bytes<2048> scratch;

void Replay::configure_(const Entry &entry, std::string_view url, std::string_view name) {
  this->client_.reset();
  this->config_ = {};
  this->config_.control_url.assign(url);
  this->config_.hostname.assign(name);
  this->config_.relay_only = entry.stream != 0;
  this->client_.emplace(this->config_, TrustStore{.attach = microlink::bench::attach_bundle}, nullptr);
}

/// Everything that the input causes, as a port polls it.
uint32_t Replay::perform_() {
  microlink::bench::Digest digest;
  uint32_t spent = 0;
  while (true) {
    std::optional<Action> action;
    spent += ::bench::count([&] { action = this->client_->poll_action(this->now_, scratch); });
    if (!action)
      break;
    digest.add(*action);
    if (action->kind == Action::Kind::OVERLAY) {
      this->has_received_ = action->bytes.size() == FULL;
      this->overlay_.receive(action->bytes, spent);
    } else if (action->kind == Action::Kind::SELF_ADDRESSES) {
      this->overlay_.set_addresses(action->endpoints);
    } else if (action->kind == Action::Kind::SEND_DATAGRAM || action->kind == Action::Kind::SEND_STREAM) {
      this->has_sent_ = action->bytes.size() > FULL;
    }
  }
  spent += ::bench::count([&] {
    while (this->client_->poll_event()) {
    }
  });
  this->digest_ = digest.value();
  return spent;
}

void Replay::add_(const Entry &entry, uint32_t spent) {
  constexpr uint32_t CONTROL_NOISE = 1;
  const auto kind = static_cast<Input::Kind>(entry.kind);
  if (this->has_received_)
    this->rx_.add(spent);
  else if (kind == Input::Kind::OVERLAY && this->has_sent_)
    this->tx_.add(spent);
  else if (kind == Input::Kind::STREAM_OPEN || kind == Input::Kind::STREAM_BYTES)
    (entry.stream == CONTROL_NOISE ? this->control_ : this->streams_).add(spent);
  else if (kind == Input::Kind::DATAGRAM || kind == Input::Kind::TIMEOUT)
    (kind == Input::Kind::DATAGRAM ? this->datagrams_ : this->timers_).add(spent);
  else
    this->others_.add(spent);
}

void Replay::input_(const Entry &entry, const uint8_t *endpoints, ByteView bytes, std::string_view text) {
  require(bytes.size() + OVERLAY_HEADROOM + OVERLAY_TAILROOM <= room.size(), "room");
  uint32_t spent = 0;
  Input input{.kind = static_cast<Input::Kind>(entry.kind),
              .stream = static_cast<StreamId>(entry.stream),
              .record = static_cast<Record>(entry.record),
              .error = static_cast<Error>(entry.error),
              .from = entry.from,
              .wall_time = static_cast<WallTime>(entry.wall_time)};
  input.bytes = ByteSpan(room).subspan(OVERLAY_HEADROOM, bytes.size());
  if (input.kind == Input::Kind::OVERLAY)
    require(this->overlay_.send(bytes, input.bytes, spent) == bytes.size(), "lwIP's output");
  else
    copy(bytes, input.bytes);
  input.endpoints = {reinterpret_cast<const Endpoint *>(endpoints), entry.endpoints};
  input.host = text;
  this->has_sent_ = this->has_received_ = false;
  this->now_ = static_cast<Instant>(entry.now);
  spent += ::bench::count([&] { this->client_->handle(this->now_, input); });
  spent += this->perform_();
  if (this->digest_ != entry.digest)
    std::printf("part %s, input of kind %lu\n", this->part_.c_str(), static_cast<unsigned long>(entry.kind));
  require(this->digest_ == entry.digest, "the client does not do what the recording says");
  this->add_(entry, spent);
}

void Replay::report_() {
  const char *const part = this->part_.c_str();
  this->tx_.report("node_tx_1280", part);
  this->rx_.report("node_rx_1280", part);
  for (Longest *each : {&this->streams_, &this->control_, &this->datagrams_, &this->timers_, &this->others_})
    each->report(part);
}

void Replay::run() {
  this->overlay_.open();
  for (const uint8_t *at = recording_begin; at < recording_end;) {
    Entry entry;
    std::memcpy(&entry, at, sizeof(entry));
    const uint8_t *const endpoints = at + sizeof(entry);
    const uint8_t *const bytes = endpoints + microlink::bench::padded(entry.endpoints * sizeof(Endpoint));
    const uint8_t *const text = bytes + microlink::bench::padded(entry.bytes);
    at = text + microlink::bench::padded(entry.text);
    const ByteView view(bytes, entry.bytes);
    const std::string_view words(reinterpret_cast<const char *>(text), entry.text);
    if (entry.kind == Entry::MARK) {
      this->report_();
      this->part_.assign(words);
    } else if (entry.kind == Entry::CONFIG) {
      this->configure_(entry, as_text(view), words);
    } else {
      this->input_(entry, endpoints, view, words);
    }
  }
  this->report_();
}

}  // namespace

int main() {
  require(microlink::bench::bundle_root(testing::EC_ROOT) && microlink::bench::bundle_root(testing::RSA_ROOT), "roots");
  bench_handshake();
  static Replay replay;
  replay.run();
  require(::bench::Overlay::received() != 0, "nothing came out of lwIP");
  return 0;
}
