// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/log.h"

namespace microlink::tools {

/// Log lines on standard error: time (UTC), level, tag, message.
class LogStderr final : public LogSink {
 public:
  explicit LogStderr(LogLevel most) : most_(most) {}
  bool wants(LogLevel level) const override { return level <= this->most_; }
  void write(LogLevel level, const char *tag, const char *line) override;

 private:
  LogLevel most_;
};

}  // namespace microlink::tools
