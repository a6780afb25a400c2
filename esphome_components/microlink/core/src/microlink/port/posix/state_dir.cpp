// SPDX-License-Identifier: MIT
#ifdef __linux__
#include "microlink/port/posix/state_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace microlink::posix {

namespace {

constexpr char LOCK_NAME[] = "lock";
constexpr std::string_view TEMPORARY_SUFFIX = ".tmp";

std::string temporary_name(const char *name) { return std::string(".") + name + std::string(TEMPORARY_SUFFIX); }

bool is_temporary(std::string_view name) {
  return name.size() > TEMPORARY_SUFFIX.size() + 1 && name.front() == '.' && name.ends_with(TEMPORARY_SUFFIX);
}

bool write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return true;
}

std::string octal(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof(text), "%04o", static_cast<unsigned>(mode & 07777U));
  return text;
}

}  // namespace

std::string StateDir::open(const std::string &path, Lock lock) {
  this->close();
  this->path_ = path;
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    ::mkdir(path.substr(0, slash).c_str(), 0700);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return "cannot create the state directory " + path + ": " + std::strerror(errno) +
           "; choose another with --state-dir";
  this->dir_.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!this->dir_.valid())
    return "cannot open the state directory " + path + ": " + std::strerror(errno) +
           "; choose another with --state-dir";
  std::string problem = this->check_directory_();
  if (problem.empty() && lock == Lock::EXCLUSIVE)
    problem = this->lock_();
  if (!problem.empty()) {
    this->close();
    return problem;
  }
  this->remove_leftovers_();
  return {};
}

void StateDir::close() {
  this->lock_fd_.reset();
  this->dir_.reset();
}

std::string StateDir::check_directory_() const {
  struct stat about{};
  if (::fstat(this->dir_.get(), &about) != 0)
    return this->failed_("look at", ".");
  if (about.st_uid != ::geteuid() && ::geteuid() != 0)
    return "the state directory " + this->path_ + " belongs to another user; choose another with --state-dir";
  if ((about.st_mode & 022U) != 0)
    return "the state directory " + this->path_ + " may be written by others (mode " + octal(about.st_mode) +
           "); run: chmod 700 " + this->path_;
  return {};
}

std::string StateDir::lock_() {
  this->lock_fd_.reset(::openat(this->dir_.get(), LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!this->lock_fd_.valid())
    return this->failed_("create", LOCK_NAME);
  if (::flock(this->lock_fd_.get(), LOCK_EX | LOCK_NB) == 0)
    return {};
  if (errno == EWOULDBLOCK)
    return "the state directory " + this->path_ +
           " is in use by another process; stop that one or choose another with "
           "--state-dir";
  return this->failed_("lock", LOCK_NAME);
}

void StateDir::remove_leftovers_() const {
  const int folder = ::openat(this->dir_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0)
    return;
  DIR *listing = ::fdopendir(folder);
  if (listing == nullptr) {
    ::close(folder);
    return;
  }
  while (const dirent *entry = ::readdir(listing)) {
    if (is_temporary(entry->d_name))
      ::unlinkat(this->dir_.get(), entry->d_name, 0);
  }
  ::closedir(listing);
}

StateDir::Sync StateDir::sync_of(Record record) { return is_for_speed(record) ? Sync::NO : Sync::YES; }

std::string StateDir::store(const char *name, ByteView bytes, Sync sync) {
  if (bytes.size() > MAX_FILE_BYTES)
    return "record " + std::string(name) + " is too big to be stored";
  const std::string temporary = temporary_name(name);
  ::unlinkat(this->dir_.get(), temporary.c_str(), 0);
  Fd file(::openat(this->dir_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid())
    return this->failed_("create", temporary.c_str());
  this->step_(Step::CREATED);
  if (!write_all(file.get(), bytes))
    return this->failed_("write", temporary.c_str());
  this->step_(Step::WRITTEN);
  if (sync == Sync::YES) {
    if (::fsync(file.get()) != 0)
      return this->failed_("sync", temporary.c_str());
    this->step_(Step::SYNCED);
  }
  if (::renameat(this->dir_.get(), temporary.c_str(), this->dir_.get(), name) != 0)
    return this->failed_("rename", temporary.c_str());
  this->step_(Step::RENAMED);
  if (sync == Sync::YES && ::fsync(this->dir_.get()) != 0)
    return this->failed_("sync", ".");
  this->step_(Step::DONE);
  return {};
}

std::string StateDir::load(const char *name, bool secret, std::optional<std::vector<uint8_t>> &out) const {
  out.reset();
  // O_NONBLOCK: a FIFO of that name must not hold the program up before the check for a regular file.
  const Fd file(::openat(this->dir_.get(), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid())
    return errno == ENOENT ? std::string() : this->failed_("open", name);
  struct stat about{};
  if (::fstat(file.get(), &about) != 0)
    return this->failed_("look at", name);
  const std::string full = this->path_ + "/" + name;
  if (!S_ISREG(about.st_mode) || about.st_size > static_cast<off_t>(MAX_FILE_BYTES))
    return full + " is not a record of this program; move it away";
  if (secret && (about.st_mode & 077U) != 0)
    return full + " holds a secret and is open to others (mode " + octal(about.st_mode) + "); run: chmod 600 " + full;
  std::vector<uint8_t> bytes(static_cast<size_t>(about.st_size));
  size_t have = 0;
  while (have != bytes.size()) {
    const ssize_t n = ::read(file.get(), bytes.data() + have, bytes.size() - have);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return this->failed_("read", name);
    if (n == 0)
      break;
    have += static_cast<size_t>(n);
  }
  bytes.resize(have);
  out = std::move(bytes);
  return {};
}

std::string StateDir::erase(const char *name) {
  if (::unlinkat(this->dir_.get(), name, 0) != 0 && errno != ENOENT)
    return this->failed_("erase", name);
  if (::fsync(this->dir_.get()) != 0)
    return this->failed_("sync", ".");
  return {};
}

std::string StateDir::failed_(const char *doing, const char *name) const {
  return std::string("cannot ") + doing + " " + this->path_ + "/" + name + ": " + std::strerror(errno);
}

void StateDir::step_(Step step) const {
  if (this->step_hook_ != nullptr)
    this->step_hook_(step);
}

}  // namespace microlink::posix
#endif  // __linux__
