// SPDX-License-Identifier: MIT
#include "microlink/base/log.h"

#include <cstdarg>
#include <cstdio>

namespace microlink {

void Log::write_(LogLevel level, const char *format, __builtin_va_list args) const {
  if (!this->wants(level))
    return;
  char line[200];
  std::vsnprintf(line, sizeof(line), format, args);
  this->sink_->write(level, this->tag_, line);
}

void Log::error(const char *format, ...) const {
  va_list args;
  va_start(args, format);
  this->write_(LogLevel::ERROR, format, args);
  va_end(args);
}

void Log::warning(const char *format, ...) const {
  va_list args;
  va_start(args, format);
  this->write_(LogLevel::WARNING, format, args);
  va_end(args);
}

void Log::info(const char *format, ...) const {
  va_list args;
  va_start(args, format);
  this->write_(LogLevel::INFO, format, args);
  va_end(args);
}

void Log::debug(const char *format, ...) const {
  va_list args;
  va_start(args, format);
  this->write_(LogLevel::DEBUG, format, args);
  va_end(args);
}

void Log::trace(const char *format, ...) const {
  va_list args;
  va_start(args, format);
  this->write_(LogLevel::TRACE, format, args);
  va_end(args);
}

}  // namespace microlink
