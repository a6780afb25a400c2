// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/recording.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "microlink/base/secret.h"
#include "microlink/port/posix/recording_format.h"
#include "microlink/version.h"

namespace microlink::posix {

namespace {

constexpr std::string_view MAGIC = "MLINKREC";
constexpr size_t FLUSH_BYTES = 32 * 1024;
constexpr Duration FLUSH_AFTER = seconds(1);

}  // namespace

void ActionDigest::add_(ByteView bytes) {
  this->add_(static_cast<uint64_t>(bytes.size()));
  for (const uint8_t byte : bytes)
    this->value_ = (this->value_ ^ byte) * 0x100000001b3;
}

void ActionDigest::add_(uint64_t number) {
  for (int i = 0; i != 8; i++, number >>= 8)
    this->value_ = (this->value_ ^ (number & 0xff)) * 0x100000001b3;
}

void ActionDigest::add(const Action &action) {
  this->add_(static_cast<uint64_t>(action.kind));
  this->add_(static_cast<uint64_t>(action.stream));
  this->add_(static_cast<uint64_t>(action.record));
  this->add_(ByteView(action.to.address.bytes));
  this->add_(static_cast<uint64_t>(action.to.port));
  if (action.kind == Action::Kind::STORE && microlink::is_secret(action.record))
    this->add_(static_cast<uint64_t>(action.bytes.size()));
  else
    this->add_(action.bytes);
  for (const Endpoint &endpoint : action.endpoints) {
    this->add_(ByteView(endpoint.address.bytes));
    this->add_(static_cast<uint64_t>(endpoint.port));
  }
  this->add_(as_bytes(action.host));
}

Recorder::Recorder(std::unique_ptr<Driven> inner, StateDir &state, LogSink *log)
    : inner_(std::move(inner)), state_(state), log_(log, "recorder") {}

Recorder::~Recorder() {
  this->write_counted_();
  this->flush_();
}

std::string Recorder::open(const std::string &path, const Config &config, const TrustStore &trust) {
  std::string problem = this->secrets_.open(this->state_.path() + "/" + RECORDING_DIR_NAME, StateDir::Lock::NONE);
  if (!problem.empty())
    return problem;
  ::unlink(path.c_str());  // an older file might be open to others
  this->file_.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!this->file_.valid())
    return "cannot write the recording " + path + ": " + std::strerror(errno);
  const std::string_view version = VERSION;
  this->buffer_.insert(this->buffer_.end(), MAGIC.begin(), MAGIC.end());
  append_u64(this->buffer_, RECORDING_VERSION, 2);
  append_u64(this->buffer_, MAX_PEERS, 2);
  append_u64(this->buffer_, version.size(), 1);
  this->buffer_.insert(this->buffer_.end(), version.begin(), version.end());
  std::vector<uint8_t> payload;
  write_config(payload, config);
  this->add_(Entry::CONFIG, Instant{}, payload);
  this->add_(Entry::TRUST, Instant{}, as_bytes(trust.pem));
  // A stale secret of an earlier recording must not stand in for one that this run does not have.
  for (uint8_t i = 0; i != static_cast<uint8_t>(Record::COUNT); i++)
    (void) this->secrets_.erase(static_cast<Record>(i));
  (void) this->secrets_.erase(RECORDING_AUTH_KEY_NAME);
  return {};
}

Error Recorder::set_auth_key(std::string_view auth_key) {
  this->keep_secret_(this->secrets_, RECORDING_AUTH_KEY_NAME, as_bytes(auth_key));
  this->add_(Entry::AUTH_KEY, Instant{}, {});
  return this->inner_->set_auth_key(auth_key);
}

void Recorder::handle(Instant now, const Input &input) {
  if (input.kind == Input::Kind::SEED)
    this->keep_secret_(this->state_, RECORDING_SEED_NAME, input.bytes);
  else if (is_secret(input))
    this->keep_secret_(this->secrets_, record_name(input.record), input.bytes);
  std::vector<uint8_t> payload;
  write_input(payload, input);  // before the client sees it: it decrypts in place
  this->add_(Entry::INPUT, now, payload);
  this->inner_->handle(now, input);
}

