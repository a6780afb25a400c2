// SPDX-License-Identifier: MIT
#include "tests/tls/pair.h"

#include "microlink/tls/memory.h"
#include "microlink/tls/verify.h"

namespace microlink::tls::testing {

namespace {

using State = Session::State;

/// What comes of a handshake: "open", or the failure's text.
struct Case {
  Server::Options server{};
  std::string_view host = "relay.example";
  std::string_view cert_name{};
  WallTime wall_time = YEAR_2030;
  WallTime build_time = WallTime::UNKNOWN;
  std::string_view roots = ROOT;
  bool insecure = false;
  Versions versions = Versions::TLS12_AND_TLS13;
  void (*others)(mbedtls_ssl_config &) = nullptr;
};

/// Anchors as a chip's certificate bundle has them: no chain, but a callback that looks at the last certificate when
/// nothing but the trust is missing.
mbedtls_x509_crt *bundled = nullptr;

int vouch(void *, mbedtls_x509_crt *certificate, int, uint32_t *flags) {
  if (*flags != MBEDTLS_X509_BADCERT_NOT_TRUSTED)
    return 0;
  mbedtls_x509_crt alone = *certificate;
  alone.next = nullptr;
  uint32_t found = 0;
  if (mbedtls_x509_crt_verify(&alone, bundled, nullptr, nullptr, &found, nullptr, nullptr) == 0)
    *flags = 0;
  return 0;
}

void attach_bundle(mbedtls_ssl_config &config) { mbedtls_ssl_conf_verify(&config, vouch, nullptr); }

/// Certificates as mbedTLS reads them.
class Parsed {
 public:
  explicit Parsed(std::string_view text) {
    mbedtls_x509_crt_init(&this->first_);
    const std::string pem(text);
    EXPECT_EQ(mbedtls_x509_crt_parse(&this->first_, reinterpret_cast<const uint8_t *>(pem.c_str()), pem.size() + 1), 0);
  }
  ~Parsed() { mbedtls_x509_crt_free(&this->first_); }
  Parsed(const Parsed &) = delete;
  Parsed &operator=(const Parsed &) = delete;
  mbedtls_x509_crt *get() const { return &this->first_; }

 private:
  mutable mbedtls_x509_crt first_{};
};

class Bundle {
 public:
  explicit Bundle(std::string_view root) : root_(root) { bundled = this->root_.get(); }

