// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "microlink/port/posix/driven.h"
#include "microlink/port/posix/state_dir.h"

namespace microlink::posix {

/// The flight recorder: everything that goes into a client with its time, and a digest of all that comes out, so that
/// the run can be repeated byte for byte elsewhere.
///
/// A recording is a file of mode 0600, all integers big-endian:
///
///     8  "MLINKREC"
///     2  format version (1)
///     2  MAX_PEERS of the recording build
///     1  length of the program's version, then its text
///     …  entries: 1 kind, 8 time in microseconds, 4 length, payload
///
/// Secrets are not in it but by reference: the seed is stored as `recording-seed` beside the records, and copies of
/// secret records and the auth key are stored in the directory `recording`, all of mode 0600. What the node sent and
/// received is in it (datagrams and streams encrypted, overlay packets in clear).
enum class Entry : uint8_t {
  CONFIG = 1,  ///< the fields of Config, see write_config()
  TRUST,       ///< PEM of the trust store
  INPUT,       ///< see write_input(); `bytes` of SEED and of secret records are left out
  AUTH_KEY,    ///< set_auth_key(); by reference
  PING,        ///< 32 bytes node key
  ROTATE,
  LOGOUT,
  NETCHECK,
  POLL_ACTIONS,  ///< 4 number of poll_action() calls in a row, 8 digest of all actions so far
  POLL_EVENTS,   ///< 4 number of poll_event() calls in a row
  FIND,          ///< the name; only when control had to be asked
  ALLOW,         ///< set_allowed_peers(): the list
};
constexpr uint16_t RECORDING_VERSION = 1;
constexpr char RECORDING_SEED_NAME[] = "recording-seed";
constexpr char RECORDING_DIR_NAME[] = "recording";
constexpr char RECORDING_AUTH_KEY_NAME[] = "auth-key";
/// A recording ends here; the node runs on.
constexpr size_t MAX_RECORDING_BYTES = 512U << 20;

/// FNV-1a over the actions. Bytes of a secret record do not go in (their length does): a digest must not tell of them.
class ActionDigest {
 public:
  void add(const Action &action);
  uint64_t value() const { return this->value_; }

 private:
  void add_(ByteView bytes);
  void add_(uint64_t number);
  uint64_t value_{0xcbf29ce484222325};
};

/// Stands between a runner and a client and writes down what passes.
class Recorder final : public Driven {
 public:
  /// `state`: the state directory in use; must outlive the recorder.
  Recorder(std::unique_ptr<Driven> inner, StateDir &state, LogSink *log);
  ~Recorder() override;
  /// Empty, or one line that says what is wrong. An older file is replaced.
  std::string open(const std::string &path, const Config &config, const TrustStore &trust);

  Error set_auth_key(std::string_view auth_key) override;
  void handle(Instant now, const Input &input) override;
  std::optional<Action> poll_action(Instant now, ByteSpan scratch) override;
  std::optional<Event> poll_event() override;
  Instant next_timeout() const override { return this->inner_->next_timeout(); }
  Error ping(Instant now, const NodePublic &peer) override;
  Error rotate_node_key(Instant now) override;
  void logout(Instant now) override;
  void netcheck(Instant now) override;
  Result<PeerStatus> find(Instant now, std::string_view name_or_address) override;
  Error set_allowed_peers(Instant now, std::string_view list) override;
  Snapshot snapshot() const override { return this->inner_->snapshot(); }
  std::optional<NodePublic> resolve(std::string_view name_or_address) const override {
    return this->inner_->resolve(name_or_address);
  }

 private:
  void add_(Entry kind, Instant now, ByteView payload);
  void append_(Entry kind, Instant now, ByteView payload);
  void count_(Entry kind, Instant now);
  void write_counted_();
  void keep_secret_(StateDir &where, const char *name, ByteView bytes);
  void flush_();
  void end_(const char *why);

  std::unique_ptr<Driven> inner_;
  StateDir &state_;
  StateDir secrets_;
  Log log_;
  Fd file_;
  std::vector<uint8_t> buffer_;
  size_t written_{0};
  Instant flushed_at_{};
  ActionDigest digest_;
  Entry counted_kind_{Entry::POLL_ACTIONS};
  Instant counted_at_{};
  uint32_t counted_{0};
};

struct ReplayResult {
  std::string problem;  ///< one line; empty when the run was repeated exactly
  bool diverged{false};
  uint64_t entries{0};
  uint64_t actions{0};
  uint64_t digest{0};
  Duration length{};
};

/// Feed a recording to a fresh client. `state`: the state directory of the recording run, for the secrets.
ReplayResult replay(ByteView recording, const StateDir &state, const DrivenFactory &factory, LogSink *log);

}  // namespace microlink::posix
