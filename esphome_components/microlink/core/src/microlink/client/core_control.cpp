// SPDX-License-Identifier: MIT
#include "microlink/client/core.h"

namespace microlink::client {

static_assert(control::LOGOUT_TIMEOUT == Client::LOGOUT_LIMIT);

bool Core::settle_control_(Instant now) {
  if (!this->control_)
    return false;
  bool moved = false;
  while (this->control_) {
    const auto event = this->control_->poll_event();
    if (!event)
      break;
    this->handle_control_event_(now, *event);
    moved = true;
  }
  return moved;
}

void Core::handle_control_event_(Instant now, const control::Event &event) {
  using Kind = control::Event::Kind;
  switch (event.kind) {
    case Kind::CLOSE:
      this->streams_[static_cast<StreamId>(event.link)].close();
      break;
    case Kind::OPEN: {
      const auto literal = parse_ip(this->control_host_);
      this->streams_[static_cast<StreamId>(event.link)].open({.host = this->control_host_,
                                                              .port = event.port,
                                                              .address = literal.value_or(IpAddress{}),
                                                              .tls = event.tls});
      this->statistics_.control_connects++;
      break;
    }
    case Kind::CONTROL_KEY:
    case Kind::KEY_MISMATCH:
    case Kind::NEED_NODE_KEY:
    case Kind::ROTATED:
    case Kind::ROTATION_FAILED:
    case Kind::LOGGED_OUT:
      this->handle_key_event_(now, event);
      break;
    case Kind::REGISTERED:
      this->take_registration_(now, event.machine_authorized);
      break;
    case Kind::LOGIN_URL:
    case Kind::REGISTER_FAILED:
      if (this->trying_pending_ && event.kind == Kind::REGISTER_FAILED && event.error != Error::REJECTED)
        break;  // that was no answer: it is asked again
      if (this->trying_pending_)
        this->fall_back_to_old_key_(now);
      else
        this->handle_login_event_(event);
      break;
    case Kind::STREAMING:
      this->streaming_ = true;
      this->magicsock_.netcheck().set_control_connected(true);
      this->refused_ = false;
      if (this->authorized_ && !this->message_.is_of_control())  // the first message of the stream may have said it
        this->message_.clear();
      this->keep_time_(now);
      break;
    case Kind::DISCONNECTED:
      this->streaming_ = false;
      this->magicsock_.netcheck().set_control_connected(false);
      this->tell_disconnected_(event);
      break;
    case Kind::MESSAGE:
      this->message_.assign(event.text);
      this->news_.raise(Event::Kind::MESSAGE);
      break;
    case Kind::PING_REQUEST:
      this->start_control_ping_(now, event.types, event.ip);
      break;
    case Kind::COUNT:
      break;
  }
}

void Core::handle_login_event_(const control::Event &event) {
  this->registered_ = false;
  if (event.kind == control::Event::Kind::LOGIN_URL) {
    this->message_.assign("open the login URL to add this device to the tailnet, or give it an auth key");
    this->news_.raise(Event::Kind::LOGIN_URL);
    return;
  }
  this->refused_ = true;
  this->message_.assign(event.text);
  this->log_.error("the coordination server refused the registration: %.*s", static_cast<int>(event.text.size()),
                   event.text.data());
}

void Core::take_registration_(Instant now, bool authorized) {
  if (this->trying_pending_) {
    this->trying_pending_ = false;
    this->accept_rotation_(now);
  }
  this->message_.clear();
  this->refused_ = false;
  this->registered_ = true;
  this->authorized_ = authorized;
  if (!authorized)
    this->message_.assign("an admin must approve this device in the tailnet's admin console");
}

void Core::handle_key_event_(Instant now, const control::Event &event) {
  using Kind = control::Event::Kind;
  switch (event.kind) {
    case Kind::CONTROL_KEY:
      if (event.changed)
        this->log_.warning("the coordination server has another key than last time: %s",
                           event.control_key.short_form().c_str());
      this->cached_control_key_ = event.control_key;
      this->duties_.store(Record::CONTROL_KEY);
      break;
    case Kind::KEY_MISMATCH:
      this->refused_ = true;
      this->message_.assign(event.text);
      this->log_.error("%.*s", static_cast<int>(event.text.size()), event.text.data());
      break;
    case Kind::NEED_NODE_KEY:
      if (this->trying_pending_) {
        this->fall_back_to_old_key_(now);
        break;
      }
      if (!this->identity_.is_rotating()) {
        this->identity_.begin_rotation(this->random_);
        this->duties_.store(Record::PENDING_NODE_KEY);
      }
      (void) this->control_->rotate(now, this->identity_.pending().public_key());
      break;
    case Kind::ROTATED:
      this->accept_rotation_(now);
      break;
    case Kind::ROTATION_FAILED:
      this->refuse_rotation_(now, event.text);
      break;
    case Kind::LOGGED_OUT:
      if (event.error == Error::NONE)
        this->forget_identity_(now);
      else
        this->fail_logout_(now, event.error, event.text);
      break;
    default:
      break;
  }
}

/// Logged out: the machine key stays, all that belongs to the node goes.
void Core::forget_identity_(Instant now) {
  this->identity_.forget_node();
  this->magicsock_.forget_disco_key();
  this->forget_tailnet_();
  for (const Record record :
       {Record::NODE_KEY, Record::PENDING_NODE_KEY, Record::DISCO_KEY, Record::ALLOWLIST, Record::UDP_PORT})
    this->duties_.erase(record);
  this->allowed_peers_.reset();
  this->log_.info("logged out");
  this->news_.raise(Event::Kind::LOGGED_OUT);
  this->stop_(now);
}

/// A node that control still has keeps what it needs to be that node: without it nobody could take it out of the
/// tailnet from here any more.
void Core::fail_logout_(Instant now, Error error, std::string_view why) {
  this->logout_refused_ = error == Error::REJECTED;
  this->news_.raise(Event::Kind::LOGOUT_FAILED);
  if (!this->control_) {
    if (this->message_.empty())
      this->message_.assign("the node is not started");
    return;
  }
  this->message_.assign("not logged out, the node stays in the tailnet: ");
  this->message_.append(
      error == Error::REJECTED ? why : "the coordination server did not confirm it in time; try again later");
  this->log_.warning("%s", this->message_.c_str());
  this->run_ = Run::RUNNING;
  this->registered_ = this->streaming_ = false;
  this->magicsock_.netcheck().set_control_connected(false);
  this->trying_pending_ = this->identity_.is_rotating();  // as at a start: whether control took it is not known
  this->restart_control_(now);
  this->tell_net_info_(now);
}

/// One line for the person: whom it is about, what is wrong, what to look at. What TLS said stands already, and so does
/// that there was no memory for it.
void Core::tell_disconnected_(const control::Event &event) {
  if (event.error == Error::UNTRUSTED || (event.error == Error::NO_SPACE && this->message_.is_little_memory()))
    return;
  const bool unreachable = event.error == Error::CLOSED || event.error == Error::TIMED_OUT;
  this->message_.assign(this->control_host_);
  this->message_.append(unreachable ? " cannot be reached (" : " does not answer as a coordination server should (");
  this->message_.append(error_name(event.error));
  this->message_.append(unreachable ? "); check the network and the control URL" : "); check the control URL");
  if (!this->config_.control_key.empty())
    this->message_.append(" and the control key");  // a server that cannot open our handshake just hangs up
  if (!event.text.empty()) {
    this->message_.append(": ");
    this->message_.append(event.text);
  }
  this->log_.info("%s", this->message_.c_str());
}

void Core::accept_rotation_(Instant now) {
  this->identity_.finish_rotation();
  this->duties_.store(Record::NODE_KEY);
  this->duties_.erase(Record::PENDING_NODE_KEY);
  this->log_.info("node key rotated: %s", this->identity_.node().public_key().short_form().c_str());
  this->node_key_changed_(now);
  this->news_.raise(Event::Kind::KEY_ROTATED);
}

void Core::refuse_rotation_(Instant, std::string_view why) {
  this->identity_.abandon_rotation();
  this->duties_.erase(Record::PENDING_NODE_KEY);
  this->message_.assign(why);
  this->log_.warning("the node key stays: %.*s", static_cast<int>(why.size()), why.data());
  this->news_.raise(Event::Kind::ROTATION_FAILED);
}

/// Everything that is keyed by the node key starts anew.
void Core::node_key_changed_(Instant now) {
  this->tunnel_.set_identity(this->identity_.node());
  this->magicsock_.set_self(this->identity_.node().public_key());
  this->relays_.reconnect(now);
}

Error Core::rotate_node_key(Instant now) {
  if (!this->control_ || this->identity_.is_rotating())
    return Error::NOT_READY;
  Random &random = this->random_;
  this->identity_.begin_rotation(random);
  const Error error = this->control_->rotate(now, this->identity_.pending().public_key());
  if (error != Error::NONE) {
    this->identity_.abandon_rotation();
    return error;
  }
  this->duties_.store(Record::PENDING_NODE_KEY);
  this->settle_(now);
  return Error::NONE;
}

void Core::logout(Instant now) {
  if (!this->control_) {
    this->fail_logout_(now, Error::NOT_READY, {});
    return;
  }
  this->run_ = Run::LOGGING_OUT;
  this->control_->logout(now);
  this->settle_(now);
}

Error Core::set_auth_key(std::string_view auth_key) {
  return this->control_ ? this->control_->set_auth_key(this->now_, auth_key) : this->auth_key_.assign(auth_key);
}

}  // namespace microlink::client
