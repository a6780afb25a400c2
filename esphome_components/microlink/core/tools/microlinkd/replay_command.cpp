// SPDX-License-Identifier: MIT
#include "microlinkd/replay_command.h"

#include <cstdio>

#include "microlink/port/posix/recording.h"
#include "microlinkd/log_stderr.h"

namespace microlink::tools {

namespace {

bool read_file(const std::string &path, std::vector<uint8_t> &out) {
  std::FILE *file = std::fopen(path.c_str(), "rb");
  if (file == nullptr)
    return false;
  uint8_t bytes[65536];
  size_t n = sizeof(bytes);
  while (n == sizeof(bytes) && out.size() <= 2 * posix::MAX_RECORDING_BYTES) {
    n = std::fread(bytes, 1, sizeof(bytes), file);
    out.insert(out.end(), bytes, bytes + n);
  }
  const bool complete = std::ferror(file) == 0;
  std::fclose(file);
  return complete;
}

ExitCode fail(ExitCode code, const std::string &problem) {
  std::fprintf(stderr, "microlinkd: %s\n", problem.c_str());
  return code;
}

}  // namespace

ExitCode run_replay(const Options &options, const posix::DrivenFactory &factory) {
  LogStderr log(options.log_level);
  std::vector<uint8_t> recording;
  if (!read_file(options.recording, recording))
    return fail(ExitCode::FAILED, "cannot read " + options.recording);
  posix::StateDir state;
  if (const std::string problem = state.open(options.state_dir, posix::StateDir::Lock::NONE); !problem.empty())
    return fail(ExitCode::STATE_DIR, problem);
  const posix::ReplayResult result = posix::replay(recording, state, factory, &log);
  if (!result.problem.empty())
    return fail(result.diverged ? ExitCode::DIVERGED : ExitCode::FAILED, result.problem);
  std::printf("the same: %llu entries, %llu actions, %lld ms, digest %016llx\n",
              static_cast<unsigned long long>(result.entries), static_cast<unsigned long long>(result.actions),
              static_cast<long long>(to_milliseconds(result.length)), static_cast<unsigned long long>(result.digest));
  return ExitCode::OK;
}

}  // namespace microlink::tools
