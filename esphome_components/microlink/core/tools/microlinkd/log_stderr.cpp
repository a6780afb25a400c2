// SPDX-License-Identifier: MIT
#include "microlinkd/log_stderr.h"

#include <cstdio>
#include <ctime>
#include <string>

namespace microlink::tools {

namespace {

const char *level_name(LogLevel level) {
  switch (level) {
    case LogLevel::ERROR:
      return "error";
    case LogLevel::WARNING:
      return "warning";
    case LogLevel::INFO:
      return "info";
    case LogLevel::DEBUG:
      return "debug";
    case LogLevel::TRACE:
      return "trace";
  }
  return "?";
}

}  // namespace

void LogStderr::write(LogLevel level, const char *tag, const char *line) {
  if (!this->wants(level))
    return;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
  std::string shown(line);
  for (char &c : shown) {
    if (static_cast<unsigned char>(c) < ' ')  // text of other machines must not steer the terminal
      c = '?';
  }
  std::fprintf(stderr, "%s.%03dZ %-7s %s: %s\n", text, static_cast<int>(now.tv_nsec / 1'000'000), level_name(level),
               tag, shown.c_str());
}

}  // namespace microlink::tools
