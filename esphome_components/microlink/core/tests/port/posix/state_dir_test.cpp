// SPDX-License-Identifier: MIT
#include "microlink/port/posix/state_dir.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

#include "tests/port/posix/scripted.h"

namespace microlink::posix {
namespace {

using Lock = StateDir::Lock;

mode_t mode_of(const std::string &path) {
  struct stat about{};
  EXPECT_EQ(::stat(path.c_str(), &about), 0) << path;
  return about.st_mode & 0777U;
}

std::string content(const StateDir &state, Record record) {
  std::optional<std::vector<uint8_t>> bytes;
  EXPECT_EQ(state.load(record, bytes), "");
  return bytes ? std::string(bytes->begin(), bytes->end()) : "(none)";
}

TEST(StateDir, keeps_records_private_and_loads_them_again) {
  TemporaryDir dir;
  StateDir state;
  ASSERT_EQ(state.open(dir / "a/b", Lock::EXCLUSIVE), "");
  EXPECT_EQ(mode_of(dir / "a/b"), 0700U);
  EXPECT_EQ(content(state, Record::NODE_KEY), "(none)");
  ASSERT_EQ(state.store(Record::NODE_KEY, as_bytes("first")), "");
  ASSERT_EQ(state.store(Record::NODE_KEY, as_bytes("second")), "");
  ASSERT_EQ(state.store(Record::SELF, ByteView()), "");
  EXPECT_EQ(mode_of(dir / "a/b/node-key"), 0600U);
  EXPECT_EQ(content(state, Record::NODE_KEY), "second");
  EXPECT_EQ(content(state, Record::SELF), "");
  ASSERT_EQ(state.erase(Record::NODE_KEY), "");
  ASSERT_EQ(state.erase(Record::NODE_KEY), "");
  EXPECT_EQ(content(state, Record::NODE_KEY), "(none)");
}

TEST(StateDir, lets_one_process_in) {
  TemporaryDir dir;
  StateDir first;
  StateDir second;
  ASSERT_EQ(first.open(dir / "s", Lock::EXCLUSIVE), "");
  EXPECT_NE(second.open(dir / "s", Lock::EXCLUSIVE).find("in use by another process"), std::string::npos);
  EXPECT_FALSE(second.is_open());
  EXPECT_EQ(second.open(dir / "s", Lock::NONE), "");
  first.close();
  EXPECT_EQ(second.open(dir / "s", Lock::EXCLUSIVE), "");
}

TEST(StateDir, refuses_a_secret_that_others_can_read) {
  TemporaryDir dir;
  StateDir state;
  ASSERT_EQ(state.open(dir / "s", Lock::EXCLUSIVE), "");
  for (const mode_t mode : {0640U, 0604U, 0620U, 0666U}) {
    ASSERT_EQ(state.store(Record::MACHINE_KEY, as_bytes("secret")), "");
    ASSERT_EQ(::chmod((dir / "s/machine-key").c_str(), mode), 0);
    std::optional<std::vector<uint8_t>> bytes;
    const std::string problem = state.load(Record::MACHINE_KEY, bytes);
    EXPECT_NE(problem.find("chmod 600"), std::string::npos) << mode;
    EXPECT_EQ(problem.find('\n'), std::string::npos);
    EXPECT_FALSE(bytes);
  }
  ASSERT_EQ(state.store(Record::CONTROL_KEY, as_bytes("public")), "");
  ASSERT_EQ(::chmod((dir / "s/control-key").c_str(), 0644), 0);
  EXPECT_EQ(content(state, Record::CONTROL_KEY), "public");
}

TEST(StateDir, refuses_a_directory_that_others_may_write) {
  TemporaryDir dir;
  ASSERT_EQ(::mkdir((dir / "s").c_str(), 0700), 0);
  ASSERT_EQ(::chmod((dir / "s").c_str(), 0770), 0);
  StateDir state;
  EXPECT_NE(state.open(dir / "s", Lock::NONE).find("chmod 700"), std::string::npos);
  ASSERT_EQ(::chmod((dir / "s").c_str(), 0755), 0);
  EXPECT_EQ(state.open(dir / "s", Lock::NONE), "");
}

TEST(StateDir, refuses_what_is_no_record) {
  TemporaryDir dir;
  StateDir state;
  ASSERT_EQ(state.open(dir / "s", Lock::NONE), "");
  std::optional<std::vector<uint8_t>> bytes;
  ASSERT_EQ(::mkfifo((dir / "s/clock").c_str(), 0600), 0);
  EXPECT_NE(state.load(Record::CLOCK, bytes), "");
  ASSERT_EQ(::symlink("/etc/passwd", (dir / "s/self").c_str()), 0);
  EXPECT_NE(state.load(Record::SELF, bytes), "");
  std::ofstream(dir / "s/relay-cache") << std::string(StateDir::MAX_FILE_BYTES + 1, 'x');
  EXPECT_NE(state.load(Record::RELAY_CACHE, bytes), "");
  const std::string big(StateDir::MAX_FILE_BYTES + 1, 'x');
  EXPECT_NE(state.store("big", as_bytes(big)), "");
}

TEST(StateDir, says_why_a_record_cannot_be_stored) {
  TemporaryDir dir;
  StateDir state;
  ASSERT_EQ(state.open(dir / "s", Lock::NONE), "");
  ASSERT_EQ(::mkdir((dir / "s/self").c_str(), 0700), 0);  // a rename onto a directory fails
  EXPECT_NE(state.store(Record::SELF, as_bytes("x")), "");
  EXPECT_NE(state.open("/proc/nowhere/state", Lock::NONE).find("--state-dir"), std::string::npos);
}

int syncs_seen;

// Keys and the clock's reservation must be on the disk before anything relies on them; the rest would only cost time.
TEST(StateDir, waits_for_the_disk_only_with_what_cannot_be_had_again) {
  TemporaryDir dir;
  StateDir state;
  ASSERT_EQ(state.open(dir / "s", Lock::NONE), "");
  state.set_step_hook([](StateDir::Step at) { syncs_seen += at == StateDir::Step::SYNCED ? 1 : 0; });
  for (const Record record :
       {Record::MACHINE_KEY, Record::NODE_KEY, Record::PENDING_NODE_KEY, Record::CLOCK, Record::ALLOWLIST}) {
    syncs_seen = 0;
    ASSERT_EQ(state.store(record, as_bytes("x")), "");
    EXPECT_EQ(syncs_seen, 1) << record_name(record);
  }
  for (const Record record :
       {Record::CONTROL_KEY, Record::RELAY_CACHE, Record::PEER_CACHE_0, Record::PEER_CACHE_3, Record::SELF}) {
    syncs_seen = 0;
    ASSERT_EQ(state.store(record, as_bytes("x")), "");
    EXPECT_EQ(syncs_seen, 0) << record_name(record);
    EXPECT_EQ(content(state, record), "x");
  }
}

StateDir::Step step_to_die_at;

// The process dies between the steps of a store: the next one finds the old or the new bytes, and no rubbish.
TEST(StateDir, survives_a_death_at_every_step) {
  using Step = StateDir::Step;
  for (const Step step : {Step::CREATED, Step::WRITTEN, Step::SYNCED, Step::RENAMED, Step::DONE}) {
    TemporaryDir dir;
    {
      StateDir state;
      ASSERT_EQ(state.open(dir / "s", Lock::EXCLUSIVE), "");
      ASSERT_EQ(state.store(Record::NODE_KEY, as_bytes("old")), "");
    }
    step_to_die_at = step;
    const pid_t child = ::fork();
    if (child == 0) {
      StateDir state;
      (void) state.open(dir / "s", Lock::EXCLUSIVE);
      state.set_step_hook([](Step at) {
        if (at == step_to_die_at)
          ::_exit(42);
      });
      (void) state.store(Record::NODE_KEY, as_bytes("new"));
      ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(WEXITSTATUS(status), 42);
    StateDir state;
    ASSERT_EQ(state.open(dir / "s", Lock::EXCLUSIVE), "");
    EXPECT_EQ(content(state, Record::NODE_KEY), step < Step::RENAMED ? "old" : "new");
    size_t files = 0;
    for (const auto &entry : std::filesystem::directory_iterator(dir / "s"))
      files += entry.path().filename() != "lock";
    EXPECT_EQ(files, 1U) << "leftovers after step " << static_cast<int>(step);
  }
}

}  // namespace
}  // namespace microlink::posix