 private:
  Parsed root_;
};

constexpr WallTime YEAR_2021 = wall_seconds(1'609'459'200);
constexpr WallTime YEAR_2026 = wall_seconds(1'767'225'600);

class Verification : public ::testing::TestWithParam<mbedtls_ssl_protocol_version> {
 protected:
  std::string outcome(Case c) {
    c.server.version = this->GetParam();
    Pair pair(c.server);
    PemAnchors anchors;
    if (!c.roots.empty()) {
      EXPECT_EQ(anchors.add(c.roots), Error::NONE);
    }
    anchors.set_others(c.others);
    Policy policy;
    policy.host = c.host;
    policy.cert_name = c.cert_name;
    policy.anchors = &anchors;
    policy.wall_time = c.wall_time;
    policy.build_time = c.build_time;
    policy.insecure_for_tests = c.insecure;
    policy.versions = c.versions;
    if (const Error error = pair.start(policy); error != Error::NONE)
      return error_name(error);
    pair.pump("secret");
    if (pair.session.state() == State::OPEN)
      return pair.server.received == "secret" ? "open" : "?";
    EXPECT_EQ(pair.server.received, "");
    EXPECT_EQ(pair.session.state(), State::FAILED);
    EXPECT_EQ(pair.error, Error::UNTRUSTED);
    // In TLS 1.3 mbedTLS sends this alert in the clear, which its own server cannot read.
    EXPECT_NE(pair.server.error, 0);
    return pair.session.failure_text();
  }
};

INSTANTIATE_TEST_SUITE_P(Versions, Verification,
                         ::testing::Values(MBEDTLS_SSL_VERSION_TLS1_2, MBEDTLS_SSL_VERSION_TLS1_3),
                         [](const auto &each) { return each.param == MBEDTLS_SSL_VERSION_TLS1_2 ? "tls12" : "tls13"; });

std::string chain(std::initializer_list<std::string_view> certificates) {
  std::string out;
  for (const std::string_view each : certificates)
    out += each;
  return out;
}

TEST_P(Verification, believes_a_chain_that_ends_in_an_anchor) {
  EXPECT_EQ(this->outcome({}), "open");
  const std::string long_chain = chain({LEAF_OF_MIDDLE, MIDDLE});
  EXPECT_EQ(this->outcome({.server = {.chain = long_chain}, .roots = BIG_ROOT}), "open");
  const std::string with_root = chain({LEAF, ROOT});
  EXPECT_EQ(this->outcome({.server = {.chain = with_root}}), "open");
  const std::string roots = chain({BIG_ROOT, OTHER_ROOT, ROOT});
  EXPECT_EQ(this->outcome({.roots = roots}), "open");
}

TEST_P(Verification, refuses_an_unknown_ca) {
  EXPECT_EQ(this->outcome({.roots = BIG_ROOT}), "certificate: unknown CA");
  EXPECT_EQ(this->outcome({.roots = OTHER_ROOT}), "certificate: unknown CA") << "the same name, another key";
  EXPECT_EQ(this->outcome({.server = {.chain = LEAF_OF_MIDDLE}, .roots = BIG_ROOT}), "certificate: unknown CA");
  const std::string with_other_root = chain({LEAF, ROOT});
  EXPECT_EQ(this->outcome({.server = {.chain = with_other_root}, .roots = OTHER_ROOT}), "certificate: unknown CA");
}

TEST_P(Verification, refuses_a_certificate_signed_by_a_server) {
  const std::string forged = chain({LEAF_OF_LEAF, LEAF});
  EXPECT_EQ(this->outcome({.server = {.chain = forged}}), "certificate: unknown CA");
}

TEST(PemAnchors, reads_lines_of_any_length_and_leaves_out_what_is_no_certificate) {
  const std::string pem(ROOT);
  const size_t begin = pem.find("-----\n") + 6;
  const size_t end = pem.find("\n-----END");
  std::string digits;
  for (const char c : pem.substr(begin, end - begin))
    digits += c == '\n' ? std::string() : std::string(1, c);
  for (const size_t width : {1U, 5U, 63U, 64U, 76U, 100'000U}) {
    std::string text = pem.substr(0, begin);
    for (size_t at = 0; at < digits.size(); at += width)
      text += digits.substr(at, width) + "\r\n";
    text += "-----END CERTIFICATE-----\n";
    PemAnchors anchors;
    EXPECT_EQ(anchors.add(text), Error::NONE) << width;
    const Parsed root(pem);
    EXPECT_TRUE(anchors.contains(*root.get())) << width;
  }
  for (const std::string &bad : {std::string("-"), std::string("=") + digits, digits + "A", std::string(20'000, 'A')}) {
    const std::string text = "-----BEGIN CERTIFICATE-----\n" + bad + "\n-----END CERTIFICATE-----\n";
    PemAnchors anchors;
    EXPECT_EQ(anchors.add(text), Error::MALFORMED);
  }
}

TEST_P(Verification, needs_anchors) { EXPECT_EQ(this->outcome({.roots = ""}), error_name(Error::UNTRUSTED)); }

TEST_P(Verification, asks_the_systems_anchors_besides_its_own) {
  const Bundle bundle(ROOT);
  EXPECT_EQ(this->outcome({.roots = "", .others = attach_bundle}), "open");
  EXPECT_EQ(this->outcome({.roots = BIG_ROOT, .others = attach_bundle}), "open");
  EXPECT_EQ(this->outcome({.roots = ROOT, .others = attach_bundle}), "open");
  const std::string forged = chain({LEAF_OF_LEAF, LEAF});
  EXPECT_EQ(this->outcome({.server = {.chain = forged}, .roots = "", .others = attach_bundle}),
            "certificate: unknown CA");
  const std::string long_chain = chain({LEAF_OF_MIDDLE, MIDDLE});
  EXPECT_EQ(this->outcome({.server = {.chain = long_chain}, .roots = "", .others = attach_bundle}),
            "certificate: unknown CA");
  EXPECT_EQ(this->outcome({.server = {.chain = long_chain}, .roots = BIG_ROOT, .others = attach_bundle}), "open");
}

TEST_P(Verification, checks_names_and_dates_where_the_system_vouches) {
  const Bundle bundle(ROOT);
  EXPECT_NE(this->outcome({.host = "other.example", .roots = "", .others = attach_bundle}), "open");
  EXPECT_EQ(this->outcome({.wall_time = YEAR_2021, .roots = "", .others = attach_bundle}),
            "certificate: not yet valid");
}

TEST_P(Verification, checks_names) {
  EXPECT_EQ(this->outcome({.host = "RELAY.example"}), "open");
  EXPECT_EQ(this->outcome({.host = "a.wild.example"}), "open");
  EXPECT_EQ(this->outcome({.host = "a.b.wild.example"}), "certificate: wrong name");
  EXPECT_EQ(this->outcome({.host = "wild.example"}), "certificate: wrong name");
  EXPECT_EQ(this->outcome({.host = "other.example"}), "certificate: wrong name");
  EXPECT_EQ(this->outcome({.host = "relay.example.evil"}), "certificate: wrong name");
  EXPECT_EQ(this->outcome({.host = "elay.example"}), "certificate: wrong name");
  EXPECT_EQ(this->outcome({.server = {.chain = LEAF_COMMON_NAME_ONLY}}), "certificate: wrong name");
}

TEST_P(Verification, checks_addresses) {
  EXPECT_EQ(this->outcome({.host = "192.0.2.7"}), "open");
  EXPECT_EQ(this->outcome({.host = "192.0.2.8"}), "certificate: wrong name");
  EXPECT_EQ(this->outcome({.host = "2001:db8::7"}), "open");
  EXPECT_EQ(this->outcome({.host = "2001:db8::8"}), "certificate: wrong name");
}

TEST_P(Verification, sends_names_but_no_addresses_as_sni) {
  for (const auto &[host, sni] : {std::pair{"relay.example", "relay.example"}, std::pair{"192.0.2.7", ""}}) {
    Pair pair({.version = this->GetParam()});
    Policy policy = pair.policy();
    policy.host = host;
    EXPECT_TRUE(pair.shake_hands(policy));
    EXPECT_EQ(pair.server.server_name(), sni);
  }
}

TEST_P(Verification, checks_another_name_when_told_so) {
  EXPECT_EQ(this->outcome({.host = "10.0.0.1", .cert_name = "relay.example"}), "open");
  EXPECT_EQ(this->outcome({.host = "front.example", .cert_name = "relay.example"}), "open");
  EXPECT_EQ(this->outcome({.host = "relay.example", .cert_name = "other.example"}), "certificate: wrong name");
  Pair pair({.version = this->GetParam()});
  Policy policy = pair.policy();
  policy.host = "front.example";
  policy.cert_name = "relay.example";
  EXPECT_TRUE(pair.shake_hands(policy));
  EXPECT_EQ(pair.server.server_name(), "front.example");
}

TEST_P(Verification, checks_dates_against_a_trusted_time) {
  EXPECT_EQ(this->outcome({.server = {.chain = LEAF_EXPIRED}}), "certificate: expired");
  EXPECT_EQ(this->outcome({.server = {.chain = LEAF_FUTURE}}), "certificate: not yet valid");
  EXPECT_EQ(this->outcome({.wall_time = YEAR_2021}), "certificate: not yet valid");
  const std::string old_chain = chain({LEAF_OF_OLD_MIDDLE, OLD_MIDDLE});
  EXPECT_EQ(this->outcome({.server = {.chain = old_chain}}), "certificate: expired");
}

TEST_P(Verification, takes_the_build_time_as_the_lower_bound_without_one) {
  const WallTime none = WallTime::UNKNOWN;
  EXPECT_EQ(this->outcome({.wall_time = none, .build_time = YEAR_2026}), "open");
  EXPECT_EQ(this->outcome({.server = {.chain = LEAF_EXPIRED}, .wall_time = none, .build_time = YEAR_2026}),
            "certificate: expired");
  EXPECT_EQ(this->outcome({.server = {.chain = LEAF_EXPIRED}, .wall_time = none, .build_time = YEAR_2021}), "open");
  EXPECT_EQ(this->outcome({.server = {.chain = LEAF_FUTURE}, .wall_time = none, .build_time = YEAR_2026}), "open");
}

TEST_P(Verification, refuses_a_certificate_that_is_not_for_servers) {
  EXPECT_EQ(this->outcome({.server = {.chain = LEAF_FOR_CLIENTS}}), "certificate: unusable");
}

TEST_P(Verification, ignores_a_meta_certificate) {
  EXPECT_EQ(this->outcome({.server = {.extra = META}}), "open");
  EXPECT_EQ(this->outcome({.server = {.extra = META}, .roots = META}), "certificate: unknown CA");
}

TEST_P(Verification, believes_a_pinned_certificate_without_anchors) {
  const Server::Options pinned{.chain = PINNED, .key = PINNED_KEY};
  EXPECT_EQ(this->outcome({.server = pinned, .cert_name = PIN, .roots = ""}), "open");
  EXPECT_EQ(this->outcome({.server = pinned, .host = "192.0.2.7", .cert_name = PIN, .roots = ""}), "open");
  Server::Options with_meta = pinned;
  with_meta.extra = META;
  EXPECT_EQ(this->outcome({.server = with_meta, .cert_name = PIN}), "open");
}

// A relay's own meta certificate has an Ed25519 key, which mbedTLS cannot read.
TEST(Ed25519MetaCertificate, is_ignored_in_tls_1_2) {
  for (const std::string_view cert_name : {std::string_view(), PIN}) {
    const bool pinned = !cert_name.empty();
    Pair pair({.chain = pinned ? PINNED : LEAF,
               .key = pinned ? PINNED_KEY : LEAF_KEY,
               .extra = META_ED25519,
               .version = MBEDTLS_SSL_VERSION_TLS1_2});
    Policy policy = pair.policy();
    policy.cert_name = cert_name;
    policy.versions = Versions::TLS12;
    EXPECT_TRUE(pair.shake_hands(policy));
  }
}

TEST(Ed25519MetaCertificate, makes_tls_1_3_advise_tls_1_2) {
  Pair pair({.extra = META_ED25519, .version = MBEDTLS_SSL_VERSION_TLS1_3});
  Policy policy = pair.policy();
  EXPECT_FALSE(pair.shake_hands(policy));
  EXPECT_EQ(pair.error, Error::MALFORMED);
  EXPECT_STREQ(pair.session.failure_text(), "certificate: unreadable");
  ASSERT_TRUE(pair.session.advise(policy));
  Pair again({.extra = META_ED25519, .version = MBEDTLS_SSL_VERSION_TLS1_2});
  EXPECT_TRUE(again.shake_hands(policy));
}

TEST_P(Verification, refuses_what_is_not_pinned) {
  EXPECT_EQ(this->outcome({.cert_name = PIN}), "certificate: pin mismatch")
      << "though an anchor would have believed it";
  Server::Options two{.chain = PINNED, .key = PINNED_KEY, .extra = ROOT};
  EXPECT_EQ(this->outcome({.server = two, .cert_name = PIN}), "certificate: pin mismatch") << "more than one";
}

TEST_P(Verification, refuses_a_pinned_certificate_behind_a_stranger_s_key) {
  const std::string forged = chain({META_AS_LEAF, PINNED});
  EXPECT_EQ(this->outcome({.server = {.chain = forged}, .cert_name = PIN}), "certificate: pin mismatch");
}

TEST_P(Verification, checks_name_and_dates_of_a_pinned_certificate) {
  const Server::Options pinned{.chain = PINNED, .key = PINNED_KEY};
  EXPECT_EQ(this->outcome({.server = pinned, .host = "other.example", .cert_name = PIN}), "certificate: wrong name");
  EXPECT_EQ(this->outcome({.server = {.chain = PINNED_EXPIRED}, .cert_name = PIN_EXPIRED}), "certificate: expired");
}

TEST_P(Verification, believes_everything_when_told_to) {
  EXPECT_EQ(this->outcome({.host = "anything", .roots = "", .insecure = true}), "open");
  EXPECT_EQ(this->outcome({.server = {.chain = LEAF_EXPIRED}, .insecure = true}), "open");
}

TEST(Policies, that_cannot_be_are_refused) {
  Session session;
  SeededRandom random(1);
  PemAnchors anchors;
  ASSERT_EQ(anchors.add(ROOT), Error::NONE);
  const std::string digits(64, 'a');
  const auto start = [&](std::string_view host, const std::string &cert_name) {
    Policy policy;
    policy.host = host;
    policy.cert_name = cert_name;
    policy.anchors = &anchors;
    const Error error = session.start(policy, random);
    EXPECT_EQ(session.state() == State::IDLE, error != Error::NONE);
    return error;
  };
  EXPECT_EQ(start("relay.example", "sha256-raw:" + digits), Error::NONE);
  EXPECT_EQ(start("relay.example", "sha256-raw:" + digits.substr(1)), Error::MALFORMED);
  EXPECT_EQ(start("relay.example", "sha256-raw:" + digits + "a"), Error::MALFORMED);
  EXPECT_EQ(start("relay.example", "sha256-raw:" + digits.substr(1) + "A"), Error::MALFORMED);
  EXPECT_EQ(start("relay.example", "sha256-raw:" + digits.substr(1) + "g"), Error::MALFORMED);
  EXPECT_EQ(start("relay.example", "sha256-raw:"), Error::MALFORMED);
  EXPECT_EQ(start("", ""), Error::MALFORMED);
  EXPECT_EQ(start("relay example", ""), Error::MALFORMED);
  EXPECT_EQ(start(std::string_view("relay\0example", 13), ""), Error::MALFORMED);
  EXPECT_EQ(start("relay\nexample", ""), Error::MALFORMED);
  EXPECT_EQ(start(std::string(80, 'a'), ""), Error::NONE);
  EXPECT_EQ(start(std::string(81, 'a'), ""), Error::MALFORMED);
  EXPECT_EQ(start("relay.example", std::string(81, 'a')), Error::MALFORMED);
}

TEST(PemAnchors, takes_every_certificate_and_ignores_the_rest) {
  PemAnchors anchors;
  EXPECT_TRUE(anchors.empty());
  const std::string bundle =
      "# a comment\n" + chain({META_ED25519, ROOT, META_ED25519, BIG_ROOT}) + "-----BEGIN CERTIFICATE-----\nAA";
  EXPECT_EQ(anchors.add(bundle), Error::NONE);
  EXPECT_FALSE(anchors.empty());
  const Parsed root(ROOT);
  const Parsed big(BIG_ROOT);
  const Parsed other(OTHER_ROOT);
  EXPECT_TRUE(anchors.contains(*root.get()));
  EXPECT_TRUE(anchors.contains(*big.get()));
  EXPECT_FALSE(anchors.contains(*other.get())) << "the same name, another key";
  EXPECT_EQ(anchors.add(OTHER_ROOT), Error::NONE);
  EXPECT_TRUE(anchors.contains(*other.get()));
  EXPECT_EQ(anchors.add(OTHER_ROOT), Error::NO_SPACE) << "two texts";
  anchors.clear();
  EXPECT_TRUE(anchors.empty());
  EXPECT_FALSE(anchors.contains(*other.get()));
}

TEST(PemAnchors, hold_no_memory) {
  const size_t before = memory_use().current;
  PemAnchors anchors;
  EXPECT_EQ(anchors.add(ROOT), Error::NONE);
  const Parsed leaf(LEAF);
  const size_t with_leaf = memory_use().current;
  EXPECT_FALSE(anchors.contains(*leaf.get()));
  EXPECT_EQ(memory_use().current, with_leaf);
  reset_peak_memory();
  limit_memory(with_leaf + 100);
  EXPECT_FALSE(anchors.contains(*leaf.get())) << "no room to look";
  limit_memory(0);
  EXPECT_EQ(memory_use().current, with_leaf);
  EXPECT_GT(with_leaf, before);
}

TEST(PemAnchors, says_when_there_is_none) {
  PemAnchors anchors;
  EXPECT_EQ(anchors.add(""), Error::MALFORMED);
  EXPECT_EQ(anchors.add("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"), Error::MALFORMED);
  EXPECT_EQ(anchors.add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), Error::MALFORMED);
  EXPECT_EQ(anchors.add(META_ED25519), Error::MALFORMED) << "mbedTLS cannot read it";
  EXPECT_TRUE(anchors.empty());
  const std::string root(ROOT);
  for (size_t size = 0; size + 30 < root.size(); size += 7)
    EXPECT_EQ(anchors.add(root.substr(0, size)), Error::MALFORMED) << size;
}

TEST_P(Verification, tries_every_anchor_of_the_issuers_name) {
  // OTHER_ROOT has ROOT's name and another key.
  for (const auto &roots : {chain({OTHER_ROOT, ROOT}), chain({ROOT, OTHER_ROOT}), chain({OTHER_ROOT, BIG_ROOT, ROOT})})
    EXPECT_EQ(this->outcome({.roots = roots}), "open");
  const std::string twice = chain({OTHER_ROOT, OTHER_ROOT});
  EXPECT_EQ(this->outcome({.roots = twice}), "certificate: unknown CA");
}

TEST_P(Verification, believes_an_anchor_that_is_the_servers_own_certificate) {
  // It signed itself, and is no authority.
  const Server::Options own{.chain = PINNED, .key = PINNED_KEY};
  EXPECT_EQ(this->outcome({.server = own, .roots = PINNED}), "open");
  EXPECT_EQ(this->outcome({.server = own, .host = "other.example", .roots = PINNED}), "certificate: wrong name");
  EXPECT_EQ(this->outcome({.server = own, .wall_time = YEAR_2021, .roots = PINNED}), "certificate: not yet valid");
  EXPECT_EQ(this->outcome({.server = own, .roots = ROOT}), "certificate: unknown CA");
  // Another one's certificate is no anchor for what that one has signed, or for what only looks like it.
  const std::string forged = chain({LEAF_OF_LEAF, LEAF});
  EXPECT_EQ(this->outcome({.server = {.chain = forged}, .roots = LEAF}), "certificate: unknown CA");
  EXPECT_EQ(this->outcome({.roots = LEAF}), "certificate: unknown CA") << "an anchor, but it did not sign itself";
}

}  // namespace

}  // namespace microlink::tls::testing
