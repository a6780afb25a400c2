// SPDX-License-Identifier: MIT
#pragma once

#include <freertos/FreeRTOS.h>
#include <freertos/semphr.h>
#include <freertos/task.h>

#include <atomic>
#include <optional>

#include "microlink/port/chip/node.h"
#include "microlink/port/chip/stack.h"
#include "microlink/port/esp_idf/idf_system.h"
#include "microlink/tls/heap.h"

namespace microlink::esp_idf {

/// A node on a FreeRTOS task of its own. The owner talks to it through a mailbox and never waits for it, except in
/// stop().
///
/// The task has the priority of ESPHome's main loop, and FreeRTOS gives each of equals one tick in turn: however long a
/// handshake computes, the main loop waits a millisecond or two. It runs on whichever core is free.
class Background {
 public:
  Background() = default;
  ~Background() { this->stop(); }
  Background(const Background &) = delete;
  Background &operator=(const Background &) = delete;

  struct Options {
    /// The owner's, which must outlive the run. It is told here what the firmware's lwIP cannot do.
    Config *config{nullptr};
    chip::Node::Options node;  ///< without a config
    /// Take the node's memory from PSRAM when there is some. The task's stack stays in internal memory, since the flash
    /// is written from it.
    bool use_psram{false};
  };
  /// Once, before start() and before anything uses a radio, the ADC or I2S: see Entropy. Without it no node comes up.
  void gather_entropy() { this->system_.entropy().gather(); }
  /// Empty, or one line that says what is wrong. `log` is called on the new task, may be null, and must live until
  /// stop() returned.
  const char *start(const Options &options, std::string_view auth_key, LogSink *log);
  /// Take the node down in good order and end the task: chip::Node::STOP_TIME and a moment at most. May be repeated.
  void stop();
  bool running() const { return this->node_ != nullptr; }

  /// False when it does not run or too many commands wait.
  bool post(const chip::Command &command) { return this->running() && this->node_->post(command); }
  /// False when it does not run, or the list makes no sense.
  bool post_allowed_peers(std::string_view list) { return this->running() && this->node_->post_allowed_peers(list); }
  /// The latest snapshot when there is a new one.
  bool take_snapshot(chip::Snapshot &out) { return this->running() && this->node_->take_snapshot(out); }
  /// See Client::set_quiet(): for an update of the firmware.
  void set_quiet(bool quiet) {
    if (this->running())
      this->node_->set_quiet(quiet);
  }
  /// Bytes of the stack that were never used so far.
  size_t stack_left() const;
  /// For a person with a board: what is left of the stack and of internal memory, and what the last TLS handshake took.
  FixedString<240> memory_text() const;

  static constexpr UBaseType_t PRIORITY = 1;
  /// So long may the task compute on end before it lets go of the processor for one tick, for tasks below it.
  static constexpr Duration MAX_BUSY_TIME = milliseconds(20);

 private:
  static void run_(void *self);
  void note_handshake_();

  IdfSystem system_;
  chip::Node *node_{nullptr};
  void (*free_)(void *){nullptr};
  TaskHandle_t task_{nullptr};
  std::optional<tls::HeapWatch> heap_watch_;                     ///< the node's task looks
  std::atomic<uint32_t> handshake_most_{0}, handshake_kept_{0};  ///< of the last TLS handshake, see tls::HandshakeUse
  StaticSemaphore_t ended_memory_{};
  SemaphoreHandle_t ended_{nullptr};
};

}  // namespace microlink::esp_idf
