/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User networking: what its files share. user.c: libslirp and the loop; user-options.c: the option string; user-forward.c: forwarded ports. */
#ifndef EMU_NET_USER_H
#define EMU_NET_USER_H
#include "net.h"
#ifdef HAVE_SLIRP
#include <netinet/in.h>
#include <slirp/libslirp.h>

struct user_options {
	bool ipv4, ipv6, restricted;
	struct in_addr net, mask, host, dhcp, dns, smb_server;
	struct in6_addr net6, host6, dns6;
	int prefix6;
	const char *hostname, *tftp, *tftp_name, *bootfile, *domain, *smb; /* in the option list */
	const char **search;                                             /* NULL-terminated, malloc'ed */
};
/* Pointers stay the option list's. */
int user_options(const struct keyval *kv, struct user_options *o, struct err *e);
void user_options_free(struct user_options *o);

struct forward {
	bool udp;
	struct sockaddr_storage host, guest;
	socklen_t size; /* of both: their family is one */
	struct forward *next;
};

struct user {
	struct port port; /* first */
	Slirp *slirp;
	struct user_options options;
	char *strings[6];       /* copies of what libslirp may point at */
	int epoll;
	struct loop_fd *watch;
	struct poll_entry *poll, *former; /* what libslirp waits for: now, and in the turn before */
	unsigned polls, formers, room;
	struct fd_state *fd;    /* by number */
	unsigned fds, turn;
	struct forward *forwards;
};
struct user *user_of(struct port *p); /* NULL: another kind */

/* "[tcp|udp]:[ADDR]:PORT-[ADDR]:PORT". */
int user_forward_add(struct user *u, const char *rule, struct err *e);
int user_forward_remove(struct user *u, const char *rule, struct err *e);
void user_forwards_free(struct user *u);
void user_forward_text(const struct forward *f, char *buf, size_t size);
/* "[tcp]:SERVER:PORT-DEV" */
int user_guest_forward(struct user *u, const char *rule, struct err *e);
int user_smb(struct user *u, struct err *e);
#endif
#endif
