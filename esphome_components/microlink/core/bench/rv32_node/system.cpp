// SPDX-License-Identifier: MIT
/// What the core, mbedTLS and lwIP want of a system, for a machine without one.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "lwip/sys.h"

void *operator new(std::size_t bytes) { return std::malloc(bytes); }
void *operator new(std::size_t bytes, const std::nothrow_t & /*tag*/) noexcept { return std::malloc(bytes); }
void operator delete(void *pointer) noexcept { std::free(pointer); }
void operator delete(void *pointer, std::size_t /*bytes*/) noexcept { std::free(pointer); }
namespace std {
const nothrow_t nothrow{};
void __throw_out_of_range_fmt(const char * /*format*/, ...) { std::abort(); }
}  // namespace std

namespace {

// One message at a time: whoever posts it runs lwIP next.
void *message = nullptr;

}  // namespace

extern "C" {

void __cxa_pure_virtual() { std::abort(); }

// A chip without atomic instructions has these of ESP-IDF, which stop interrupts for them.
uint8_t __atomic_exchange_1(volatile void *at, uint8_t value, int /*order*/) {
  auto *here = static_cast<volatile uint8_t *>(at);
  const uint8_t was = *here;
  *here = value;
  return was;
}
unsigned __atomic_fetch_add_4(volatile void *at, unsigned value, int /*order*/) {
  auto *here = static_cast<volatile unsigned *>(at);
  const unsigned was = *here;
  *here = was + value;
  return was;
}
unsigned __atomic_fetch_sub_4(volatile void *at, unsigned value, int order) {
  return __atomic_fetch_add_4(at, 0 - value, order);
}

void sys_init() {}
u32_t sys_now() { return 0; }
sys_prot_t sys_arch_protect() { return 0; }
void sys_arch_unprotect(sys_prot_t /*level*/) {}
err_t sys_mutex_new(sys_mutex_t *mutex) {
  *mutex = 1;
  return ERR_OK;
}
void sys_mutex_lock(sys_mutex_t * /*mutex*/) {}
void sys_mutex_unlock(sys_mutex_t * /*mutex*/) {}
void sys_mutex_free(sys_mutex_t * /*mutex*/) {}
err_t sys_sem_new(sys_sem_t *sem, u8_t /*count*/) {
  *sem = 1;
  return ERR_OK;
}
void sys_sem_signal(sys_sem_t * /*sem*/) {}
u32_t sys_arch_sem_wait(sys_sem_t * /*sem*/, u32_t /*timeout*/) { return 0; }
void sys_sem_free(sys_sem_t * /*sem*/) {}
err_t sys_mbox_new(sys_mbox_t *mbox, int /*size*/) {
  *mbox = 1;
  return ERR_OK;
}
void sys_mbox_free(sys_mbox_t * /*mbox*/) {}
err_t sys_mbox_trypost(sys_mbox_t * /*mbox*/, void *posted) {
  if (message != nullptr)
    return ERR_MEM;
  message = posted;
  return ERR_OK;
}
err_t sys_mbox_trypost_fromisr(sys_mbox_t *mbox, void *posted) { return sys_mbox_trypost(mbox, posted); }
void sys_mbox_post(sys_mbox_t *mbox, void *posted) {
  if (sys_mbox_trypost(mbox, posted) != ERR_OK)
    std::abort();
}
u32_t sys_arch_mbox_tryfetch(sys_mbox_t * /*mbox*/, void **out) {
  if (message == nullptr)
    return SYS_MBOX_EMPTY;
  *out = message;
  message = nullptr;
  return 0;
}
u32_t sys_arch_mbox_fetch(sys_mbox_t *mbox, void **out, u32_t /*timeout*/) {
  return sys_arch_mbox_tryfetch(mbox, out) == 0 ? 0 : SYS_ARCH_TIMEOUT;
}
sys_thread_t sys_thread_new(const char * /*name*/, lwip_thread_fn /*function*/, void * /*argument*/, int /*stack*/,
                            int /*priority*/) {
  return 1;
}

}  // extern "C"
