// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <map>

#include "tests/control/world.h"

namespace microlink::control {
namespace {

using State = SessionState;
using testing::Value;

World::Reply sample(const char *name) { return {200, samples()["register_responses"][name].dump()}; }

/// Brings a world into a state.
void drive(World &w, State state) {
  switch (state) {
    case State::STOPPED:
      return;
    case State::FETCHING_KEY:
      w.tls = World::Door::SILENT;
      break;
    case State::CONNECTING:
      w.settings.pinned_key = w.control_key;
      w.make_session();
      w.plain = w.tls = World::Door::SILENT;
      break;
    case State::REGISTERING:
      w.on_register = [](const Value &) { return World::Reply{.hold = true}; };
      break;
    case State::WAITING_FOR_LOGIN:
      w.on_register = [](const Value &request) {
        const bool followup = request.has("Followup") && !request["Followup"].text().empty();
        return followup ? World::Reply{.hold = true} : sample("interactive_login");
      };
      break;
    case State::NEEDS_NODE_KEY:
      w.on_register = [](const Value &) { return sample("node_key_expired"); };
      break;
    case State::STREAMING:
      break;
    case State::BACKING_OFF:
      w.plain = w.tls = World::Door::REFUSED;
      break;
    case State::LOGGING_OUT:
      w.on_register = [](const Value &request) {
        return request.has("Expiry") && request["Expiry"].text().starts_with("1970") ? World::Reply{.hold = true}
                                                                                     : sample("success");
      };
      break;
    case State::COUNT:
      return;
  }
  w.start();
  if (state == State::STREAMING)
    w.send_map(full_map());
  if (state == State::LOGGING_OUT) {
    w.session->logout(w.now);
    w.pump();
  }
  ASSERT_EQ(w.session->state(), state) << session_state_name(state);
}

struct Input {
  const char *name;
  std::function<void(World &)> apply;
  std::map<State, State> moves;  ///< where it leads; states that are not named keep theirs
};

NodePublic other_key() {
  NodePublic key;
  key.bytes.fill(9);
  return key;
}

const Input INPUTS[] = {
    {"start", [](World &w) { (void) w.session->start(w.now); }, {{State::STOPPED, State::FETCHING_KEY}}},
    {"stop",
     [](World &w) { w.session->stop(w.now); },
     {{State::FETCHING_KEY, State::STOPPED},
      {State::CONNECTING, State::STOPPED},
      {State::REGISTERING, State::STOPPED},
      {State::WAITING_FOR_LOGIN, State::STOPPED},
      {State::NEEDS_NODE_KEY, State::STOPPED},
      {State::STREAMING, State::STOPPED},
      {State::BACKING_OFF, State::STOPPED},
      {State::LOGGING_OUT, State::STOPPED}}},
    {"reconnect",
     [](World &w) { w.session->reconnect(w.now); },
     {{State::BACKING_OFF, State::FETCHING_KEY},
      {State::REGISTERING, State::CONNECTING},
      {State::WAITING_FOR_LOGIN, State::CONNECTING},
      {State::STREAMING, State::CONNECTING},
      {State::LOGGING_OUT, State::CONNECTING}}},
    {"set_auth_key",
     [](World &w) { (void) w.session->set_auth_key(w.now, "tskey-auth-x"); },
     {{State::WAITING_FOR_LOGIN, State::REGISTERING}, {State::BACKING_OFF, State::FETCHING_KEY}}},
    {"rotate",
     [](World &w) { (void) w.session->rotate(w.now, other_key()); },
     {{State::NEEDS_NODE_KEY, State::REGISTERING}}},
    {"key expired",
     [](World &w) { (void) w.session->handle_key_expired(w.now); },
     {{State::STREAMING, State::NEEDS_NODE_KEY}}},
    {"logout",
     [](World &w) { w.session->logout(w.now); },
     {{State::REGISTERING, State::LOGGING_OUT},
      {State::WAITING_FOR_LOGIN, State::LOGGING_OUT},
      {State::NEEDS_NODE_KEY, State::LOGGING_OUT},
      {State::STREAMING, State::LOGGING_OUT},
      {State::BACKING_OFF, State::FETCHING_KEY}}},
    {"poll_again", [](World &w) { (void) w.session->poll_again(w.now); }, {}},
    {"set_preferred_derp", [](World &w) { w.session->set_preferred_derp(w.now, 5); }, {}},
    {"set_endpoints",
     [](World &w) {
       const tailcfg::OwnEndpoint endpoint{{IpAddress::v4(10, 0, 0, 1), 1}, tailcfg::EndpointType::LOCAL};
       w.session->set_endpoints(w.now, {&endpoint, 1});
     },
     {}},
    {"set_net_info", [](World &w) { w.session->set_net_info(w.now, {.working_udp = true}); }, {}},
    {"early timeout", [](World &w) { w.session->handle_timeout(w.now); }, {}},
    {"open PING", [](World &w) { w.open_link(Link::PING); }, {}},
    {"open NOISE", [](World &w) { w.open_link(Link::NOISE); }, {}},
    {"open FALLBACK", [](World &w) { w.open_link(Link::NOISE_FALLBACK); }, {}},
    {"closed PING", [](World &w) { w.close_link(Link::PING, Error::CLOSED); }, {}},
    {"closed NOISE",
     [](World &w) { w.close_link(Link::NOISE, Error::CLOSED); },
     {{State::REGISTERING, State::BACKING_OFF},
      {State::WAITING_FOR_LOGIN, State::BACKING_OFF},
      {State::STREAMING, State::BACKING_OFF},
      {State::LOGGING_OUT, State::BACKING_OFF}}},
    {"closed FALLBACK",
     [](World &w) { w.close_link(Link::NOISE_FALLBACK, Error::CLOSED); },
     {{State::FETCHING_KEY, State::BACKING_OFF}}},
    {"bytes PING",
     [](World &w) {
       std::string junk = "junk\r\n\r\n";
       w.session->handle_bytes(w.now, Link::PING, {reinterpret_cast<uint8_t *>(junk.data()), junk.size()});
     },
     {}},
    {"bytes NOISE",
     [](World &w) {
       std::string junk(100, 'j');
       w.session->handle_bytes(w.now, Link::NOISE, {reinterpret_cast<uint8_t *>(junk.data()), junk.size()});
     },
     {{State::REGISTERING, State::BACKING_OFF},
      {State::WAITING_FOR_LOGIN, State::BACKING_OFF},
      {State::STREAMING, State::BACKING_OFF},
      {State::LOGGING_OUT, State::BACKING_OFF}}},
    {"bytes FALLBACK",
     [](World &w) {
       std::string junk(100, 'j');
       w.session->handle_bytes(w.now, Link::NOISE_FALLBACK, {reinterpret_cast<uint8_t *>(junk.data()), junk.size()});
     },
     {}},
};

class States : public ::testing::TestWithParam<std::tuple<int, size_t>> {};

TEST_P(States, every_input_in_every_state_leads_where_the_table_says) {
  const auto state = static_cast<State>(std::get<0>(GetParam()));
  const Input &input = INPUTS[std::get<1>(GetParam())];
  SCOPED_TRACE(std::string(session_state_name(state)) + " x " + input.name);
  World w;
  drive(w, state);
  input.apply(w);
  State expected = state;
  if (const auto move = input.moves.find(state); move != input.moves.end())
    expected = move->second;
  // NEEDS_NODE_KEY outlives its connection.
  EXPECT_EQ(w.session->state(), expected) << session_state_name(w.session->state());
  // Whatever it was: the session comes back or rests, and its events and bytes go where connections are (World checks).
  w.plain = w.tls = World::Door::OPEN;
  w.on_register = [](const Value &) { return sample("success"); };
  w.pump();
  w.run_for(seconds(700));
  const State end = w.session->state();
  EXPECT_TRUE(end == State::STREAMING || end == State::STOPPED || end == State::NEEDS_NODE_KEY ||
              end == State::BACKING_OFF || end == State::FETCHING_KEY || end == State::CONNECTING)
      << session_state_name(end);
  w.session->stop(w.now);
  w.session->stop(w.now);
  w.pump();
  EXPECT_EQ(w.session->next_timeout(), Instant::NEVER);
  for (const Link link : {Link::PING, Link::NOISE, Link::NOISE_FALLBACK})
    EXPECT_FALSE(w.has(link));
}

INSTANTIATE_TEST_SUITE_P(AllPairs, States,
                         ::testing::Combine(::testing::Range(0, static_cast<int>(State::COUNT)),
                                            ::testing::Range(size_t{0}, std::size(INPUTS))));

TEST(SessionState, have_names) {
  for (int i = 0; i != static_cast<int>(State::COUNT); i++)
    EXPECT_NE(std::string(session_state_name(static_cast<State>(i))), "?");
}

}  // namespace
}  // namespace microlink::control
