// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "microlink/port/posix/fd.h"
#include "microlink/ports.h"

namespace microlink::posix {

/// The directory that holds a node's identity: one file for each Record, each stored atomically.
///
/// A file is written under a temporary name, synced, renamed over the old one, and the directory is synced: after a
/// power cut either the old or the new bytes are there. Records that only make the next start quicker are not synced (a
/// sync takes milliseconds, and the node waits meanwhile): they may be gone then, or empty, which is as good. Functions
/// return an empty string, or one line that says what is wrong and what to do.
class StateDir {
 public:
  enum class Lock : uint8_t { NONE, EXCLUSIVE };
  enum class Sync : uint8_t { NO, YES };
  /// The moments of a store() between which the power may fail; a test ends the process there.
  enum class Step : uint8_t { CREATED, WRITTEN, SYNCED, RENAMED, DONE };
  using StepHook = void (*)(Step step);

  /// Create (mode 0700, missing parents too) or open `path`; EXCLUSIVE keeps a second process out until this object
  /// goes. Refuses a directory that others may write to. What an interrupted store() left behind is removed.
  std::string open(const std::string &path, Lock lock);
  void close();
  bool is_open() const { return this->dir_.valid(); }
  const std::string &path() const { return this->path_; }

  /// Mode 0600. At most MAX_FILE_BYTES.
  std::string store(const char *name, ByteView bytes, Sync sync = Sync::YES);
  /// Nothing (and no error) when there is no such file. A secret that others can read is refused.
  std::string load(const char *name, bool secret, std::optional<std::vector<uint8_t>> &out) const;
  std::string erase(const char *name);

  std::string store(Record record, ByteView bytes) { return this->store(record_name(record), bytes, sync_of(record)); }
  std::string load(Record record, std::optional<std::vector<uint8_t>> &out) const {
    return this->load(record_name(record), is_secret(record), out);
  }
  std::string erase(Record record) { return this->erase(record_name(record)); }

  void set_step_hook(StepHook hook) { this->step_hook_ = hook; }

  /// NO for what control or the relay tells again.
  static Sync sync_of(Record record);

  static constexpr size_t MAX_FILE_BYTES = 4096;

 private:
  std::string check_directory_() const;
  std::string lock_();
  void remove_leftovers_() const;
  std::string failed_(const char *doing, const char *name) const;
  void step_(Step step) const;

  std::string path_;
  Fd dir_;
  Fd lock_fd_;
  StepHook step_hook_{nullptr};
};

}  // namespace microlink::posix
