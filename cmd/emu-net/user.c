/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User networking: a TCP/IP stack in this process (libslirp) answers the guest and turns its connections into sockets of the host's.
 *
 * Theory of operation. libslirp wants poll(): each turn it names the sockets that it waits for. They are kept in an epoll instance of their own, in
 * which only changes are made, and whose descriptor the loop watches; so a thousand idle connections cost a walk over a list, no system call.
 *
 * Large segments. To a guest that takes them libslirp is shown a large maximum segment size (in the guest's SYN), so that it sends, computes
 * and copies tens of kilobytes at a time; each goes on as one frame with the guest's real segment size in its header. What is no TCP is
 * cut into IP fragments of the guest's MTU.
 */
#include "user.h"
#ifdef HAVE_SLIRP
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/log.h"
#include "base/sandbox.h"

#define MTU 1500
#define STACK_MTU 65521     /* libslirp's most */
#define LARGE_MSS 32480u    /* two fit in a window of 64 KiB: one is under way while the other is filled */
enum { ETH = 14, TCP_SYN = 2 };

struct poll_entry {
	int fd, events;
};
struct fd_state {
	uint32_t registered, wanted, got; /* epoll bits */
	unsigned turn;
};

/* ---- from libslirp to the network ---- */

static bool emit(void *opaque, const uint8_t *head, size_t head_size, const uint8_t *body, size_t body_size)
{
	static const struct frame_header plain;
	struct user *u = opaque;
	uint8_t fragment[MTU + 64];

	if (!body_size) {
		net_forward(&u->port, &plain, (uint8_t *)(uintptr_t)head, head_size);
		return true;
	}
	if (head_size + body_size > sizeof fragment)
		return false;
	memcpy(fragment, head, head_size);
	memcpy(fragment + head_size, body, body_size);
	net_forward(&u->port, &plain, fragment, head_size + body_size);
	return true;
}

static ssize_t send_packet(const void *packet, size_t size, void *opaque)
{
	struct user *u = opaque;
	/* It is a copy that libslirp frees when we return. */
	uint8_t *f = (uint8_t *)(uintptr_t)packet;
	struct frame_header h = {0};
	struct frame_layers l;

	if (!frame_parse(f, size, &l))
		return (ssize_t)size;
	if (l.version && !l.fragment && l.protocol == 6 && l.end - l.payload + (l.payload - l.network) > MTU) {
		uint16_t sum;
		h.flags = FRAME_NEEDS_CSUM;
		h.gso_type = l.version == 4 ? FRAME_GSO_TCPV4 : FRAME_GSO_TCPV6;
		h.gso_size = (uint16_t)(MTU - (l.payload - l.network));
		h.hdr_len = (uint16_t)l.payload;
		h.csum_start = (uint16_t)l.transport;
		h.csum_offset = 16;
		sum = (uint16_t)~frame_fold(frame_pseudo_sum(f, &l, l.end - l.transport));
		f[l.transport + 16] = (uint8_t)(sum >> 8);
		f[l.transport + 17] = (uint8_t)sum;
		net_forward(&u->port, &h, f, size);
	} else if (l.version && l.end - l.network > MTU) {
		frame_fragment(f, size, MTU, emit, u);
	} else {
		if (l.version && !l.fragment && (l.protocol == 6 || l.protocol == 17))
			h.flags = FRAME_DATA_VALID;
		net_forward(&u->port, &h, f, size);
	}
	return (ssize_t)size;
}

static void guest_error(const char *msg, void *opaque)
{
	struct user *u = opaque;

	log_printf(LOG_GUEST_ERROR, "%s: %s\n", u->port.id, msg);
}

/* ---- from the network to libslirp ---- */

/* The maximum segment size of a SYN; NULL: there is none. */
static uint8_t *find_mss(uint8_t *f, const struct frame_layers *l)
{
	uint32_t at = l->transport + 20;

	while (at < l->payload && f[at] != 0) {
		if (f[at] == 1) {
			at++;
			continue;
		}
		if (at + 1 >= l->payload || f[at + 1] < 2 || at + f[at + 1] > l->payload)
			return NULL;
		if (f[at] == 2 && f[at + 1] == 4)
			return f + at + 2;
		at += f[at + 1];
	}
	return NULL;
}

/* Can the ports around us take large frames? With one that cannot, its guest's own size must hold. */
static bool large_ones(const struct user *u)
{
	bool any = false;

	for (struct port *p = u->port.net->ports; p; p = p->next) {
		if (p == &u->port || p->down || p->dead)
			continue;
		if (!(p->offloads & FRAME_TSO4) || !(p->offloads & FRAME_TSO6))
			return false;
		any = true;
	}
	return any;
}

static bool enlarge(struct user *u, uint8_t *f, size_t size)
{
	struct frame_layers l;
	uint8_t *mss;
	uint32_t sum;

	if (!frame_parse(f, size, &l) || l.protocol != 6 || l.fragment || !(f[l.transport + 13] & TCP_SYN) || !(mss = find_mss(f, &l)))
		return false;
	(void)u;
	mss[0] = LARGE_MSS >> 8;
	mss[1] = LARGE_MSS & 0xff;
	f[l.transport + 16] = f[l.transport + 17] = 0;
	sum = frame_fold(frame_sum(f + l.transport, l.end - l.transport, frame_pseudo_sum(f, &l, l.end - l.transport)));
	f[l.transport + 16] = (uint8_t)(sum >> 8);
	f[l.transport + 17] = (uint8_t)sum;
	return true;
}

static void user_send(struct port *p, const struct frame_header *h, const uint8_t *frame, size_t size)
{
	struct user *u = (struct user *)p;
	uint8_t copy[256];

	(void)h;
	if (size <= sizeof copy && size >= ETH + 40 && large_ones(u)) {
		memcpy(copy, frame, size);
		if (enlarge(u, copy, size))
			frame = copy;
	}
	slirp_input(u->slirp, frame, (int)size);
}

/* ---- the loop ---- */

static int64_t clock_get_ns(void *opaque)
{
	(void)opaque;
	return (int64_t)loop_now();
}

struct user_timer {
	SlirpTimerCb cb;
	void *opaque;
	struct loop_timer *timer;
};

static void timer_fired(void *opaque)
{
	struct user_timer *t = opaque;

	t->cb(t->opaque);
}

static void *timer_new(SlirpTimerCb cb, void *cb_opaque, void *opaque)
{
	struct user *u = opaque;
	struct user_timer *t = calloc(1, sizeof *t);

	if (!t || !(t->timer = loop_add_timer(u->port.net->loop, timer_fired, t)))
		die(1, "out of memory");
	t->cb = cb;
	t->opaque = cb_opaque;
	return t;
}

static void timer_free(void *timer, void *opaque)
{
	struct user_timer *t = timer;

	(void)opaque;
	loop_del_timer(t->timer);
	free(t);
}

static void timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
	(void)opaque;
	loop_set_timer(((struct user_timer *)timer)->timer, expire_ms < 0 ? 0 : (uint64_t)expire_ms * 1000000);
}

