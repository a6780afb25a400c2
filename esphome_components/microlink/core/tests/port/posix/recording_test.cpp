// SPDX-License-Identifier: MIT
#include "microlink/port/posix/recording.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <random>

#include "microlink/port/posix/recording_format.h"
#include "microlink/port/posix/runner.h"
#include "tests/port/posix/scripted.h"

namespace microlink::posix {
namespace {

/// A small deterministic client: what it sends depends on all that it was told, the secrets included.
class Echo final : public Driven {
 public:
  explicit Echo(uint64_t fault = 0) : fault_(fault) {}
  Error set_auth_key(std::string_view key) override { return this->mix_(as_bytes(key)); }
  void handle(Instant now, const Input &input) override {
    this->mix_(input.bytes);
    this->mix_(as_bytes(input.host));
    this->hash_ += static_cast<uint64_t>(now) + static_cast<uint64_t>(input.kind) + input.endpoints.size() +
                   static_cast<uint64_t>(input.wall_time);
    this->due_ = 2;
    this->handled_++;
    for (uint8_t &byte : input.bytes)
      byte = 0;
  }
  std::optional<Action> poll_action(Instant now, ByteSpan scratch) override {
    if (this->due_ == 0)
      return std::nullopt;
    this->due_--;
    this->hash_ = this->hash_ * 31 + static_cast<uint64_t>(now) + (this->handled_ == this->fault_ ? 1 : 0);
    std::memcpy(scratch.data(), &this->hash_, sizeof(this->hash_));
    if (this->due_ == 0 && this->handled_ % 7 == 0)
      return Action{.kind = Action::Kind::STORE, .record = Record::NODE_KEY, .bytes = scratch.first(8)};
    return Action{
        .kind = Action::Kind::SEND_DATAGRAM, .to = {IpAddress::v4(127, 0, 0, 1), 9}, .bytes = scratch.first(8)};
  }
  std::optional<Event> poll_event() override { return std::nullopt; }
  Instant next_timeout() const override { return Instant::NEVER; }
  Error ping(Instant now, const NodePublic &peer) override {
    this->hash_ += static_cast<uint64_t>(now);
    this->due_ = 1;
    return this->mix_(peer.bytes);
  }
  Error rotate_node_key(Instant) override { return this->mix_(as_bytes("rotate")); }
  void logout(Instant) override { this->mix_(as_bytes("logout")); }
  void netcheck(Instant) override { this->mix_(as_bytes("netcheck")); }
  Result<PeerStatus> find(Instant now, std::string_view name) override {
    this->hash_ += static_cast<uint64_t>(now);
    this->due_ = 1;
    this->mix_(as_bytes(name));
    return Error::NOT_READY;
  }
  Error set_allowed_peers(Instant, std::string_view list) override { return this->mix_(as_bytes(list)); }
  Snapshot snapshot() const override { return {}; }
  std::optional<NodePublic> resolve(std::string_view) const override { return std::nullopt; }

 private:
  Error mix_(ByteView bytes) {
    for (const uint8_t byte : bytes)
      this->hash_ = (this->hash_ ^ byte) * 0x100000001b3;
    return Error::NONE;
  }
  uint64_t fault_;
  uint64_t hash_{1};
  uint64_t handled_{0};
  int due_{0};
};

std::vector<uint8_t> read(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

const std::string SECRET = "this-is-the-secret-machine-key-!";

class RecordingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(this->state.open(this->dir / "s", StateDir::Lock::EXCLUSIVE), "");
    ASSERT_EQ(this->state.store(Record::MACHINE_KEY, as_bytes(SECRET)), "");
    Config config;
    config.hostname.assign("probe");
    (void) config.request_tags.push_back(FixedString<MAX_TAG_BYTES>("tag:x"));
    auto recorder = std::make_unique<Recorder>(std::make_unique<Echo>(), this->state, nullptr);
    ASSERT_EQ(recorder->open(this->dir / "rec", config, {"-----PEM-----"}), "");
    (void) recorder->set_auth_key("tskey-auth-secret");
    Runner runner({}, this->state, nullptr, nullptr, nullptr);
    ASSERT_EQ(runner.open(), "");
    ASSERT_EQ(runner.attach(recorder.get()), "");
    for (uint8_t i = 0; i != 100; i++) {
      std::array<uint8_t, 40> bytes;
      bytes.fill(i);
      Input input{.kind = i % 2 == 0 ? Input::Kind::DATAGRAM : Input::Kind::OVERLAY};
      input.bytes = bytes;
      runner.feed(input);
    }
    (void) recorder->ping(runner.tick(), NodePublic{});
    EXPECT_EQ(recorder->find(runner.tick(), "sensor").error(), Error::NOT_READY);
    runner.drain();
    (void) recorder->rotate_node_key(runner.tick());
    (void) recorder->set_allowed_peers(runner.tick(), "phone tag:server");
    recorder->netcheck(runner.tick());
    recorder->logout(runner.tick());
    runner.drain();
    runner.detach();
    recorder.reset();
    this->recording = read(this->dir / "rec");
  }
  ReplayResult replay_with(uint64_t fault) {
    return replay(
        this->recording, this->state,
        [&](const Config &config, const TrustStore &trust, LogSink *) {
          EXPECT_EQ(config.hostname, "probe");
          EXPECT_EQ(config.request_tags.size(), 1U);
          EXPECT_EQ(trust.pem, "-----PEM-----");
          return std::make_unique<Echo>(fault);
        },
        nullptr);
  }

