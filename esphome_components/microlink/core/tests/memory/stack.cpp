// SPDX-License-Identifier: MIT
#include "tests/memory/stack.h"

#include <ucontext.h>

#include <algorithm>

namespace microlink::testing {

namespace {

constexpr unsigned char PAINT = 0xA5;

const std::function<void()> *pending = nullptr;

void enter() { (*pending)(); }

}  // namespace

PaintedStack::PaintedStack() : memory_(new unsigned char[BYTES]) { this->forget(); }

void PaintedStack::run(const std::function<void()> &call) {
  ucontext_t here;
  ucontext_t there;
  getcontext(&there);
  there.uc_stack.ss_sp = this->memory_.get();
  there.uc_stack.ss_size = BYTES;
  there.uc_link = &here;
  pending = &call;
  makecontext(&there, enter, 0);
  swapcontext(&here, &there);
}

/// It grows downwards.
size_t PaintedStack::deepest() const {
  const unsigned char *const end = this->memory_.get() + BYTES;
  return static_cast<size_t>(end - std::find_if(static_cast<const unsigned char *>(this->memory_.get()), end,
                                                [](unsigned char byte) { return byte != PAINT; }));
}

void PaintedStack::forget() { std::fill_n(this->memory_.get(), BYTES, PAINT); }

}  // namespace microlink::testing