static struct fd_state *fd_state(struct user *u, int fd)
{
	if ((unsigned)fd >= u->fds) {
		unsigned count = ((unsigned)fd | 63) + 1;
		struct fd_state *more = realloc(u->fd, count * sizeof *more);
		if (!more)
			die(1, "out of memory");
		memset(more + u->fds, 0, (count - u->fds) * sizeof *more);
		u->fd = more;
		u->fds = count;
	}
	return &u->fd[fd];
}

/* A descriptor that is closed leaves the epoll instance by itself; its number may come back at once. */
static void forget_fd(int fd, void *opaque)
{
	struct user *u = opaque;
	struct fd_state *s = fd_state(u, fd);

	if (s->registered)
		epoll_ctl(u->epoll, EPOLL_CTL_DEL, fd, NULL);
	*s = (struct fd_state){0};
}

static void notify(void *opaque)
{
	(void)opaque; /* nobody waits: we are in the only thread */
}

static const SlirpCb callbacks = {
	.send_packet = send_packet, .guest_error = guest_error, .clock_get_ns = clock_get_ns, .timer_new = timer_new, .timer_free = timer_free,
	.timer_mod = timer_mod, .register_poll_fd = forget_fd, .unregister_poll_fd = forget_fd, .notify = notify,
};

static const struct { int slirp; uint32_t epoll; } bits[] = {
	{SLIRP_POLL_IN, EPOLLIN}, {SLIRP_POLL_OUT, EPOLLOUT}, {SLIRP_POLL_PRI, EPOLLPRI}, {SLIRP_POLL_ERR, EPOLLERR}, {SLIRP_POLL_HUP, EPOLLHUP},
};

