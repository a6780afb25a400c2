// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/background.h"

#include <pthread.h>
#include <signal.h>

namespace microlink::posix {

/// The thread's side: lives on the thread from run() on.
class Background::Worker final : private Observer, private Companion {
 public:
  Worker(NodeOptions options, DrivenFactory factory, std::string auth_key, Mailbox &mailbox, OverlayEnd *end,
         LogSink *log)
      : mailbox_(mailbox),
        end_(end),
        log_(log, "node"),
        node_(std::move(options), std::move(factory), end == nullptr ? nullptr : end->overlay(), this, log) {
    this->node_.set_auth_key(std::move(auth_key));
  }

  std::string open() {
    std::string problem;
    (void) this->node_.open(problem);
    return problem;
  }

  void run() {
    if (this->end_ != nullptr)
      this->end_->join(this->node_.runner());
    this->node_.runner().add(this);
    this->up_();
    while (!this->stop_asked_) {
      this->node_.turn(this->looking_.empty() ? this->publish_at_
                                              : earlier(this->publish_at_, this->looking_[0].until));
      if (!this->looking_.empty())
        this->look_();
      this->publish_();
    }
    this->node_.close();
    this->mailbox_.put_snapshot(this->node_.snapshot());
  }

 private:
  void on_event(Instant, const Event &event) override {
    this->mailbox_.put_event(OwnedEvent::from(event));
    this->publish_at_ = static_cast<Instant>(0);
  }
  void watch(std::vector<pollfd> &fds) override { fds.push_back({this->mailbox_.fd(), POLLIN, 0}); }
  void serve(Instant, std::span<const pollfd> fds) override {
    if (fds[0].revents == 0)
      return;
    while (const auto command = this->mailbox_.take_command())
      this->perform_(*command);
    this->publish_at_ = static_cast<Instant>(0);
  }
  void perform_(const Command &command);
  void ping_(const std::string &peer);
  void give_up_(const std::string &peer);
  void look_();
  void up_() {
    if (const std::string problem = this->node_.up(); !problem.empty())
      this->log_.error("%s", problem.c_str());
  }
  void publish_() {
    const Instant now = monotonic_now();
    if (this->publish_at_ > now)
      return;
    this->publish_at_ = now + SNAPSHOT_EVERY;
    this->mailbox_.put_snapshot(this->node_.snapshot());
  }

  Mailbox &mailbox_;
  OverlayEnd *end_;
  Log log_;
  Node node_;
  Instant publish_at_{static_cast<Instant>(0)};
  bool stop_asked_{false};
  /// Peers to ping once they are found; the first waits for longest.
  struct Looking {
    std::string peer;
    Instant until;
  };
  static constexpr size_t MAX_LOOKING = 8;
  std::vector<Looking> looking_;
};

void Background::Worker::perform_(const Command &command) {
  Driven *driven = this->node_.driven();
  switch (command.kind) {
    case Command::Kind::UP:
      this->up_();
      return;
    case Command::Kind::DOWN:
      this->node_.down();
      return;
    case Command::Kind::LOGOUT:
      this->node_.logout();
      return;
    case Command::Kind::SET_AUTH_KEY:
      this->node_.set_auth_key(command.text);
      return;
    case Command::Kind::STOP:
      this->stop_asked_ = true;
      return;
    case Command::Kind::PING:
      this->ping_(command.text);
      return;
    case Command::Kind::ROTATE_KEY:
      if (driven == nullptr || driven->rotate_node_key(this->node_.runner().tick()) != Error::NONE)
        this->log_.warning("the node key cannot be replaced while control is not connected");
      break;
    case Command::Kind::SET_ALLOWED_PEERS:
      if (driven == nullptr || driven->set_allowed_peers(this->node_.runner().tick(), command.text) != Error::NONE)
        this->log_.error("the list of allowed peers was not changed");
      break;
    case Command::Kind::NETCHECK:
      if (driven != nullptr)
        driven->netcheck(this->node_.runner().tick());
      break;
  }
  this->node_.runner().drain();
}

/// Exactly one answer: what the ping yields, or PING_TIMED_OUT with the name when there is none.
void Background::Worker::ping_(const std::string &peer) {
  if (this->looking_.size() == MAX_LOOKING)
    this->give_up_(peer);
  else
    this->looking_.push_back({peer, monotonic_now() + Client::FIND_LIMIT});
  this->look_();
}

void Background::Worker::give_up_(const std::string &peer) {
  OwnedEvent event{.kind = Event::Kind::PING_TIMED_OUT};
  event.text = peer;
  this->mailbox_.put_event(std::move(event));
}

void Background::Worker::look_() {
  Driven *driven = this->node_.driven();
  for (size_t i = 0; i != this->looking_.size();) {
    const Looking looking = this->looking_[i];
    const auto found = driven == nullptr ? Result<PeerStatus>(Error::UNKNOWN_PEER)
                                         : driven->find(this->node_.runner().tick(), looking.peer);
    if (!found && found.error() == Error::NOT_READY && monotonic_now() < looking.until) {
      i++;
      continue;
    }
    this->looking_.erase(this->looking_.begin() + static_cast<ptrdiff_t>(i));
    if (!found || driven->ping(this->node_.runner().tick(), found->node_key) != Error::NONE)
      this->give_up_(looking.peer);
  }
  this->node_.runner().drain();
}

Background::Background() = default;

Background::~Background() { this->stop(); }

std::string Background::start(NodeOptions options, DrivenFactory factory, std::string auth_key, OverlayEnd *end,
                              LogSink *log) {
  this->stop();
  this->mailbox_ = std::make_unique<Mailbox>();
  this->worker_ =
      std::make_unique<Worker>(std::move(options), std::move(factory), std::move(auth_key), *this->mailbox_, end, log);
  std::string problem = this->worker_->open();
  if (!problem.empty()) {
    this->worker_.reset();
    return problem;
  }
  // The program's signals are for the program's own threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  this->thread_ = std::thread([worker = this->worker_.get()] { worker->run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return {};
}

void Background::stop() {
  if (!this->running())
    return;
  while (!this->mailbox_->post({.kind = Command::Kind::STOP}))
    std::this_thread::yield();  // full: the thread is about to empty it
  this->thread_.join();
  this->worker_.reset();
}

std::optional<OwnedEvent> Background::take_event() {
  return this->mailbox_ != nullptr ? this->mailbox_->take_event() : std::nullopt;
}

}  // namespace microlink::posix
#endif  // __linux__
