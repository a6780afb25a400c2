// SPDX-License-Identifier: MIT
#include "esphome_log.h"

#include <cstring>

#include "esphome/core/log.h"

namespace esphome::microlink_ {

namespace {

struct Level {
  ::microlink::LogLevel core;
  int esphome;
};
constexpr Level LEVELS[] = {
    {::microlink::LogLevel::ERROR, ESPHOME_LOG_LEVEL_ERROR},   {::microlink::LogLevel::WARNING, ESPHOME_LOG_LEVEL_WARN},
    {::microlink::LogLevel::INFO, ESPHOME_LOG_LEVEL_INFO},     {::microlink::LogLevel::DEBUG, ESPHOME_LOG_LEVEL_DEBUG},
    {::microlink::LogLevel::TRACE, ESPHOME_LOG_LEVEL_VERBOSE},
};

int esphome_level(::microlink::LogLevel core) {
  for (const Level &level : LEVELS) {
    if (level.core == core)
      return level.esphome;
  }
  return ESPHOME_LOG_LEVEL_NONE;
}

// The logger keeps the pointer of a tag, not its text: whole tags must stay where they are.
constexpr char PREFIX[] = "microlink.";
constexpr const char *TAGS[] = {"microlink.client", "microlink.control", "microlink.derp",
                                "microlink.node",   "microlink.port",    "microlink.recorder"};

const char *esphome_tag(const char *core) {
  for (const char *tag : TAGS) {
    if (std::strcmp(tag + sizeof(PREFIX) - 1, core) == 0)
      return tag;
  }
  return "microlink";
}

}  // namespace

bool EsphomeLog::wants(::microlink::LogLevel level) const { return esphome_level(level) <= ESPHOME_LOG_LEVEL; }

void EsphomeLog::write(::microlink::LogLevel level, const char *tag, const char *line) {
  if (this->wants(level))
    esp_log_printf_(esphome_level(level), esphome_tag(tag), __LINE__, "%s", line);
}

}  // namespace esphome::microlink_