static int add_poll(int fd, int events, void *opaque)
{
	struct user *u = opaque;
	struct fd_state *s;

	if (u->polls == u->room) {
		unsigned more = u->room ? 2 * u->room : 64;
		struct poll_entry *a = realloc(u->poll, more * sizeof *a), *b;
		if (a)
			u->poll = a;
		b = a ? realloc(u->former, more * sizeof *b) : NULL;
		if (!b)
			die(1, "out of memory");
		u->former = b;
		u->room = more;
	}
	s = fd_state(u, fd);
	if (s->turn != u->turn) {
		s->turn = u->turn;
		s->wanted = 0;
	}
	for (unsigned i = 0; i < 3; i++)
		if (events & bits[i].slirp)
			s->wanted |= bits[i].epoll;
	u->poll[u->polls] = (struct poll_entry){fd, events};
	return (int)u->polls++;
}

static void apply(struct user *u, int fd, struct fd_state *s)
{
	struct epoll_event ev = {.events = s->wanted, .data.fd = fd};

	if (s->wanted == s->registered)
		return;
	if (epoll_ctl(u->epoll, !s->wanted ? EPOLL_CTL_DEL : s->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) == 0 || !s->wanted)
		s->registered = s->wanted;
	else if (errno == EEXIST && epoll_ctl(u->epoll, EPOLL_CTL_MOD, fd, &ev) == 0)
		s->registered = s->wanted;
	else if (errno == ENOENT && epoll_ctl(u->epoll, EPOLL_CTL_ADD, fd, &ev) == 0)
		s->registered = s->wanted;
}

static void prepare(struct port *p, int *timeout)
{
	struct user *u = (struct user *)p;
	uint32_t ms = *timeout < 0 ? UINT32_MAX : (uint32_t)*timeout;
	struct poll_entry *swap = u->former;

	u->former = u->poll;
	u->formers = u->polls;
	u->poll = swap;
	u->polls = 0;
	u->turn++;
	slirp_pollfds_fill(u->slirp, &ms, add_poll, u);
	for (unsigned i = 0; i < u->formers; i++) {
		struct fd_state *s = fd_state(u, u->former[i].fd);
		if (s->turn != u->turn && s->registered) {
			s->wanted = 0;
			apply(u, u->former[i].fd, s);
		}
	}
	for (unsigned i = 0; i < u->polls; i++)
		apply(u, u->poll[i].fd, &u->fd[u->poll[i].fd]);
	*timeout = ms > INT32_MAX ? -1 : (int)ms;
}

static int get_revents(int i, void *opaque)
{
	struct user *u = opaque;
	uint32_t got = u->fd[u->poll[i].fd].got & (u->fd[u->poll[i].fd].wanted | EPOLLERR | EPOLLHUP);
	int r = 0;

	for (unsigned b = 0; b < sizeof bits / sizeof *bits; b++)
		if (got & bits[b].epoll)
			r |= bits[b].slirp;
	return r;
}

static void finish(struct port *p)
{
	struct user *u = (struct user *)p;
	struct epoll_event ev[128];
	int n = epoll_wait(u->epoll, ev, 128, 0);

	for (int i = 0; i < n; i++)
		fd_state(u, ev[i].data.fd)->got = ev[i].events;
	slirp_pollfds_poll(u->slirp, 0, get_revents, u);
	for (int i = 0; i < n; i++)
		fd_state(u, ev[i].data.fd)->got = 0;
}

