// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "microlink/client.h"

namespace microlink {
namespace {

using Kind = Event::Kind;

/// A client whose connections all end at once, on a clock of its own.
class Leaving : public ::testing::Test, private LogSink {
 protected:
  void make(std::string_view url = "https://control.test") {
    this->config_.control_url = url;
    this->client_.emplace(this->config_, TrustStore{}, static_cast<LogSink *>(this));
    Bytes<32> seed{};
    Input input{.kind = Input::Kind::SEED};
    input.bytes = seed;
    this->input(input);
    const std::vector<Endpoint> endpoints{{IpAddress::v4(10, 1, 0, 2), 41641}};
    Input network{.kind = Input::Kind::NETWORK};
    network.endpoints = endpoints;
    this->input(network);
  }
  void input(const Input &input) {
    this->client().handle(this->now, input);
    this->drain();
  }
  void logout() {
    this->client().logout(this->now);
    this->drain();
  }
  void run_for(Duration time) {
    const Instant end = this->now + time;
    while (this->client().next_timeout() <= end) {
      this->now = std::max(this->now, this->client().next_timeout());
      this->input({.kind = Input::Kind::TIMEOUT});
    }
    this->now = end;
  }
  Client &client() { return *this->client_; }
  size_t count(Kind kind) const {
    return static_cast<size_t>(std::count(this->events.begin(), this->events.end(), kind));
  }

  Instant now{1};
  Config config_;
  std::vector<Kind> events;
  Error error{Error::NONE};  ///< of the last event
  std::string text;          ///< of the last event that has one
  std::set<Record> erased;
  size_t opened{0};
  std::string log;

 private:
  void drain() {
    std::vector<StreamId> opened;
    do {
      opened.clear();
      alignas(uint64_t) Bytes<2048> scratch;
      while (const auto action = this->client().poll_action(this->now, scratch)) {
        if (action->kind == Action::Kind::ERASE)
          this->erased.insert(action->record);
        if (action->kind == Action::Kind::OPEN_STREAM)
          opened.push_back(action->stream);
      }
      while (const auto event = this->client().poll_event()) {
        this->events.push_back(event->kind);
        this->error = event->error;
        if (!event->text.empty())
          this->text = event->text;
      }
      for (const StreamId id : opened)
        this->client().handle(this->now, {.kind = Input::Kind::STREAM_CLOSED, .stream = id, .error = Error::CLOSED});
      this->opened += opened.size();
    } while (!opened.empty());
  }
  bool wants(LogLevel level) const override { return level == LogLevel::ERROR; }
  void write(LogLevel, const char *, const char *line) override { this->log += line; }

  std::optional<Client> client_;
};

TEST_F(Leaving, a_logout_that_control_never_hears_of_forgets_nothing_and_the_node_goes_on) {
  this->make();
  this->input({.kind = Input::Kind::START});
  const NodePublic key = this->client().status().node_key;
  this->logout();
  this->run_for(Client::LOGOUT_LIMIT - milliseconds(1));
  EXPECT_EQ(this->count(Kind::LOGOUT_FAILED), 0U);
  this->run_for(milliseconds(1));
  EXPECT_EQ(this->count(Kind::LOGOUT_FAILED), 1U);
  EXPECT_EQ(this->error, Error::TIMED_OUT);
  EXPECT_NE(this->text.find("stays in the tailnet"), std::string::npos);
  EXPECT_EQ(this->count(Kind::STOPPED) + this->count(Kind::LOGGED_OUT), 0U);
  EXPECT_TRUE(this->erased.empty());
  EXPECT_EQ(this->client().status().node_key, key);
  const size_t before = this->opened;
  this->run_for(seconds(60));
  EXPECT_GT(this->opened, before) << "it is a node that wants to be online";
  this->logout();
  this->run_for(Client::LOGOUT_LIMIT);
  EXPECT_EQ(this->count(Kind::LOGOUT_FAILED), 2U);
}

TEST_F(Leaving, a_stop_ends_a_logout_that_is_under_way) {
  this->make();
  this->input({.kind = Input::Kind::START});
  this->logout();
  this->input({.kind = Input::Kind::STOP});
  EXPECT_EQ(this->count(Kind::STOPPED), 1U);
  EXPECT_EQ(this->count(Kind::LOGGED_OUT) + this->count(Kind::LOGOUT_FAILED), 0U);
  EXPECT_TRUE(this->erased.empty());
  EXPECT_EQ(this->client().next_timeout(), Instant::NEVER);
}

TEST_F(Leaving, a_node_that_was_not_started_cannot_log_out) {
  this->make();
  this->logout();
  EXPECT_EQ(this->events, std::vector{Kind::LOGOUT_FAILED});
  EXPECT_EQ(this->error, Error::NOT_READY);
  EXPECT_TRUE(this->erased.empty());
}

TEST_F(Leaving, a_stop_is_always_answered) {
  this->make();
  this->input({.kind = Input::Kind::STOP});
  EXPECT_EQ(this->count(Kind::STOPPED), 1U);
  this->input({.kind = Input::Kind::START});
  this->input({.kind = Input::Kind::STOP});
  EXPECT_EQ(this->count(Kind::STOPPED), 2U);
}

TEST_F(Leaving, a_node_that_cannot_be_started_says_why_and_stops_at_once) {
  constexpr std::pair<const char *, const char *> WRONG[] = {
      {"https://control.test/path", ""}, {"https://control.test", "mkey:12"}, {"http://control.test", ""}};
  for (const auto &[url, key] : WRONG) {
    this->events.clear();
    this->log.clear();
    this->config_.control_key = std::string_view(key);
    this->make(url);
    this->input({.kind = Input::Kind::START});
    EXPECT_EQ(this->client().status().state, State::REJECTED) << url;
    EXPECT_EQ(this->log, this->client().status().message) << url;
    EXPECT_NE(this->log, "");
    this->input({.kind = Input::Kind::STOP});
    EXPECT_EQ(this->count(Kind::STOPPED), 1U) << url;
  }
}

}  // namespace
}  // namespace microlink
