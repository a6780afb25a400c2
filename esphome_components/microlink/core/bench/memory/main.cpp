// SPDX-License-Identifier: MIT
/// What a node takes of a chip's heap and stack in real scenarios: a whole client with mbedTLS as ESP-IDF configures
/// it, 32 bits, laid out as on a chip, run by the chip's own port, in a scripted world, with an allocator that counts
/// and a painted stack. Prints lines for script/bench: a name, bytes of TLS at the most and in the end, and of stack at
/// the deepest, where the system is called, and where texts are formatted. It fails when the task's stack leaves too
/// little behind these. With the name of a file it also writes a recording there, for script/bench-rv32.
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>

#include "bench/memory/background.h"
#include "bench/memory/bundle.h"
#include "bench/memory/chains.h"
#include "bench/memory/chip_port.h"
#include "bench/memory/recorder.h"
#include "microlink/client/core.h"
#include "microlink/port/chip/node.h"
#include "microlink/port/chip/stack.h"
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

PaintedStack painted;
/// As Let's Encrypt issues them: P-256 ← P-384 ← RSA-4096, and RSA-2048 ← RSA-2048 ← RSA-4096.
std::string ec_chain, rsa_chain;

World::Options options_of(const std::string &chain, std::string_view key) {
  return {.tls = true,
          .watch_others = false,
          .server = {.chain = chain, .key = key},
          .trust = {.attach = bench::attach_bundle},
          .trust_root = false,
          .make_port = bench::make_chip_port};
}

World::Options usual() { return options_of(ec_chain, EC_LEAF_KEY); }

/// One run: counts from here until its end.
class Scenario {
 public:
  Scenario(const char *name, const World::Options &options) : name_(name), world(options) {
    this->world.stack = &painted;
    painted.forget();
    bench::forget_depths();
  }
  ~Scenario() { this->end_(); }

  /// The next part of it gets a line of its own.
  void begin(const char *name) {
    this->end_();
    this->name_ = name;
    painted.forget();
    bench::forget_depths();
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
  /// Packets with all others, both ways; at the same time, so that handshakes cross, or one after the other.
  void talk(int rounds, bool crossing = true) {
    for (int i = 0; i != rounds; i++) {
      for (size_t other = 1; other != this->world.nodes.size(); other++) {
        this->world.nodes[0]->send(udp_packet(0, other, 1280));
        if (!crossing)
          this->world.run_for(milliseconds(20));
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
  /// All that the owner of a chip's node may ask of it while it runs.
  void wish() {
    chip::Node &node = bench::chip_node();
    std::string list = "100.64.0.2 100.64.1.0/24";
    for (int i = 10; i != 23; i++)
      list += " tag:sensor-" + std::to_string(i);
    require(node.post_allowed_peers(list), "a list of peers");
    require(node.post({.kind = chip::Command::Kind::SET_AUTH_KEY, .text = std::string_view("tskey-auth-1")}), "a key");
    for (const chip::Command::Kind kind : {chip::Command::Kind::NETCHECK, chip::Command::Kind::ROTATE_KEY})
      require(node.post({.kind = kind}), "a command");
    node.set_quiet(true);
    this->world.run_for(seconds(60));
    require(this->client().status().allowed_peers > 10, "the list was not taken");
    require(this->world.nodes[0]->control.registrations == 2, "the key was not replaced");
  }
  Client &client() { return this->world.nodes[0]->client(); }

 private:
  void end_() {
    require(allocations().calls == 0, "the core allocated after its start");
    const bench::Depths depths = bench::depths();
    require(painted.deepest() + chip::STACK_MARGIN_BYTES <= chip::STACK_BYTES, "the stack is too small");
    require(depths.system + chip::STACK_SYSTEM_BYTES <= chip::STACK_BYTES, "the stack is too small for the system");
    require(depths.text + chip::STACK_TEXT_BYTES <= chip::STACK_BYTES, "the stack is too small for log lines");
    std::printf("%s: %zu %zu %zu %zu %zu\n", this->name_, tls_allocations().peak, tls_allocations().live,
                painted.deepest(), depths.system, depths.text);
  }

  const char *name_;

 public:
  World world;
};

constexpr const char *ONLY_REGION_2 =
    R"({"DERPMap":{"Regions":{"2":{"RegionID":2,"RegionCode":"two","Nodes":[{"Name":"2a","RegionID":2,)"
    R"("HostName":"relay.example","IPv4":"192.0.2.10","STUNPort":-1}]}}}})";

void through_relays() {
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
    options.relay_only = options.two_regions = true;
    Scenario run("join, before the home changes", options);
    run.join(10);
    require(run.client().status().home_derp == 1, "another home");
    run.begin("another home relay");
    run.world.nodes[0]->send_map(ONLY_REGION_2);
    run.world.run_for(seconds(60));
    require(run.client().status().home_derp == 2, "the home did not change");
    run.talk(5);
  }
}

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
    run.begin("the owner's wishes");
    run.wish();
  }
  {
    Scenario run("join, 10,000 peers", usual());
    run.join(9'999);
    run.talk(5);
  }
  through_relays();
  {
    World::Options options = usual();
    options.has_port_80 = false;
    Scenario run("join, control over TLS", options);
    run.join(10);
    run.begin("control and relay over TLS");
    run.talk(5);
  }
}

/// Rules that do not concern the packets, with ports and sources of their own each, as a tailnet with many users has.
std::string other_rules() {
  std::string out;
  for (int i = 0; i != 20; i++) {
    const std::string n = std::to_string(i);
    out += R"({"SrcIPs":["100.100.)" + n + R"(.1","100.101.)" + n +
           R"(.0/24"],"DstPorts":[{"IP":"100.64.0.1","Ports":{)" + R"("First":80)" + n + R"(,"Last":90)" + n + "}}]},";
  }
  return out;
}

/// For another machine to do again: joins, and packets of 1,280 bytes both ways, direct and through the relay.
void record(std::FILE *file) {
  bench::Recorder recorder(file);
  const auto run = [&recorder](const char *name, World::Options options, int rounds) {
    options.make_port = nullptr;
    Scenario scenario(name, options);
    recorder.config("https://control.wild.example", "node-1", options.relay_only);
    recorder.mark(std::string("join_") + name);
    scenario.world.observer = &recorder;
    scenario.join(options.nodes == 2 ? 100 : 0);
    recorder.mark(std::string("first_") + name);
    scenario.talk(2, false);
    recorder.mark(name);
    scenario.talk(rounds, false);
  };
  World::Options options = usual();
  options.nodes = 17;
  options.rules = other_rules();
  run("direct", options, 4);
  options = usual();
  options.relay_only = true;
  run("relayed", options, 4);
  run("rsa", options_of(rsa_chain, RSA_LEAF_KEY), 1);
}

}  // namespace

int main(int argc, char **argv) {
  require(bench::bundle_root(EC_ROOT) && bench::bundle_root(RSA_ROOT), "a root");
  ec_chain = std::string(EC_LEAF) + std::string(EC_MIDDLE);
  rsa_chain = std::string(RSA_LEAF) + std::string(RSA_MIDDLE);
  std::printf("core: %zu\nnode: %zu\ntask: %zu\n", sizeof(client::Core), sizeof(chip::Node), chip::STACK_BYTES);
  std::printf("background: %zu\nconfig: %zu\n", bench::background_bytes(), sizeof(Config));
  all();
  if (argc == 1)
    return 0;
  std::FILE *const file = std::fopen(argv[1], "wb");
  require(file != nullptr, "the file for the recording");
  record(file);
  return std::fclose(file);
}