static void woken(void *opaque, unsigned events)
{
	(void)opaque, (void)events; /* finish() looks */
}

/* ---- life ---- */

static void info(struct port *p, char *buf, size_t size)
{
	struct user *u = (struct user *)p;
	char net[32], mask[32];

	inet_ntop(AF_INET, &u->options.net, net, sizeof net);
	inet_ntop(AF_INET, &u->options.mask, mask, sizeof mask);
	snprintf(buf, size, "net=%s,mask=%s,restrict=%s", net, mask, u->options.restricted ? "on" : "off");
}

static void user_free(struct port *p)
{
	struct user *u = (struct user *)p;

	if (u->slirp)
		slirp_cleanup(u->slirp);
	user_forwards_free(u);
	loop_del_fd(u->watch);
	if (u->epoll >= 0)
		close(u->epoll);
	for (unsigned i = 0; i < sizeof u->strings / sizeof *u->strings; i++)
		free(u->strings[i]);
	free(u->poll);
	free(u->former);
	free(u->fd);
	user_options_free(&u->options);
	free(u);
}

static const struct port_ops ops = {.type = "user", .send = user_send, .prepare = prepare, .finish = finish, .info = info, .free = user_free};

struct user *user_of(struct port *p)
{
	return p->ops == &ops ? (struct user *)p : NULL;
}

static const char *keep(struct user *u, unsigned i, const char *text)
{
	if (text)
		u->strings[i] = strdup(text);
	return u->strings[i];
}

static int start(struct user *u, struct err *e)
{
	struct user_options *o = &u->options;
	SlirpConfig c = {
		.version = 4, .restricted = o->restricted, .in_enabled = o->ipv4, .vnetwork = o->net, .vnetmask = o->mask, .vhost = o->host,
		.in6_enabled = o->ipv6, .vprefix_addr6 = o->net6, .vprefix_len = (uint8_t)o->prefix6, .vhost6 = o->host6,
		.vhostname = o->hostname = keep(u, 0, o->hostname), .tftp_server_name = o->tftp_name = keep(u, 1, o->tftp_name),
		.tftp_path = o->tftp = keep(u, 2, o->tftp), .bootfile = o->bootfile = keep(u, 3, o->bootfile), .vdhcp_start = o->dhcp,
		.vnameserver = o->dns, .vnameserver6 = o->dns6, .vdnssearch = o->search, .vdomainname = o->domain = keep(u, 4, o->domain),
		.if_mtu = STACK_MTU, .if_mru = STACK_MTU,
	};

	/* Its two buffers a connection (128 KiB each) go back to the kernel with it; packets (64 KiB) stay in the heap, where they are soon used again. */
	mallopt(M_MMAP_THRESHOLD, 96 << 10);
	o->smb = keep(u, 5, o->smb);
	u->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (u->epoll < 0)
		return err_errno(e, errno, "user network");
	u->watch = loop_add_fd(u->port.net->loop, u->epoll, LOOP_READ, woken, u, e);
	if (!u->watch)
		return -e->code;
	u->slirp = slirp_new(&c, &callbacks, u);
	return u->slirp ? 0 : err_set(e, EINVAL, "user network: libslirp refuses these settings");
}

/*
 * What libslirp opens while it runs: the list of name servers, which programs replace as they like, so its directories; and the TFTP root.
 */
static void needs_paths(struct user *u)
{
	struct net *n = u->port.net;
	char *real = realpath("/etc/resolv.conf", NULL);

	net_needs_path(n, "/etc/resolv.conf", true, false);
	if (real)
		net_needs_path(n, real, true, false);
	free(real);
	if (u->options.tftp)
		net_needs_path(n, u->options.tftp, false, false);
}

