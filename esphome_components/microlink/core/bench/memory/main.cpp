// SPDX-License-Identifier: MIT
/// What a node takes of a chip's heap and stack in real scenarios: a whole client with mbedTLS as ESP-IDF configures
/// it, 32 bits, laid out as on a chip, in a scripted world, with an allocator that counts and a painted stack. Prints
/// lines for script/bench: a name, and bytes of TLS at the most, of TLS in the end, and of stack at the deepest.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bench/memory/chains.h"
#include "microlink/client/core.h"
#include "microlink/port/chip/node.h"
#include "microlink/port/chip/stack.h"
#include "microlink/tls/mbedtls.h"
#include "tests/memory/allocations.h"
#include "tests/memory/world.h"

namespace {

using namespace microlink;
using namespace microlink::testing;

void require(bool condition, const char *what) {
  if (condition)
    return;
  std::fprintf(stderr, "bench_memory: %s\n", what);
  std::exit(1);
}

/// A root as the bundle of a firmware has it, in flash: its name and its public key.
struct BundledRoot {
  std::vector<uint8_t> name, key;
};
std::vector<BundledRoot> bundle;

void bundle_root(std::string_view pem) {
  mbedtls_x509_crt root;
  mbedtls_x509_crt_init(&root);
  const std::string text(pem);
  require(mbedtls_x509_crt_parse(&root, reinterpret_cast<const uint8_t *>(text.c_str()), text.size() + 1) == 0,
          "a root");
  bundle.push_back({{root.subject_raw.p, root.subject_raw.p + root.subject_raw.len},
                    {root.pk_raw.p, root.pk_raw.p + root.pk_raw.len}});
  mbedtls_x509_crt_free(&root);
}

bool is_signed_by(const mbedtls_x509_crt &certificate, const BundledRoot &root) {
  mbedtls_pk_context key;
  mbedtls_pk_init(&key);
  uint8_t hash[MBEDTLS_MD_MAX_SIZE];
  const auto digest = certificate.MBEDTLS_PRIVATE(sig_md);
  const mbedtls_md_info_t *info = mbedtls_md_info_from_type(digest);
  const bool good =
      mbedtls_pk_parse_public_key(&key, root.key.data(), root.key.size()) == 0 &&
      mbedtls_md(info, certificate.tbs.p, certificate.tbs.len, hash) == 0 &&
      mbedtls_pk_verify_ext(certificate.MBEDTLS_PRIVATE(sig_pk), nullptr, &key, digest, hash, mbedtls_md_get_size(info),
                            certificate.MBEDTLS_PRIVATE(sig).p, certificate.MBEDTLS_PRIVATE(sig).len) == 0;
  mbedtls_pk_free(&key);
  return good;
}

/// As ESP-IDF's bundle does it: no certificate of a root is ever parsed, its key alone, and only that of the issuer.
int look_up(void * /*context*/, mbedtls_x509_crt *certificate, int /*depth*/, uint32_t *flags) {
  if (*flags != MBEDTLS_X509_BADCERT_NOT_TRUSTED)
    return 0;
  for (const BundledRoot &root : bundle) {
    if (root.name.size() == certificate->issuer_raw.len &&
        std::memcmp(root.name.data(), certificate->issuer_raw.p, root.name.size()) == 0 &&
        is_signed_by(*certificate, root))
      *flags = 0;
  }
  return *flags == 0 ? 0 : MBEDTLS_ERR_X509_CERT_VERIFY_FAILED;
}

void attach_bundle(mbedtls_ssl_config &session) { mbedtls_ssl_conf_verify(&session, look_up, nullptr); }

PaintedStack painted;
/// As Let's Encrypt issues them: P-256 ← P-384 ← RSA-4096, and RSA-2048 ← RSA-2048 ← RSA-4096.
std::string ec_chain, rsa_chain;

World::Options options_of(const std::string &chain, std::string_view key) {
  return {.tls = true,
          .watch_others = false,
          .server = {.chain = chain, .key = key},
          .trust = {.attach = attach_bundle},
          .trust_root = false};
}

World::Options usual() { return options_of(ec_chain, EC_LEAF_KEY); }

/// One run: counts from here until its end.
class Scenario {
 public:
  Scenario(const char *name, const World::Options &options) : name_(name), world(options) {
    this->world.stack = &painted;
    painted.forget();
  }
  ~Scenario() { this->end_(); }

