// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>

#include "microlink/port/chip/system.h"
#include "microlink/port/esp_idf/wake.h"

namespace microlink::esp_idf {

/// Host names to addresses through lwIP's resolver, which answers on its own thread. lwIP cannot be told to forget a
/// question: the object has to outlive every one that was asked.
class Names {
 public:
  explicit Names(Wake &wake) : wake_(wake) {}

  /// Exactly one answer follows. False, and none does: MAX_QUESTIONS are under way, or lwIP has no memory for one more.
  bool ask(uint32_t token, std::string_view host);
  std::optional<chip::Answer> take();

  /// As many as lwIP's own table has (DNS_TABLE_SIZE): it refuses the fifth name.
  static constexpr size_t MAX_QUESTIONS = 4;

 private:
  /// FREE and DONE: the node's task owns the slot. ASKED: lwIP's thread does.
  enum class State : uint8_t { FREE, ASKED, DONE };
  struct Question {
    std::atomic<State> state{State::FREE};
    Names *names{nullptr};
    uint32_t token{0};
    IpAddress found{};  ///< lwIP finds one at most
    FixedString<MAX_HOST_BYTES> host{};
  };
  static void start_(void *question);
  static void found_(const char *name, const ip_addr_t *address, void *question);

  Wake &wake_;
  std::array<Question, MAX_QUESTIONS> questions_;
};

}  // namespace microlink::esp_idf
