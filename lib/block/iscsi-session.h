/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An iSCSI session (RFC 7143) and SCSI commands on it, through libiscsi; every wait has an end. */
#ifndef BLOCK_ISCSI_SESSION_H
#define BLOCK_ISCSI_SESSION_H
#ifdef HAVE_ISCSI
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct iscsi_session;

struct iscsi_target {
	const char *host, *port, *name, *user, *password, *initiator, *digest; /* user ... digest may be NULL; not the initiator */
	unsigned lun, timeout; /* seconds; 0: none */
};

int iscsi_session_open(const struct iscsi_target *t, struct iscsi_session **s, struct err *e);
void iscsi_session_close(struct iscsi_session *s); /* NULL is allowed */

struct iscsi_command {
	uint8_t cdb[16];
	unsigned cdb_size;
	void *in;         /* data from the target */
	const void *out;  /* data to the target */
	size_t length;    /* bytes of either */
	size_t got;       /* bytes that came */
};

/*
 * Carries a command out; tried again on a unit attention and while the target is busy. Any thread.
 * -ENODEV: no such LUN, -ENOTSUP: no such command, -EACCES: write-protected, -ENOSPC, -EBUSY, -ETIMEDOUT, -EIO ...
 */
int iscsi_session_run(struct iscsi_session *s, struct iscsi_command *c);
/* The same for another LUN. */
int iscsi_session_run_lun(struct iscsi_session *s, unsigned lun, struct iscsi_command *c);
#endif
#endif