  /// The next part of it gets a line of its own.
  void begin(const char *name) {
    this->end_();
    this->name_ = name;
    painted.forget();
    reset_peaks();
  }
  void join(size_t others) {
    reset_allocations();  // what the constructors took
    for (const auto &node : this->world.nodes)
      node->start();
    this->world.run_for(seconds(3));
    for (const auto &node : this->world.nodes)
      require(node->control.registrations == 1, "no registration");
    this->world.send_maps(others);
    this->world.run_for(seconds(5));
    require(this->client().status().state == State::ONLINE, "not online");
    require(this->client().statistics().relay_connects >= 1, "no relay");
  }
  /// Packets with all others, both ways.
  void talk(int rounds) {
    for (int i = 0; i != rounds; i++) {
      for (size_t other = 1; other != this->world.nodes.size(); other++) {
        this->world.nodes[0]->send(udp_packet(0, other, 1280));
        this->world.nodes[other]->send(udp_packet(other, 0, 1280));
        this->world.run_for(milliseconds(20));
      }
      this->world.run_for(seconds(1));
      this->world.nodes[0]->send_keep_alives();
    }
    std::set<std::string> heard;
    for (const std::string &packet : std::exchange(this->world.nodes[0]->received, {}))
      heard.insert(packet.substr(0, 20));
    require(heard.size() == this->world.nodes.size() - 1, "some peer was not heard");
  }
  Client &client() { return this->world.nodes[0]->client(); }

 private:
  void end_() {
    require(allocations().calls == 0, "the core allocated after its start");
    std::printf("%s: %zu %zu %zu\n", this->name_, tls_allocations().peak, tls_allocations().live, painted.deepest());
  }

  const char *name_;

 public:
  World world;
};

void all() {
  {
    Scenario run("join, P-256 chain", usual());
    run.join(40);
    run.begin("record of 16 KiB");
    run.world.nodes[0]->send_burst(16'384 / 5);
    run.world.run_for(seconds(1));
    require(run.client().statistics().relay_connects == 1, "the relay's connection did not last");
  }
  {
    Scenario run("join, RSA chain", options_of(rsa_chain, RSA_LEAF_KEY));
    run.join(40);
  }
  {
    World::Options options = usual();
    options.nodes = 17;
    Scenario run("join, 16 peers", options);
    run.join(0);
    run.talk(3);
    run.begin("16 active peers");
    run.talk(20);
  }
  {
    Scenario run("join, 10,000 peers", usual());
    run.join(9'999);
    run.talk(5);
  }
  {
    World::Options options = usual();
    options.relay_only = true;
    Scenario run("join, relay only", options);
    run.join(10);
    run.begin("traffic through the relay");
    run.talk(20);
  }
  {
    World::Options options = usual();
    options.relay_only = options.two_regions = true;
    Scenario run("join, two regions", options);
    run.join(10);
    run.begin("a second relay");
    run.talk(10);
    require(run.client().statistics().relay_connects == 2, "no second relay");
  }
  {
    World::Options options = usual();
    options.has_port_80 = false;
    Scenario run("join, control over TLS", options);
    run.join(10);
    run.begin("control and relay over TLS");
    run.talk(5);
  }
}

}  // namespace

int main() {
  bundle_root(EC_ROOT);
  bundle_root(RSA_ROOT);
  ec_chain = std::string(EC_LEAF) + std::string(EC_MIDDLE);
  rsa_chain = std::string(RSA_LEAF) + std::string(RSA_MIDDLE);
  std::printf("core: %zu\nnode: %zu\ntask: %zu\n", sizeof(client::Core), sizeof(chip::Node), chip::STACK_BYTES);
  all();
  return 0;
}
