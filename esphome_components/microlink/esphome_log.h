// SPDX-License-Identifier: MIT
#pragma once

#include "microlink/base/log.h"

namespace esphome::microlink_ {

/// The core's log as ESPHome's: tag "microlink.derp" for lines of the core's "derp", and so on. ESPHome's logger takes
/// lines from any thread; what is above the configured level is not even formatted.
class EsphomeLog final : public ::microlink::LogSink {
 public:
  bool wants(::microlink::LogLevel level) const override;
  void write(::microlink::LogLevel level, const char *tag, const char *line) override;
};

}  // namespace esphome::microlink_