  TemporaryDir dir;
  StateDir state;
  std::vector<uint8_t> recording;
};

TEST_F(RecordingTest, a_replay_is_the_same) {
  const ReplayResult result = this->replay_with(0);
  EXPECT_EQ(result.problem, "");
  EXPECT_FALSE(result.diverged);
  EXPECT_GT(result.actions, 200U);
}

TEST_F(RecordingTest, a_client_that_does_otherwise_is_noticed) {
  const ReplayResult result = this->replay_with(50);
  EXPECT_TRUE(result.diverged);
  EXPECT_NE(result.problem.find("differs"), std::string::npos);
}

TEST_F(RecordingTest, no_secret_is_in_the_file) {
  const std::string text(this->recording.begin(), this->recording.end());
  EXPECT_EQ(text.find(SECRET), std::string::npos);
  EXPECT_EQ(text.find("tskey"), std::string::npos);
  const auto seed = read(this->dir / "s/recording-seed");
  ASSERT_EQ(seed.size(), 32U);
  EXPECT_EQ(text.find(std::string(seed.begin(), seed.end())), std::string::npos);
  for (const char *name : {"rec", "s/recording-seed", "s/recording/machine-key", "s/recording/auth-key"}) {
    struct stat about{};
    ASSERT_EQ(::stat((this->dir / name).c_str(), &about), 0) << name;
    EXPECT_EQ(about.st_mode & 0777U, 0600U) << name;
  }
}

TEST_F(RecordingTest, needs_its_secrets) {
  ASSERT_EQ(this->state.erase(RECORDING_SEED_NAME), "");
  EXPECT_NE(this->replay_with(0).problem.find("secrets"), std::string::npos);
}

TEST_F(RecordingTest, a_cut_recording_replays_as_far_as_it_goes) {
  std::vector<uint8_t> whole = this->recording;
  for (size_t size = 0; size < whole.size(); size += size < 600 ? 1 : 37) {
    this->recording.assign(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_FALSE(this->replay_with(0).diverged) << size;
  }
}

TEST_F(RecordingTest, a_damaged_recording_does_no_harm) {
  std::mt19937 random(7);
  const std::vector<uint8_t> whole = this->recording;
  for (int i = 0; i != 300; i++) {
    this->recording = whole;
    for (int flips = 0; flips != 4; flips++)
      this->recording[random() % whole.size()] ^= static_cast<uint8_t>(1U << random() % 8);
    (void) replay(
        this->recording, this->state,
        [](const Config &, const TrustStore &, LogSink *) { return std::make_unique<Echo>(); }, nullptr);
  }
}

TEST(RecordingFormat, inputs_and_configurations_come_back) {
  std::mt19937 random(3);
  for (int i = 0; i != 500; i++) {
    std::vector<uint8_t> bytes(random() % 50);
    for (uint8_t &byte : bytes)
      byte = static_cast<uint8_t>(random());
    const std::vector<Endpoint> endpoints(random() % 4, {IpAddress::v4(192, 0, 2, 1), static_cast<uint16_t>(random())});
    Input input{.kind = static_cast<Input::Kind>(random() % (static_cast<unsigned>(Input::Kind::SEND_FAILED) + 1))};
    input.stream = static_cast<StreamId>(random());
    input.record = static_cast<Record>(random() % static_cast<unsigned>(Record::COUNT));
    input.error = static_cast<Error>(random() % static_cast<unsigned>(Error::COUNT));
    input.from = {*parse_ip("2001:db8::1"), static_cast<uint16_t>(random())};
    input.wall_time = static_cast<WallTime>(random());
    input.bytes = bytes;
    input.endpoints = endpoints;
    input.host = "host.test";
    std::vector<uint8_t> written;
    write_input(written, input);
    ReadInput back;
    ASSERT_EQ(read_input(written, back), Error::NONE);
    EXPECT_EQ(back.input.kind, input.kind);
    EXPECT_EQ(back.input.from, input.from);
    EXPECT_EQ(back.bytes, is_secret(input) ? std::vector<uint8_t>() : bytes);
    EXPECT_EQ(back.endpoints, endpoints);
    std::vector<uint8_t> again;
    write_input(again, back.input);
    EXPECT_EQ(again, written);
    for (size_t cut = 0; cut != written.size(); cut++)
      EXPECT_EQ(read_input(ByteView(written).first(cut), back), Error::MALFORMED);
  }
  Config config;
  config.ca_certificates = "ca";
  config.relay_only = true;
  config.fixed_port = true;
  config.overlay_ipv6 = false;
  config.allowed_peers = "phone";
  config.build_time = wall_seconds(1'800'000'000);
  std::vector<uint8_t> written;
  write_config(written, config);
  Config back;
  ASSERT_EQ(read_config(written, back), Error::NONE);
  EXPECT_EQ(back.control_url, config.control_url);
  EXPECT_EQ(back.ca_certificates, "ca");
  EXPECT_EQ(back.build_time, config.build_time);
  EXPECT_TRUE(back.relay_only);
  EXPECT_TRUE(back.fixed_port);
  EXPECT_FALSE(back.overlay_ipv6);
  EXPECT_EQ(back.allowed_peers, "phone");
  EXPECT_FALSE(back.allow_plain_http);
  for (size_t cut = 0; cut != written.size(); cut++)
    EXPECT_EQ(read_config(ByteView(written).first(cut), back), Error::MALFORMED);
}

}  // namespace
}  // namespace microlink::posix