std::optional<Action> Recorder::poll_action(Instant now, ByteSpan scratch) {
  const auto action = this->inner_->poll_action(now, scratch);
  this->count_(Entry::POLL_ACTIONS, now);
  if (action)
    this->digest_.add(*action);
  return action;
}

std::optional<Event> Recorder::poll_event() {
  this->count_(Entry::POLL_EVENTS, this->counted_at_);
  return this->inner_->poll_event();
}

Error Recorder::ping(Instant now, const NodePublic &peer) {
  this->add_(Entry::PING, now, peer.bytes);
  return this->inner_->ping(now, peer);
}

Error Recorder::rotate_node_key(Instant now) {
  this->add_(Entry::ROTATE, now, {});
  return this->inner_->rotate_node_key(now);
}

void Recorder::logout(Instant now) {
  this->add_(Entry::LOGOUT, now, {});
  this->inner_->logout(now);
}

Error Recorder::set_allowed_peers(Instant now, std::string_view list) {
  this->add_(Entry::ALLOW, now, as_bytes(list));
  return this->inner_->set_allowed_peers(now, list);
}

void Recorder::netcheck(Instant now) {
  this->add_(Entry::NETCHECK, now, {});
  this->inner_->netcheck(now);
}

Result<PeerStatus> Recorder::find(Instant now, std::string_view name_or_address) {
  const auto found = this->inner_->find(now, name_or_address);
  if (!found && found.error() == Error::NOT_READY)
    this->add_(Entry::FIND, now, as_bytes(name_or_address));
  return found;
}

void Recorder::count_(Entry kind, Instant now) {
  if (this->counted_ != 0 && (kind != this->counted_kind_ || now != this->counted_at_))
    this->write_counted_();
  this->counted_kind_ = kind;
  this->counted_at_ = now;
  this->counted_++;
}

void Recorder::write_counted_() {
  if (this->counted_ == 0)
    return;
  std::vector<uint8_t> payload;
  append_u64(payload, this->counted_, 4);
  if (this->counted_kind_ == Entry::POLL_ACTIONS)
    append_u64(payload, this->digest_.value(), 8);
  this->counted_ = 0;
  this->append_(this->counted_kind_, this->counted_at_, payload);
}

void Recorder::add_(Entry kind, Instant now, ByteView payload) {
  if (!this->file_.valid())
    return;
  this->write_counted_();
  this->append_(kind, now, payload);
}

void Recorder::append_(Entry kind, Instant now, ByteView payload) {
  this->buffer_.push_back(static_cast<uint8_t>(kind));
  append_u64(this->buffer_, static_cast<uint64_t>(now), 8);
  append_bytes(this->buffer_, payload);
  if (this->buffer_.size() >= FLUSH_BYTES || now - this->flushed_at_ >= FLUSH_AFTER) {
    this->flush_();
    this->flushed_at_ = now;
  }
}

void Recorder::flush_() {
  ByteView rest = this->buffer_;
  while (this->file_.valid() && !rest.empty()) {
    const ssize_t n = ::write(this->file_.get(), rest.data(), rest.size());
    if (n < 0 && errno != EINTR)
      this->end_(std::strerror(errno));
    else if (n > 0)
      rest = rest.subspan(static_cast<size_t>(n));
  }
  this->written_ += this->buffer_.size();
  this->buffer_.clear();
  if (this->written_ > MAX_RECORDING_BYTES)
    this->end_("it is as long as it may be");
}

void Recorder::end_(const char *why) {
  if (this->file_.valid())
    this->log_.warning("the recording ends here: %s", why);
  this->file_.reset();
}

void Recorder::keep_secret_(StateDir &where, const char *name, ByteView bytes) {
  if (const std::string problem = where.store(name, bytes); !problem.empty())
    this->end_(problem.c_str());
}

}  // namespace microlink::posix
#endif  // __linux__
