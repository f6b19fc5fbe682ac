/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Masks and timeouts, for every call that waits. */
#ifndef LINUX_POLL_H
#define LINUX_POLL_H
#include <time.h>
#include "linux.h"

/* size: the guest's sigsetsize argument. 0, -EINVAL, -EFAULT. */
int sigset_read(struct thread *t, uint64_t *mask, uint64_t addr, uint64_t size);
/* id: ST_timespec or ST_timespec64. 0, -EFAULT, -EINVAL for values that no timeout may have. */
int timeout_read(struct thread *t, struct timespec *ts, uint64_t addr, enum struct_id id);
/* struct sigevent: the value keeps the guest's address of a thread function as a number. 0 or -errno. */
int sigevent_read(struct thread *t, void *host, uint64_t addr);
#endif
