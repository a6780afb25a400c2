// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/node.h"

#include "microlink/base/secret.h"
#include "microlink/port/posix/recording.h"
#include "microlink/port/posix/trust.h"

namespace microlink::posix {

namespace {

void wipe_text(std::string &text) {
  wipe({reinterpret_cast<uint8_t *>(text.data()), text.size()});
  text.clear();
}

}  // namespace

Node::Node(NodeOptions options, DrivenFactory factory, Overlay *overlay, Observer *observer, LogSink *log)
    : options_(std::move(options)),
      factory_(std::move(factory)),
      overlay_(overlay),
      observer_(observer),
      log_sink_(log),
      log_(log, "node") {}

Node::~Node() {
  if (this->runner_ != nullptr)
    this->runner_->detach();
  wipe_text(this->auth_key_);
}

Node::Failure Node::open(std::string &problem) {
  problem = this->state_dir_.open(this->options_.state_dir, StateDir::Lock::EXCLUSIVE);
  if (!problem.empty())
    return Failure::STATE_DIR;
  problem = load_system_trust(this->trust_pem_);
  if (problem.empty() && !this->options_.ca_file.empty())
    problem = load_certificates(this->options_.ca_file, this->extra_pem_);
  if (!problem.empty())
    return Failure::CERTIFICATES;
  if (this->trust_pem_.empty() && this->extra_pem_.empty() && this->options_.config.ca_certificates.empty())
    this->log_.warning("no CA certificates found: install ca-certificates or name a file with --ca-file");
  if (!this->extra_pem_.empty())
    this->options_.config.ca_certificates = this->extra_pem_;
  this->trust_.pem = this->trust_pem_;
  this->options_.runner.relay_only = this->options_.config.relay_only;
  Observer *self = this;
  this->runner_ =
      std::make_unique<Runner>(this->options_.runner, this->state_dir_, this->overlay_, self, this->log_sink_);
  problem = this->runner_->open();
  return problem.empty() ? Failure::NONE : Failure::SOCKETS;
}

void Node::set_auth_key(std::string auth_key) {
  wipe_text(this->auth_key_);
  this->auth_key_ = std::move(auth_key);
  if (Driven *driven = this->driven(); driven != nullptr && !this->auth_key_.empty()) {
    if (driven->set_auth_key(this->auth_key_) != Error::NONE)
      this->log_.error("the auth key is too long");
    wipe_text(this->auth_key_);
    this->runner_->drain();
  }
}

std::string Node::up() {
  if (this->state_ == State::UP)
    return {};
  if (this->state_ != State::DOWN) {
    this->up_again_ = true;
    return {};
  }
  std::unique_ptr<Driven> client = this->factory_(this->options_.config, this->trust_, this->log_sink_);
  if (!this->options_.record_file.empty()) {
    auto recorder = std::make_unique<Recorder>(std::move(client), this->state_dir_, this->log_sink_);
    std::string problem = recorder->open(this->options_.record_file, this->options_.config, this->trust_);
    if (!problem.empty())
      return problem;
    client = std::move(recorder);
  }
  if (!this->auth_key_.empty()) {
    if (client->set_auth_key(this->auth_key_) != Error::NONE)
      this->log_.error("the auth key is too long");
    wipe_text(this->auth_key_);
  }
  std::string problem = this->runner_->attach(client.get());
  if (!problem.empty())
    return problem;
  this->client_ = std::move(client);
  this->state_ = State::UP;
  return {};
}

void Node::down() {
  this->up_again_ = false;
  if (this->state_ != State::UP && this->state_ != State::LEAVING)
    return;
  this->state_ = State::STOPPING;
  this->stop_deadline_ = monotonic_now() + STOP_TIME;
  this->runner_->feed({.kind = Input::Kind::STOP});
}

void Node::logout() {
  this->up_again_ = false;
  if (this->state_ != State::UP)
    return;
  this->state_ = State::LEAVING;
  this->stop_deadline_ = monotonic_now() + Client::LOGOUT_LIMIT + STOP_TIME;
  this->client_->logout(this->runner_->tick());
  this->runner_->drain();
}

void Node::close() {
  this->down();  // nor up again
  while (this->state_ == State::STOPPING)
    this->turn(this->stop_deadline_);
}

void Node::turn(Instant latest) {
  const bool at_rest = this->state_ != State::DOWN && this->runner_->stopped();
  this->runner_->turn(at_rest ? static_cast<Instant>(0) : earlier(latest, this->stop_deadline_));
  if (this->state_ == State::DOWN)
    return;
  if (this->runner_->stopped() || this->stop_deadline_ <= monotonic_now())
    this->finish_();
}

void Node::finish_() {
  if (!this->runner_->stopped())
    this->log_.warning("the client did not stop in time; it is dropped");
  this->runner_->detach();
  this->client_.reset();
  this->state_ = State::DOWN;
  this->stop_deadline_ = Instant::NEVER;
  if (!this->up_again_)
    return;
  this->up_again_ = false;
  if (const std::string problem = this->up(); !problem.empty())
    this->log_.error("%s", problem.c_str());
}

Snapshot Node::snapshot() const {
  const bool runs = this->state_ == State::UP || this->state_ == State::LEAVING;
  return runs ? this->client_->snapshot() : Snapshot{};
}

void Node::on_event(Instant now, const Event &event) {
  if (event.kind == Event::Kind::LOGOUT_FAILED && this->state_ == State::LEAVING) {
    this->state_ = State::UP;
    this->up_again_ = false;
    this->stop_deadline_ = Instant::NEVER;
  }
  if (this->observer_ != nullptr)
    this->observer_->on_event(now, event);
}

}  // namespace microlink::posix
#endif  // __linux__
