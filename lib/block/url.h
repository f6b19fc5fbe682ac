/* SPDX-License-Identifier: GPL-2.0-or-later */
/* URLs of remote images: SCHEME://[USER[:PASSWORD]@]HOST[:PORT]/PATH[?NAME=VALUE[&...]] (RFC 3986). */
#ifndef BLOCK_URL_H
#define BLOCK_URL_H
#include <stddef.h>
#include "base/err.h"

struct blk_url {
	char *scheme, *user, *password, *host, *port, *path; /* decoded; user ... port are NULL where they are missing */
	struct { char *name, *value; } query[16];            /* decoded, in the URL's order */
	unsigned queries;
};

/* In iSCSI URLs '%' parts user and password. The path keeps its first '/'. Errors name the URL; *u is to be freed after success only. */
int blk_url_parse(const char *text, char password_mark, struct blk_url *u, struct err *e);
void blk_url_free(struct blk_url *u);

/* %XX to bytes in `n` bytes of text; %00 and malformed ones are refused with NULL. New string. */
char *blk_url_unescape(const char *text, size_t n);
#endif
