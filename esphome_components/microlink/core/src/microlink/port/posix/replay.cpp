// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/base/secret.h"
#include "microlink/port/posix/recording.h"
#include "microlink/port/posix/recording_format.h"

namespace microlink::posix {

namespace {

constexpr std::string_view MAGIC = "MLINKREC";
constexpr size_t SCRATCH_BYTES = 2048;

/// One run of replay().
class Replay {
 public:
  Replay(ByteView recording, const StateDir &state, const DrivenFactory &factory, LogSink *log)
      : in_(recording), state_(state), factory_(factory), log_(log) {}

  ReplayResult run();

 private:
  bool read_header_();
  bool apply_(Entry kind, Instant now, ByteView payload);
  bool apply_to_client_(Entry kind, Instant now, ByteView payload);
  bool apply_input_(Instant now, ByteView payload);
  bool apply_auth_key_();
  bool poll_actions_(Instant now, ByteView payload);
  bool poll_events_(ByteView payload);
  bool load_secret_(const Input &input, std::vector<uint8_t> &bytes);
  bool fail_(std::string problem) {
    this->result_.problem = std::move(problem);
    return false;
  }

  Reader in_;
  const StateDir &state_;
  const DrivenFactory &factory_;
  LogSink *log_;
  Config config_;
  TrustStore trust_{};
  std::unique_ptr<Driven> client_;
  StateDir secrets_;
  ActionDigest digest_;
  ReplayResult result_;
};

ReplayResult Replay::run() {
  if (!this->read_header_())
    return this->result_;
  std::optional<Instant> first;
  while (this->in_.left() != 0) {
    const auto kind = static_cast<Entry>(this->in_.u8());
    const auto now = static_cast<Instant>(this->in_.u64be());
    const uint32_t size = this->in_.u32be();
    const ByteView payload = this->in_.take(size);
    if (!this->in_.ok())
      break;  // the last entry of a run that was cut off
    this->result_.entries++;
    if (!this->apply_(kind, now, payload))
      break;
    if (kind == Entry::INPUT) {
      first = first.value_or(now);
      this->result_.length = now - *first;
    }
  }
  this->result_.digest = this->digest_.value();
  return this->result_;
}

bool Replay::read_header_() {
  const std::string_view magic = as_text(this->in_.take(MAGIC.size()));
  const uint16_t version = this->in_.u16be();
  const uint16_t peers = this->in_.u16be();
  this->in_.take(this->in_.u8());
  if (!this->in_.ok() || magic != MAGIC)
    return this->fail_("this is not a recording");
  if (version != RECORDING_VERSION)
    return this->fail_("the recording has format " + std::to_string(version) + ", this program reads format " +
                       std::to_string(RECORDING_VERSION));
  if (peers != MAX_PEERS)
    return this->fail_("the recording is of a build with MICROLINK_MAX_PEERS=" + std::to_string(peers) +
                       "; build the same to replay it");
  return true;
}

bool Replay::apply_(Entry kind, Instant now, ByteView payload) {
  if (kind == Entry::CONFIG && this->client_ == nullptr)
    return read_config(payload, this->config_) == Error::NONE ||
           this->fail_("the recording's configuration is damaged");
  if (kind == Entry::TRUST && this->client_ == nullptr) {
    this->trust_.pem = as_text(payload);
    this->client_ = this->factory_(this->config_, this->trust_, this->log_);
    return true;
  }
  if (this->client_ == nullptr)
    return this->fail_("the recording does not begin with its configuration");
  return this->apply_to_client_(kind, now, payload);
}

bool Replay::apply_to_client_(Entry kind, Instant now, ByteView payload) {
  switch (kind) {
    case Entry::INPUT:
      return this->apply_input_(now, payload);
    case Entry::AUTH_KEY:
      return this->apply_auth_key_();
    case Entry::PING:
      (void) this->client_->ping(now, NodePublic::from_bytes(payload));
      return true;
    case Entry::ROTATE:
      (void) this->client_->rotate_node_key(now);
      return true;
    case Entry::LOGOUT:
      this->client_->logout(now);
      return true;
    case Entry::NETCHECK:
      this->client_->netcheck(now);
      return true;
    case Entry::FIND:
      (void) this->client_->find(now, as_text(payload));
      return true;
    case Entry::ALLOW:
      (void) this->client_->set_allowed_peers(now, as_text(payload));
      return true;
    case Entry::POLL_ACTIONS:
      return this->poll_actions_(now, payload);
    case Entry::POLL_EVENTS:
      return this->poll_events_(payload);
    case Entry::CONFIG:
    case Entry::TRUST:
      break;
  }
  return this->fail_("entry " + std::to_string(this->result_.entries) + " of the recording is damaged");
}

bool Replay::apply_input_(Instant now, ByteView payload) {
  ReadInput read;
  if (read_input(payload, read) != Error::NONE)
    return this->fail_("entry " + std::to_string(this->result_.entries) + " of the recording is damaged");
  if (is_secret(read.input)) {
    if (!this->load_secret_(read.input, read.bytes))
      return false;
    read.input.bytes = read.bytes;
  }
  this->client_->handle(now, read.input);
  if (is_secret(read.input))
    wipe(read.bytes);
  return true;
}

bool Replay::load_secret_(const Input &input, std::vector<uint8_t> &bytes) {
  std::optional<std::vector<uint8_t>> found;
  std::string problem;
  if (input.kind == Input::Kind::SEED) {
    problem = this->state_.load(RECORDING_SEED_NAME, true, found);
  } else {
    problem = this->secrets_.open(this->state_.path() + "/" + RECORDING_DIR_NAME, StateDir::Lock::NONE);
    if (problem.empty())
      problem = this->secrets_.load(input.record, found);
  }
  if (problem.empty() && !found)
    problem = "the state directory " + this->state_.path() + " does not hold the secrets of this recording";
  if (!problem.empty())
    return this->fail_(problem);
  bytes = std::move(*found);
  return true;
}

bool Replay::apply_auth_key_() {
  std::optional<std::vector<uint8_t>> found;
  std::string problem = this->secrets_.open(this->state_.path() + "/" + RECORDING_DIR_NAME, StateDir::Lock::NONE);
  if (problem.empty())
    problem = this->secrets_.load(RECORDING_AUTH_KEY_NAME, true, found);
  if (problem.empty() && !found)
    problem = "the state directory " + this->state_.path() + " does not hold the recording's auth key";
  if (!problem.empty())
    return this->fail_(problem);
  (void) this->client_->set_auth_key(as_text(*found));
  wipe(*found);
  return true;
}

bool Replay::poll_actions_(Instant now, ByteView payload) {
  Reader in(payload);
  const uint32_t count = in.u32be();
  const uint64_t expected = in.u64be();
  if (!in.ok())
    return this->fail_("entry " + std::to_string(this->result_.entries) + " of the recording is damaged");
  Bytes<SCRATCH_BYTES> scratch;
  for (uint32_t i = 0; i != count; i++) {
    const auto action = this->client_->poll_action(now, scratch);
    if (!action)
      break;
    this->digest_.add(*action);
    this->result_.actions++;
  }
  if (this->digest_.value() == expected)
    return true;
  this->result_.diverged = true;
  return this->fail_("the replay differs from the recording at entry " + std::to_string(this->result_.entries) + ", " +
                     std::to_string(to_milliseconds(this->result_.length)) + " ms after the start");
}

bool Replay::poll_events_(ByteView payload) {
  Reader in(payload);
  const uint32_t count = in.u32be();
  for (uint32_t i = 0; i != count && this->client_->poll_event(); i++) {
  }
  return in.ok() || this->fail_("entry " + std::to_string(this->result_.entries) + " of the recording is damaged");
}

}  // namespace

ReplayResult replay(ByteView recording, const StateDir &state, const DrivenFactory &factory, LogSink *log) {
  return Replay(recording, state, factory, log).run();
}

}  // namespace microlink::posix
#endif  // __linux__
