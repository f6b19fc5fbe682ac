/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Least privilege: after set-up a part gives up what it does not need. The order is fixed: capabilities,
 * no_new_privs, then the system-call filter, which from then on cannot be widened.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H
#include <stdbool.h>
#include <stdbool.h>
#include "base/err.h"

enum sandbox_mode { SANDBOX_OFF, SANDBOX_ON, SANDBOX_LOG /* allows all, logs what ON would stop */ };

/* What a filter lets through. SANDBOX_BASE is always in: memory, threads, clocks, signals to itself, fds it has. */
enum sandbox_allow {
	SANDBOX_BASE = 0,
	SANDBOX_FILE = 1 << 0,    /* positioned I/O, sync, truncate, fallocate, locks on open files */
	SANDBOX_OPEN = 1 << 1,    /* open paths (openat, unlink, rename, …) */
	SANDBOX_SOCKET = 1 << 2,  /* send, receive, accept on sockets it has */
	SANDBOX_CONNECT = 1 << 3, /* make, bind and connect sockets */
	SANDBOX_SPAWN = 1 << 4,   /* fork, exec, wait */
	SANDBOX_IOCTL = 1 << 5,   /* ioctl */
	SANDBOX_URING = 1 << 6,   /* io_uring (which the filter cannot look into) */
	SANDBOX_UNLINK = 1 << 8,  /* remove names (its own socket at the end) */
	SANDBOX_CODE = 1 << 7,    /* memory that is executable (mmap and mprotect with PROT_EXEC) */
};

/* "off", "on", "log" or the empty string (on). */
int sandbox_parse(const char *text, enum sandbox_mode *mode, struct err *e);

/* Drops every capability but those named ("cap_net_admin", …; NULL-terminated, or NULL for none), in every set. */
int sandbox_drop_capabilities(const char *const *keep, struct err *e);

/*
 * Sets no_new_privs and loads the filter. A call outside it ends the process with SIGSYS (SANDBOX_ON), is logged by
 * the kernel (SANDBOX_LOG); with SANDBOX_OFF nothing happens. All threads of the process are put under the filter.
 */
int sandbox_enter(enum sandbox_mode mode, unsigned allow, struct err *e);

/*
 * Before sandbox_enter(): from now on only what lies beneath these paths can be opened; `change`: also written, made and removed. Paths that do
 * not exist are left out. Where the kernel cannot do that, and with SANDBOX_LOG (which must stop nothing), nothing happens.
 */
struct sandbox_path {
	const char *path;
	bool change;
};
int sandbox_paths(enum sandbox_mode mode, const struct sandbox_path *paths, unsigned count, struct err *e);

/* May this process make the calls of these groups? True until sandbox_enter() forbids them; a filter is the process's, so is the answer. */
bool sandbox_allows(unsigned groups);
#endif