static int add_forwards(struct user *u, const struct keyval *kv, struct err *e)
{
	const json_t *saved = json_object_get(state_of(u->port.net, u->port.id), "hostfwd"), *rule;
	size_t i;
	int r = 0;

	/* A process that was killed had these, whatever the command line says. */
	if (json_is_array(saved)) {
		json_array_foreach(saved, i, rule)
			if (json_is_string(rule) && user_forward_add(u, json_string_value(rule), e) < 0)
				return -e->code;
	}
	for (unsigned n = 0; r == 0 && n < kv->count; n++)
		if (!strcmp(kv->key[n], "hostfwd") && !json_is_array(saved))
			r = user_forward_add(u, kv->value[n], e);
		else if (!strcmp(kv->key[n], "guestfwd"))
			r = user_guest_forward(u, kv->value[n], e);
	return r;
}

static int add(struct net *n, const char *id, const struct keyval *kv, struct err *e)
{
	struct user *u = calloc(1, sizeof *u);
	int r = u ? user_options(kv, &u->options, e) : err_set(e, ENOMEM, "out of memory");

	if (r == 0) {
		u->epoll = -1;
		r = port_add(n, &u->port, &ops, id, e);
	}
	if (r < 0) {
		if (u)
			user_options_free(&u->options);
		free(u);
		return r;
	}
	/* Finished checksums, but any size. */
	u->port.offloads = FRAME_TSO4 | FRAME_TSO6 | FRAME_UFO | FRAME_ECN;
	n->allow |= SANDBOX_SOCKET | SANDBOX_CONNECT | SANDBOX_OPEN | SANDBOX_IOCTL | SANDBOX_FILE;
	r = start(u, e);
	needs_paths(u);
	if (r == 0)
		r = add_forwards(u, kv, e);
	if (r == 0 && u->options.smb)
		r = user_smb(u, e);
	if (r < 0)
		port_drop(&u->port);
	return r;
}

/* ---- control ---- */

static struct user *chosen(struct net *n, const char *id, struct err *e)
{
	for (struct port *p = n->ports; p; p = p->next)
		if (!p->dead && user_of(p) && (!id || !strcmp(p->id, id)))
			return user_of(p);
	if (id)
		err_set(e, ENODEV, port_find(n, id) ? "'%s' is no user network" : "there is no network '%s'", id);
	else
		err_set(e, ENODEV, "user mode network stack not in use");
	return NULL;
}

int user_hostfwd_add(struct net *n, const char *id, const char *rule, struct err *e)
{
	struct user *u = chosen(n, id, e);

	return u ? user_forward_add(u, rule, e) : -e->code;
}

int user_hostfwd_remove(struct net *n, const char *id, const char *rule, struct err *e)
{
	struct user *u = chosen(n, id, e);

	return u ? user_forward_remove(u, rule, e) : -e->code;
}

char *user_info(struct net *n)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (struct port *p = n->ports; p; p = p->next) {
		char *lines;
		if (p->dead || !user_of(p))
			continue;
		lines = slirp_connection_info(user_of(p)->slirp);
		fprintf(f, "Network '%s':\n%s", p->id, lines ? lines : "");
		free(lines);
	}
	fclose(f);
	return text;
}

json_t *user_state(struct port *p)
{
	struct user *u = user_of(p);
	json_t *list;

	if (!u)
		return NULL;
	list = json_array();
	for (struct forward *f = u->forwards; f; f = f->next) {
		char text[160];
		user_forward_text(f, text, sizeof text);
		json_array_append_new(list, json_string(text));
	}
	return json_pack("{s:o}", "hostfwd", list);
}

#define HELP "net=, host=, restrict=, hostname=, dhcpstart=, dns=, dnssearch=, domainname=, tftp=, tftp-server-name=, bootfile=, smb=, smbserver=, " \
	     "hostfwd=, guestfwd=, ipv4=, ipv6=, ipv6-net=, ipv6-host=, ipv6-dns="
const struct backend backend_user = {.type = "user", .help = HELP, .add = add};
#else
#include <errno.h>

static int add(struct net *n, const char *id, const struct keyval *kv, struct err *e)
{
	(void)n, (void)id, (void)kv;
	err_set(e, ENOTSUP, "user networking is not built in");
	return err_hint(e, "Install the package libslirp-dev and build again.");
}
const struct backend backend_user = {.type = "user", .help = "(not built in: libslirp-dev)", .add = add};
#endif
