/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's side of the negotiation; client.c and list.c use it. */
#ifndef NBD_HANDSHAKE_H
#define NBD_HANDSHAKE_H
#include "nbd/client.h"
#include "nbd/conn.h"

struct nbd_negotiated {
	struct nbd_export_info info;
	uint32_t context_id[2]; /* base:allocation, the further context */
	bool no_zeroes, fixed, oldstyle;
	char *canonical, *description; /* NBD_INFO_NAME, NBD_INFO_DESCRIPTION; malloc'ed or NULL */
};

int nbd_connect(const struct nbd_target *t, struct err *e); /* a connected fd or -errno */
/* Greeting, client flags, TLS, structured replies: up to where an export is named. */
int nbd_hello(struct nbd_conn *c, const struct nbd_target *t, struct nbd_negotiated *n, struct err *e);
/* Contexts and GO (or EXPORT_NAME for servers without it): the connection is in transmission afterwards. */
int nbd_enter(struct nbd_conn *c, const struct nbd_target *t, struct nbd_negotiated *n, struct err *e);
/* INFO for one name; *n gets the answer. */
int nbd_ask_info(struct nbd_conn *c, const char *name, struct nbd_negotiated *n, struct err *e);
/* Sends an option; data in at most two parts. */
int nbd_send_option(struct nbd_conn *c, uint32_t option, const void *data, uint32_t size);

struct nbd_reply {
	uint32_t type, length;
};
/* Reads the header of a reply to `option` and checks it. */
int nbd_read_reply(struct nbd_conn *c, uint32_t option, struct nbd_reply *r, struct err *e);
/* Takes the rest of an error reply and makes the sentence: "server refused WHAT: REASON". */
int nbd_refused(struct nbd_conn *c, const struct nbd_reply *r, const char *what, struct err *e);
const char *nbd_errno_text(uint32_t reply_type);
#endif
