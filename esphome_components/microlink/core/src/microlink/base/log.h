// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace microlink {

enum class LogLevel : uint8_t { ERROR, WARNING, INFO, DEBUG, TRACE };

/// Where log lines go; the port implements it. Lines never hold keys, auth keys, cookies or payload: keys appear in
/// their short form only.
class LogSink {
 public:
  virtual ~LogSink() = default;
  /// Whether a line of this level would be shown; callers may skip costly formatting.
  virtual bool wants(LogLevel level) const = 0;
  /// One line without a newline, e.g. tag "derp". Valid during the call.
  virtual void write(LogLevel level, const char *tag, const char *line) = 0;
};

/// A module's way to its LogSink: formats into a buffer on the stack, no heap. Lines are cut at 200 bytes.
class Log {
 public:
  Log(LogSink *sink, const char *tag) : sink_(sink), tag_(tag) {}

  bool wants(LogLevel level) const { return this->sink_ != nullptr && this->sink_->wants(level); }
  void error(const char *format, ...) const __attribute__((format(printf, 2, 3)));
  void warning(const char *format, ...) const __attribute__((format(printf, 2, 3)));
  void info(const char *format, ...) const __attribute__((format(printf, 2, 3)));
  void debug(const char *format, ...) const __attribute__((format(printf, 2, 3)));
  void trace(const char *format, ...) const __attribute__((format(printf, 2, 3)));

 private:
  void write_(LogLevel level, const char *format, __builtin_va_list args) const;

  LogSink *sink_;
  const char *tag_;
};

}  // namespace microlink
