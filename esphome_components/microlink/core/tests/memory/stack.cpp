// SPDX-License-Identifier: MIT
#include "tests/memory/stack.h"

#include <ucontext.h>

#include <algorithm>
#include <utility>

namespace microlink::testing {

namespace {

constexpr unsigned char PAINT = 0xA5;

const std::function<void()> *pending = nullptr;

void enter() { (*pending)(); }

ucontext_t here;
ucontext_t there;
void (*outside)(void *) = nullptr;
void *outside_argument = nullptr;

}  // namespace

PaintedStack::PaintedStack() : memory_(new unsigned char[BYTES]) { this->forget(); }

void PaintedStack::run(const std::function<void()> &call) {
  getcontext(&there);
  there.uc_stack.ss_sp = this->memory_.get();
  there.uc_stack.ss_size = BYTES;
  there.uc_link = &here;
  pending = &call;
  makecontext(&there, enter, 0);
  swapcontext(&here, &there);
  while (outside != nullptr) {
    std::exchange(outside, nullptr)(outside_argument);
    swapcontext(&here, &there);
  }
}

void PaintedStack::leave(void (*call)(void *), void *argument) {
  outside = call;
  outside_argument = argument;
  swapcontext(&there, &here);
}

size_t PaintedStack::depth() const {
  const auto *const frame = static_cast<const unsigned char *>(__builtin_frame_address(0));
  const unsigned char *const end = this->memory_.get() + BYTES;
  return frame >= this->memory_.get() && frame < end ? static_cast<size_t>(end - frame) : 0;
}

/// It grows downwards.
size_t PaintedStack::deepest() const {
  const unsigned char *const end = this->memory_.get() + BYTES;
  return static_cast<size_t>(end - std::find_if(static_cast<const unsigned char *>(this->memory_.get()), end,
                                                [](unsigned char byte) { return byte != PAINT; }));
}

void PaintedStack::forget() { std::fill_n(this->memory_.get(), BYTES, PAINT); }

}  // namespace microlink::testing
