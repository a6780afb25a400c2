// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/fixed_string.h"
#include "microlink/base/random.h"
#include "microlink/base/result.h"
#include "microlink/crypto/x25519.h"

namespace microlink {

/// The Curve25519 keys of a node, one type for each role, as in tailscale types/key. Private keys cannot be copied by
/// accident, compared or printed.

struct MachineRole {
  static constexpr std::string_view PREFIX = "mkey:";
};
struct NodeRole {
  static constexpr std::string_view PREFIX = "nodekey:";
};
struct DiscoRole {
  static constexpr std::string_view PREFIX = "discokey:";
};

constexpr size_t KEY_BYTES = crypto::KEY_BYTES;
/// Longest text form: "discokey:" and 64 digits.
constexpr size_t MAX_KEY_TEXT_BYTES = 9 + 2 * KEY_BYTES;

namespace keys_detail {
Error parse(std::string_view prefix, std::string_view text, ByteSpan out);
FixedString<MAX_KEY_TEXT_BYTES> format(std::string_view prefix, ByteView key);
/// "[AbCdE]" (node, machine) or "d:0011223344556677" (disco).
FixedString<18> short_form(bool disco, ByteView key);
}  // namespace keys_detail

/// All zero means "no key", as on the wire.
template<typename Role> struct Public {
  crypto::PublicKey bytes{};

  /// Prefix and exactly 64 hexadecimal digits; MALFORMED otherwise. The zero key parses.
  static Result<Public> parse(std::string_view text) {
    Public out;
    const Error error = keys_detail::parse(Role::PREFIX, text, out.bytes);
    if (error != Error::NONE)
      return error;
    return out;
  }
  static Public from_bytes(ByteView raw) {
    Public out;
    if (raw.size() == KEY_BYTES)
      copy(raw, out.bytes);
    return out;
  }

  bool is_set() const { return *this != Public{}; }
  FixedString<MAX_KEY_TEXT_BYTES> to_text() const { return keys_detail::format(Role::PREFIX, this->bytes); }
  /// For logs.
  FixedString<18> short_form() const { return keys_detail::short_form(Role::PREFIX == DiscoRole::PREFIX, this->bytes); }
  bool operator==(const Public &) const = default;
};

template<typename Role> class Private {
 public:
  /// A fresh clamped key.
  void generate(Random &random) {
    random.fill(this->secret_.writable());
    crypto::clamp(this->secret_.writable());
    this->public_ = Public<Role>{crypto::public_key_of(this->secret_)};
  }
  /// From storage: exactly 32 bytes, not all zero. MALFORMED otherwise.
  Error load(ByteView raw) {
    if (raw.size() != KEY_BYTES || equal(raw, crypto::PublicKey{}))
      return Error::MALFORMED;
    copy(raw, this->secret_.writable());
    crypto::clamp(this->secret_.writable());
    this->public_ = Public<Role>{crypto::public_key_of(this->secret_)};
    return Error::NONE;
  }
  void copy_from(const Private &other) {
    this->secret_.copy_from(other.secret_);
    this->public_ = other.public_;
  }
  void clear() {
    this->secret_.clear();
    this->public_ = {};
  }

  bool is_set() const { return this->public_.is_set(); }
  const Public<Role> &public_key() const { return this->public_; }
  const crypto::SecretKey &secret() const { return this->secret_; }
  /// For storage only.
  ByteView export_secret_bytes() const { return this->secret_.bytes(); }

 private:
  crypto::SecretKey secret_;
  Public<Role> public_{};
};

using MachinePublic = Public<MachineRole>;
using NodePublic = Public<NodeRole>;
using DiscoPublic = Public<DiscoRole>;
using MachinePrivate = Private<MachineRole>;
using NodePrivate = Private<NodeRole>;
using DiscoPrivate = Private<DiscoRole>;

}  // namespace microlink
