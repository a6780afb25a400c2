// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/derp/relay.h"

namespace microlink::derp::testing {

namespace {

using State = Client::State;

enum class Input : uint8_t {
  START,
  STOP,
  CLOSED,
  TIMEOUT,
  HTTP_101,
  HTTP_426,
  SERVER_KEY,
  SERVER_INFO,
  PACKET,
  PEER_GONE,
  PING,
  HEALTH,
  RESTARTING,
  UNKNOWN_FRAME,
  TOO_LONG_FRAME,
  SEND,
  COUNT,
};

constexpr size_t STATES = 6;
constexpr State I = State::IDLE, U = State::UPGRADING, K = State::SERVER_KEY, S = State::SERVER_INFO,
                C = State::CONNECTED, F = State::FAILED;

/// Where each input leads, for every state. Columns: IDLE UPGRADING SERVER_KEY SERVER_INFO CONNECTED FAILED.
constexpr State AFTER[static_cast<size_t>(Input::COUNT)][STATES] = {
    {U, U, U, U, U, U},  // START
    {I, I, I, I, I, I},  // STOP
    {I, F, F, F, F, F},  // CLOSED
    {I, F, F, F, F, F},  // TIMEOUT, an hour later
    {I, K, F, F, F, F},  // HTTP_101; as frames it is one that is too long
    {I, F, F, F, F, F},  // HTTP_426
    {I, F, S, S, C, F},  // SERVER_KEY; where HTTP is awaited no frame is anything
    {I, F, F, C, C, F},  // SERVER_INFO
    {I, F, F, S, C, F},  // PACKET
    {I, F, F, S, C, F},  // PEER_GONE
    {I, F, F, S, C, F},  // PING
    {I, F, F, S, C, F},  // HEALTH
    {I, F, F, S, C, F},  // RESTARTING
    {I, F, F, S, C, F},  // UNKNOWN_FRAME
    {I, F, F, F, F, F},  // TOO_LONG_FRAME
    {I, U, K, S, C, F},  // SEND
};

/// Events that a pair causes; none where this says nothing.
std::string event_of(State state, Input input) {
  const State after = AFTER[static_cast<size_t>(input)][static_cast<size_t>(state)];
  if (after == F && state != F)
    return "failed";
  if (state == S && input == Input::SERVER_INFO)
    return "connected";
  if (state != C)
    return "";
  switch (input) {
    case Input::PACKET:
      return "packet";
    case Input::PEER_GONE:
      return "gone";
    case Input::HEALTH:
      return "health";
    case Input::RESTARTING:
      return "restarting";
    default:
      return "";
  }
}

void bring_to(Node &each, Relay &relay, State state) {
  if (state == I)
    return;
  ASSERT_EQ(each.start(), Error::NONE);
  (void) each.sent();
  if (state == F)
    each.client.handle_closed(each.now);
  if (state == K || state == S || state == C)
    each.receive(bytes(SWITCHING));
  if (state == S || state == C)
    each.receive(relay.server_key());
  if (state == C)
    each.receive(relay.server_info(each.key.public_key()));
  (void) each.sent();
  each.drain();
  each.events.clear();
  ASSERT_EQ(each.client.state(), state);
}

void apply(Node &each, Relay &relay, Input input) {
  const bool active = each.client.state() != I && each.client.state() != F;
  switch (input) {
    case Input::START:
      EXPECT_EQ(each.start(), Error::NONE);
      break;
    case Input::STOP:
      each.client.stop();
      break;
    case Input::CLOSED:
      each.client.handle_closed(each.now);
      break;
    case Input::TIMEOUT:
      each.client.handle_timeout(each.now + seconds(3600));
      break;
    case Input::HTTP_101:
      each.receive(bytes(SWITCHING));
      break;
    case Input::HTTP_426:
      each.receive(bytes("HTTP/1.1 426 Upgrade Required\r\n\r\n"));
      break;
    case Input::SERVER_KEY:
      each.receive(relay.server_key() + bytes("\r\n\r\n"));
      break;
    case Input::SERVER_INFO:
      each.receive(relay.server_info(each.key.public_key()) + bytes("\r\n"));
      break;
    case Input::PACKET:
      each.receive(Relay::packet(node(1), Raw(50, '\n')));
      break;
    case Input::PEER_GONE:
      each.receive(Relay::frame(0x08, Raw(33, '\n')));
      break;
    case Input::PING:
      each.receive(Relay::frame(0x12, Raw(8, '\n')));
      break;
    case Input::HEALTH:
      each.receive(Relay::frame(0x14, Raw(9, '\n')));
      break;
    case Input::RESTARTING:
      each.receive(Relay::frame(0x15, Raw(8, '\n')));
      break;
    case Input::UNKNOWN_FRAME:
      each.receive(Relay::frame(0x7f, Raw(9, '\n')));
      break;
    case Input::TOO_LONG_FRAME:
      each.receive(bytes("\x05\xff\xff\xff\xff\n\n"));
      break;
    case Input::SEND:
      EXPECT_EQ(each.client.send(each.now, node(1), as_bytes("x")), active ? Error::NONE : Error::UNEXPECTED);
      break;
    case Input::COUNT:
      break;
  }
  each.drain();
}

TEST(States, answer_every_input_as_the_table_says) {
  for (size_t state = 0; state != STATES; state++) {
    for (size_t input = 0; input != static_cast<size_t>(Input::COUNT); input++) {
      SCOPED_TRACE("state " + std::to_string(state) + ", input " + std::to_string(input));
      Node each;
      Relay relay;
      bring_to(each, relay, static_cast<State>(state));
      apply(each, relay, static_cast<Input>(input));
      EXPECT_EQ(each.client.state(), AFTER[input][state]);
      const std::string expected = event_of(static_cast<State>(state), static_cast<Input>(input));
      ASSERT_EQ(each.events.size(), expected.empty() ? 0U : 1U);
      if (!expected.empty()) {
        EXPECT_EQ(each.events[0].substr(0, expected.size()), expected);
      }
      const bool has_timer = AFTER[input][state] != I && AFTER[input][state] != F;
      EXPECT_EQ(each.client.next_timeout() != Instant::NEVER, has_timer);
    }
  }
}

TEST(States, can_all_be_left_for_a_working_connection) {
  for (size_t state = 0; state != STATES; state++) {
    SCOPED_TRACE(state);
    Node each;
    Relay relay;
    bring_to(each, relay, static_cast<State>(state));
    each.log_in(relay);
    each.receive(Relay::packet(node(3), bytes("hello")));
    EXPECT_EQ(each.events, Events{"packet 3:hello"});
  }
}

}  // namespace

}  // namespace microlink::derp::testing
