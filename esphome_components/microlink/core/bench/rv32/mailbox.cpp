// SPDX-License-Identifier: MIT
/// What ESPHome's main loop and the node's task do to each other on a chip with one core: how long either holds the
/// lock that both take, and what a loop() executes for the node. With texts and lists as long as they can be.
#include <algorithm>
#include <cstdlib>

#include "bench/rv32/count.h"
#include "microlink/port/chip/mailbox.h"

namespace std {
// The core is compiled without exceptions; the library's check remains.
void __throw_out_of_range_fmt(const char * /*format*/, ...) { std::abort(); }
}  // namespace std

namespace {

using namespace microlink;
using bench::count;
using bench::report;
using bench::require;

/// Remembers how long it was held at the most.
class CountingMutex {
 public:
  void lock() { this->since_ = bench::instructions(); }
  void unlock() { longest = std::max(longest, bench::instructions() - this->since_); }
  static uint32_t longest;

 private:
  uint32_t since_{0};
};
uint32_t CountingMutex::longest = 0;

using Mailbox = chip::MailboxWith<CountingMutex>;

/// A text that fills its place.
template<size_t N> void fill(FixedString<N> &out, char with) {
  while (out.append(std::string_view(&with, 1))) {
  }
}

/// Where the adapter's strings would be.
struct View {
  FixedString<MAX_URL_BYTES> login_url;
  FixedString<128> message;
  FixedString<256> allowed_peers;
};

void bench_task(Mailbox &mailbox, const chip::Snapshot &snapshot) {
  netmap::Allowlist list;
  CountingMutex::longest = 0;
  mailbox.put_snapshot(snapshot);
  require(mailbox.take_command() == chip::Command::Kind::NETCHECK, "command");
  require(mailbox.auth_key().size() == 128, "auth key");
  mailbox.forget_auth_key(mailbox.auth_key());
  require(mailbox.auth_key().empty(), "auth key that was given");
  require(mailbox.take_allowed_peers(list) && list.size() == MAX_ALLOWED_PEERS, "list");
  report("task_holds_lock", CountingMutex::longest);
}

}  // namespace

void bench_mailbox() {
  static Mailbox mailbox;
  static chip::Snapshot snapshot, taken;
  static View view;
  fill(snapshot.login_url, 'u');
  fill(snapshot.message, 'm');
  fill(snapshot.name, 'n');
  fill(snapshot.allowed_peers, 'a');
  chip::Command key{.kind = chip::Command::Kind::SET_AUTH_KEY};
  fill(key.text, 'k');
  require(mailbox.post({.kind = chip::Command::Kind::NETCHECK}) && mailbox.post(key), "posts");
  FixedString<400> list;
  for (size_t i = 0; i != MAX_ALLOWED_PEERS; i++) {
    list.append("100.64.100.1");
    list.append(std::string_view(&"0123456789"[i / 10], 1));
    list.append(std::string_view(&"0123456789"[i % 10], 1));
    list.append(" ");
  }
  CountingMutex::longest = 0;
  bool posted = false;
  report("owner_posts_list", count([&] { posted = mailbox.post_allowed_peers(list); }));
  require(posted, "post of a list");
  bench_task(mailbox, snapshot);
  snapshot.message.assign("");
  fill(snapshot.message, 'M');
  mailbox.put_snapshot(snapshot);  // another message: news of both
  report("loop_with_news", count([&] {
           posted = mailbox.take_snapshot(taken);
           view = {taken.login_url, taken.message, taken.allowed_peers};
         }));
  require(posted && taken.is_new_message && view.message == snapshot.message, "snapshot");
  report("loop_without_news", count([&] { posted = mailbox.take_snapshot(taken); }));
  require(!posted, "the same snapshot");
  report("owner_holds_lock", CountingMutex::longest);
}
