// SPDX-License-Identifier: MIT
#ifdef ESP_PLATFORM
#include "microlink/port/esp_idf/background.h"

#include <esp_heap_caps.h>
#include <sdkconfig.h>

#include <cstdio>
#include <cstdlib>
#include <new>

#include "microlink/port/esp_idf/heap.h"

namespace microlink::esp_idf {

namespace {

#ifdef CONFIG_SPIRAM
void *take_psram(size_t size) { return heap_caps_malloc_prefer(size, 2, MALLOC_CAP_SPIRAM, MALLOC_CAP_DEFAULT); }
#endif

}  // namespace

const char *Background::start(const Options &options, std::string_view auth_key, LogSink *log) {
  this->stop();
  if (const char *problem = this->system_.open(); *problem != '\0')
    return problem;
  chip::Node::Options node = options.node;
  options.config->overlay_ipv6 = options.config->overlay_ipv6 && lwip::TcpipOverlay::TAKES_IPV6;
  node.config = options.config;
  if (const tls::Heap *heap = tls_heap())
    node.trust.heap = &this->heap_watch_.emplace(*heap);
#ifdef CONFIG_SPIRAM
  if (options.use_psram)
    node.memory = {take_psram, heap_caps_free};
#endif
  void *memory = node.memory.take(sizeof(chip::Node));
  if (memory == nullptr)
    return "not enough memory for a node: allow fewer peers (max_peers)";
  this->free_ = node.memory.give;
  this->node_ = new (memory) chip::Node(node, this->system_, log);
  if (!auth_key.empty())
    (void) this->node_->post({.kind = chip::Command::Kind::SET_AUTH_KEY, .text = auth_key});
  (void) this->node_->post({.kind = chip::Command::Kind::UP});
  this->ended_ = xSemaphoreCreateBinaryStatic(&this->ended_memory_);
  if (xTaskCreate(run_, "microlink", chip::STACK_BYTES, this, PRIORITY, &this->task_) == pdPASS)
    return "";
  this->node_->~Node();
  this->free_(this->node_);
  this->node_ = nullptr;
  this->system_.close();
  return "not enough memory for the node's task";
}

void Background::run_(void *self) {
  auto &background = *static_cast<Background *>(self);
  chip::Node &node = *background.node_;
  Instant rested_at = background.system_.now();
  while (!node.finished()) {
    const Duration waited = node.turn(Instant::NEVER);
    background.note_handshake_();
    const Instant now = background.system_.now();
    if (waited >= milliseconds(1)) {
      rested_at = now;
    } else if (now - rested_at >= MAX_BUSY_TIME) {
      vTaskDelay(1);
      rested_at = background.system_.now();
    }
  }
  (void) xSemaphoreGive(background.ended_);
  vTaskDelete(nullptr);
}

void Background::stop() {
  if (!this->running())
    return;
  while (!this->node_->post({.kind = chip::Command::Kind::STOP}))
    vTaskDelay(1);                                     // full: the task is about to empty it
  (void) xSemaphoreTake(this->ended_, portMAX_DELAY);  // within Node::STOP_TIME
  this->task_ = nullptr;
  this->node_->~Node();
  this->free_(this->node_);
  this->node_ = nullptr;
  this->system_.close();
}

void Background::note_handshake_() {
  const tls::HandshakeUse use = this->heap_watch_ ? this->heap_watch_->last_handshake() : tls::HandshakeUse{};
  this->handshake_most_.store(static_cast<uint32_t>(use.most), std::memory_order_relaxed);
  this->handshake_kept_.store(static_cast<uint32_t>(use.at_the_end), std::memory_order_relaxed);
}

FixedString<240> Background::memory_text() const {
  const auto number = [](size_t value) { return static_cast<unsigned>(value); };
  const InternalMemory memory = internal_memory();
  char text[240];
  (void) std::snprintf(text, sizeof(text),
                       "%u of %u bytes of the task's stack never used; %u bytes of internal memory free (%u in one "
                       "piece), never less than %u; last TLS handshake: %u bytes at most, %u at its end",
                       number(this->stack_left()), number(chip::STACK_BYTES), number(memory.free),
                       number(memory.largest), number(memory.least),
                       number(this->handshake_most_.load(std::memory_order_relaxed)),
                       number(this->handshake_kept_.load(std::memory_order_relaxed)));
  return std::string_view(text);
}

size_t Background::stack_left() const {
  return this->task_ == nullptr ? 0 : uxTaskGetStackHighWaterMark(this->task_) * sizeof(StackType_t);
}

}  // namespace microlink::esp_idf
#endif  // ESP_PLATFORM
