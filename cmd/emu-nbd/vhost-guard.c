/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A front end may cut the file that it shares while it is mapped here, and the next touch of what is gone is a SIGBUS. The handler puts empty memory in
 * the mapping's place, so that whoever touched it goes on (with zeros, which are as good as any other lie of a front end), and ends the connection.
 * System calls that are given such memory return EFAULT by themselves.
 *
 * A signal has no other place than a global to find its ranges in. Entries are added before their memory is used and taken away after its last use.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include "vhost.h"

#define RANGES (VHU_REGIONS + 2)

static struct range {
	uintptr_t start, size; /* size 0: free */
	int sock;
} ranges[RANGES];

static void on_bus_error(int sig, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;
	int saved = errno;

	(void)context;
	for (unsigned i = 0; i < RANGES; i++) {
		uintptr_t start = __atomic_load_n(&ranges[i].start, __ATOMIC_ACQUIRE), size = __atomic_load_n(&ranges[i].size, __ATOMIC_ACQUIRE);
		if (!size || at < start || at - start >= size)
			continue;
		if (mmap((void *)start, size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
			break;
		shutdown(ranges[i].sock, SHUT_RDWR);
		errno = saved;
		return;
	}
	/* Something else: the default end, at the same instruction. */
	signal(sig, SIG_DFL);
}

void vhost_guard_start(void)
{
	struct sigaction a = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};

	sigemptyset(&a.sa_mask);
	sigaction(SIGBUS, &a, NULL);
}

void vhost_guard_add(void *start, size_t size, int sock)
{
	for (unsigned i = 0; i < RANGES; i++)
		if (!ranges[i].size) {
			ranges[i].sock = sock;
			__atomic_store_n(&ranges[i].start, (uintptr_t)start, __ATOMIC_RELEASE);
			__atomic_store_n(&ranges[i].size, size, __ATOMIC_RELEASE);
			return;
		}
}

void vhost_guard_remove(void *start)
{
	for (unsigned i = 0; i < RANGES; i++)
		if (ranges[i].size && ranges[i].start == (uintptr_t)start)
			__atomic_store_n(&ranges[i].size, 0, __ATOMIC_RELEASE);
}
