/* SPDX-License-Identifier: MIT */
#ifndef MICROLINK_BENCH_LWIP_SYS_ARCH_H
#define MICROLINK_BENCH_LWIP_SYS_ARCH_H

/* A system with one thread: nobody waits for a lock, and lwIP's mailbox is read by whoever writes it (system.cpp). */
typedef int sys_prot_t;
typedef int sys_sem_t;
typedef int sys_mutex_t;
typedef int sys_mbox_t;
typedef int sys_thread_t;

#define sys_sem_valid(sem) (*(sem) != 0)
#define sys_sem_set_invalid(sem) (*(sem) = 0)
#define sys_mutex_valid(mutex) (*(mutex) != 0)
#define sys_mutex_set_invalid(mutex) (*(mutex) = 0)
#define sys_mbox_valid(mbox) (*(mbox) != 0)
#define sys_mbox_set_invalid(mbox) (*(mbox) = 0)

#endif
