// SPDX-License-Identifier: MIT
#include <cstdio>

#include "microlink/version.h"
#include "microlinkd/command_line.h"
#include "microlinkd/daemon.h"
#include "microlinkd/replay_command.h"

namespace microlink::tools {

namespace {

int run(int argc, char **argv) {
  const Options options = parse_options({argv + 1, static_cast<size_t>(argc > 0 ? argc - 1 : 0)});
  if (!options.problem.empty()) {
    std::fprintf(stderr, "microlinkd: %s\n", options.problem.c_str());
    return static_cast<int>(ExitCode::USAGE);
  }
  switch (options.verb) {
    case Verb::HELP:
      std::fputs(usage(), stdout);
      return 0;
    case Verb::VERSION:
      std::printf("microlinkd %s\n", VERSION);
      return 0;
    case Verb::RUN:
      return static_cast<int>(run_daemon(options, posix::make_client));
    case Verb::REPLAY:
      return static_cast<int>(run_replay(options, posix::make_client));
    default:
      return static_cast<int>(run_command(options));
  }
}

}  // namespace

}  // namespace microlink::tools

int main(int argc, char **argv) { return microlink::tools::run(argc, argv); }
