// SPDX-License-Identifier: MIT
#include "bench/memory/chip_port.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>

#include "bench/memory/sockets.h"
#include "microlink/port/resolve_token.h"
#include "tests/memory/allocations.h"

namespace microlink::bench {

namespace {

using testing::PaintedStack;
using testing::Unwatched;

PaintedStack *stack = nullptr;
Depths deepest;

void note(size_t &depth) { depth = std::max(depth, stack->depth()); }

/// Calls where the node's stack does not grow and nothing is counted.
template<typename Call> void outside(Call call) {
  const Unwatched unwatched;
  stack->leave([](void *argument) { (*static_cast<Call *>(argument))(); }, &call);
}

/// What nobody sees: the bench counts how deep lines are formatted.
class Lines final : public LogSink {
 public:
  bool wants(LogLevel /*level*/) const override { return true; }
  void write(LogLevel /*level*/, const char * /*tag*/, const char * /*line*/) override {}
};

/// ESP-IDF, and the port.
class ChipPort final : public testing::Port, private chip::System, private Wire {
 public:
  ChipPort(testing::Node &node, const Config &config, const TrustStore &trust)
      : world_node_(node), sockets_(*this), chip_node_({.config = &config, .trust = trust}, *this, &this->lines_) {}
  ~ChipPort() override {
    this->sockets_.end();
    stack = nullptr;
  }

  chip::Node &chip_node() { return this->chip_node_; }
  Client &client() override { return *this->chip_node_.client(); }
  Instant next_timeout() const override { return this->deadline_; }
  void start() override {
    stack = this->world_node_.world().stack;
    (void) this->chip_node_.post({.kind = chip::Command::Kind::UP});
    this->work_();  // without a Watch: it takes what it takes once
  }
  void handle(const Input &input) override {
    switch (input.kind) {
      case Input::Kind::RESOLVED:
        this->answers_.push_back({.token = ResolveToken::CLIENT, .host = input.host, .addresses = {}});
        break;
      case Input::Kind::OVERLAY:
        this->packets_.emplace_back(as_text(input.bytes));
        break;
      default:
        this->sockets_.handle(input);
    }
    const testing::Watch watch;
    this->work_();
  }

 private:
  void work_() {
    do {
      this->is_awake_ = false;
      stack->run([this] { (void) this->chip_node_.turn(Instant::NEVER); });
      this->deadline_ = this->sockets_.deadline();
    } while (!this->sockets_.was_idle() || this->is_awake_);
  }

  // Wire
  void left(const Action &action) override {
    note(deepest.system);
    outside([&] { this->world_node_.perform(action); });
  }
  void called() override { note(deepest.system); }
  Instant time() override { return this->now(); }
  uint16_t port() override { return this->world_node_.underlay.port; }

  // chip::System
  Instant now() override { return this->world_node_.world().now; }
  WallTime wall_now() override { return testing::Node::WALL; }
  bool fill_random(ByteSpan out) override {
    note(deepest.system);
    std::fill(out.begin(), out.end(), uint8_t{7});
    return true;
  }
  Result<size_t> load(Record record, ByteSpan out) override {
    note(deepest.system);
    size_t size = 0;
    outside([&] {
      const std::string &stored = this->world_node_.records[record];
      size = stored.copy(reinterpret_cast<char *>(out.data()), out.size());
    });
    return size;
  }
  Error store(Record record, ByteView bytes) override {
    Action action{.kind = Action::Kind::STORE, .record = record};
    action.bytes = bytes;
    this->left(action);
    return Error::NONE;
  }
  Error erase(Record record) override {
    this->left({.kind = Action::Kind::ERASE, .record = record});
    return Error::NONE;
  }
  size_t local_addresses(std::span<IpAddress> out) override {
    note(deepest.system);
    out[0] = this->world_node_.underlay.address;
    return 1;
  }
  bool take_network_change() override { return false; }
  bool resolve(uint32_t token, std::string_view host) override {
    note(deepest.system);
    outside([&] {
      if (token == ResolveToken::CLIENT) {
        Action action{.kind = Action::Kind::RESOLVE};
        action.host = host;
        this->world_node_.perform(action);
        return;
      }
      this->answers_.push_back({.token = token, .host = host, .addresses = {}});
      (void) this->answers_.back().addresses.push_back(host == "relay.example" ? RELAYS[0] : CONTROL);
    });
    this->is_awake_ = true;
    return true;
  }
  std::optional<chip::Answer> take_answer() override {
    if (this->answers_.empty())
      return std::nullopt;
    const chip::Answer out = this->answers_.front();
    outside([&] { this->answers_.pop_front(); });
    return out;
  }
  void set_overlay_addresses(std::span<const Endpoint> /*addresses*/) override { note(deepest.system); }
  void write_overlay(ByteView packet) override {
    Action action{.kind = Action::Kind::OVERLAY};
    action.bytes = packet;
    this->left(action);
  }
  size_t read_overlay(ByteSpan out) override {
    note(deepest.system);
    size_t size = 0;
    outside([&] {
      if (this->packets_.empty())
        return;
      size = this->packets_.front().copy(reinterpret_cast<char *>(out.data()), out.size());
      this->packets_.pop_front();
    });
    return size;
  }
  void wake_up() override { this->is_awake_ = true; }
  const chip::Socket &wake_socket() const override { return this->no_socket_; }
  void clear_wake() override {}

  testing::Node &world_node_;
  Sockets sockets_;
  Lines lines_;
  std::deque<chip::Answer> answers_;
  std::deque<std::string> packets_;
  Instant deadline_{Instant::NEVER};
  bool is_awake_{false};
  chip::Socket no_socket_;
  chip::Node chip_node_;
};

ChipPort *latest = nullptr;

}  // namespace

std::unique_ptr<testing::Port> make_chip_port(testing::Node &node, const Config &config, const TrustStore &trust) {
  auto out = std::make_unique<ChipPort>(node, config, trust);
  latest = out.get();
  return out;
}

chip::Node &chip_node() { return latest->chip_node(); }
Depths depths() { return deepest; }
void forget_depths() { deepest = {}; }

}  // namespace microlink::bench

// The linker leads all calls of the C library's functions here.
extern "C" {
int __real_vsnprintf(char *out, size_t size, const char *format, va_list arguments);
int __wrap_vsnprintf(char *out, size_t size, const char *format, va_list arguments) {
  using namespace microlink::bench;
  if (stack == nullptr || stack->depth() == 0)  // the world's own
    return __real_vsnprintf(out, size, format, arguments);
  note(deepest.text);
  int written = 0;
  outside([&] { written = __real_vsnprintf(out, size, format, arguments); });
  return written;
}
int __wrap_snprintf(char *out, size_t size, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int written = __wrap_vsnprintf(out, size, format, arguments);
  va_end(arguments);
  return written;
}
}
