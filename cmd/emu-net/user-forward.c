/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forwarded ports of user networking, and services for the guest at addresses of its network. */
#include "user.h"
#ifdef HAVE_SLIRP
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "launcher.h"

/* ADDR, [ADDR] or nothing, up to the colon before the port; family AF_UNSPEC: either. */
static int endpoint(const char *text, size_t n, int family, unsigned least, struct sockaddr_storage *to, socklen_t *size)
{
	char host[64], *end;
	const char *colon = NULL;
	unsigned long port;
	size_t h;

	for (size_t i = 0; i < n; i++)
		if (text[i] == ':')
			colon = text + i;
	if (!colon || colon + 1 == text + n)
		return -EINVAL;
	port = strtoul(colon + 1, &end, 10);
	if (end != text + n || colon[1] < '0' || colon[1] > '9' || port > 65535 || port < least)
		return -EINVAL;
	h = (size_t)(colon - text);
	if (h >= 2 && *text == '[' && text[h - 1] == ']') {
		text++;
		h -= 2;
	}
	if (h >= sizeof host)
		return -EINVAL;
	memcpy(host, text, h);
	host[h] = 0;
	memset(to, 0, sizeof *to);
	struct sockaddr_in *in = (struct sockaddr_in *)to;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;
	if (family != AF_INET6 && (!h || inet_pton(AF_INET, host, &in->sin_addr) == 1)) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		*size = sizeof *in;
		return 0;
	}
	if (family != AF_INET && (!h || inet_pton(AF_INET6, host, &in6->sin6_addr) == 1)) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		*size = sizeof *in6;
		return 0;
	}
	return -EINVAL;
}

static const char *protocol(const char *rule, bool *udp)
{
	*udp = !strncmp(rule, "udp:", 4);
	if (*udp || !strncmp(rule, "tcp:", 4))
		return rule + 4;
	return *rule == ':' ? rule + 1 : NULL;
}

static int malformed(const char *rule, struct err *e)
{
	err_set(e, EINVAL, "Invalid host forwarding rule '%s'", rule);
	return err_hint(e, "It is [tcp|udp]:[HOSTADDR]:PORT-[GUESTADDR]:PORT, an IPv6 address in square brackets.");
}

static uint16_t *port_of(struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)a)->sin6_port : &((struct sockaddr_in *)a)->sin_port;
}

static bool same_host(const struct forward *f, bool udp, const struct sockaddr_storage *host, socklen_t size)
{
	return f->udp == udp && f->size == size && !memcmp(&f->host, host, size);
}

/* A free port of the host's for "0": libslirp does not tell which one it got. */
static int free_port(struct forward *f, struct err *e)
{
	struct sockaddr_storage a = f->host;
	socklen_t size = f->size;
	int fd = socket(a.ss_family, (f->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, size) < 0 || getsockname(fd, (struct sockaddr *)&a, &size) < 0)
		r = err_errno(e, errno, "no free port for a forward");
	else
		*port_of(&f->host) = *port_of(&a);
	if (fd >= 0)
		close(fd);
	return r;
}

void user_forward_text(const struct forward *f, char *buf, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "", guest[INET6_ADDRSTRLEN] = "";
	bool six = f->host.ss_family == AF_INET6;
	const void *h = six ? (const void *)&((const struct sockaddr_in6 *)&f->host)->sin6_addr : &((const struct sockaddr_in *)&f->host)->sin_addr;
	const void *g = six ? (const void *)&((const struct sockaddr_in6 *)&f->guest)->sin6_addr : &((const struct sockaddr_in *)&f->guest)->sin_addr;

	inet_ntop(f->host.ss_family, h, host, sizeof host);
	inet_ntop(f->host.ss_family, g, guest, sizeof guest);
	snprintf(buf, size, six ? "%s:[%s]:%u-[%s]:%u" : "%s:%s:%u-%s:%u", f->udp ? "udp" : "tcp", host,
		 ntohs(*port_of((struct sockaddr_storage *)(uintptr_t)&f->host)), guest, ntohs(*port_of((struct sockaddr_storage *)(uintptr_t)&f->guest)));
}

static int flags(const struct forward *f)
{
	return (f->udp ? SLIRP_HOSTFWD_UDP : 0) | (f->host.ss_family == AF_INET6 ? SLIRP_HOSTFWD_V6ONLY : 0);
}

int user_forward_add(struct user *u, const char *rule, struct err *e)
{
	struct forward f = {0}, *new;
	const char *host = protocol(rule, &f.udp), *dash;
	socklen_t guest_size;
	bool any;

	if (!host || !(dash = strchr(host, '-')) || endpoint(host, (size_t)(dash - host), AF_UNSPEC, 0, &f.host, &f.size) < 0 ||
	    endpoint(dash + 1, strlen(dash + 1), f.host.ss_family, 1, &f.guest, &guest_size) < 0)
		return malformed(rule, e);
	if (f.host.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&((struct sockaddr_in6 *)&f.guest)->sin6_addr))
		return err_set(e, EINVAL, "forward '%s': the guest's IPv6 address is needed, as it chooses that itself", rule);
	/* Without an address: the first lease. */
	if (f.host.ss_family == AF_INET && !((struct sockaddr_in *)&f.guest)->sin_addr.s_addr)
		((struct sockaddr_in *)&f.guest)->sin_addr = u->options.dhcp;
	for (struct forward *o = u->forwards; o; o = o->next)
		if (same_host(o, f.udp, &f.host, f.size) && *port_of(&f.host))
			return err_set(e, EEXIST, "Could not set up host forwarding rule '%s': that port is forwarded already", rule);
	any = !*port_of(&f.host);
	for (unsigned tries = 0;; tries++) {
		if (any && free_port(&f, e) < 0)
			return -e->code;
		errno = 0;
		if (slirp_add_hostxfwd(u->slirp, (struct sockaddr *)&f.host, f.size, (struct sockaddr *)&f.guest, guest_size, flags(&f)) >= 0)
			break;
		if (!any || tries == 20)
			return errno ? err_errno(e, errno, "Could not set up host forwarding rule '%s'", rule)
				     : err_set(e, EADDRINUSE, "Could not set up host forwarding rule '%s'", rule);
	}
	new = malloc(sizeof *new);
	if (!new) {
		slirp_remove_hostxfwd(u->slirp, (struct sockaddr *)&f.host, f.size, flags(&f));
		return err_set(e, ENOMEM, "out of memory");
	}
	*new = f;
	/* In order of their making. */
	struct forward **at = &u->forwards;
	while (*at)
		at = &(*at)->next;
	*at = new;
	if (any)
		u->port.net->changed = true;
	return 0;
}

int user_forward_remove(struct user *u, const char *rule, struct err *e)
{
	struct sockaddr_storage host;
	socklen_t size;
	bool udp;
	const char *at = protocol(rule, &udp);

	if (!at || endpoint(at, strlen(at), AF_UNSPEC, 1, &host, &size) < 0) {
		err_set(e, EINVAL, "invalid format: '%s'", rule);
		return err_hint(e, "It is [tcp|udp]:[HOSTADDR]:PORT.");
	}
	for (struct forward **p = &u->forwards; *p; p = &(*p)->next) {
		struct forward *f = *p;
		if (!same_host(f, udp, &host, size))
			continue;
		slirp_remove_hostxfwd(u->slirp, (struct sockaddr *)&f->host, f->size, flags(f));
		*p = f->next;
		free(f);
		return 0;
	}
	return err_set(e, ENOENT, "host forwarding rule for %s not found", rule);
}

void user_forwards_free(struct user *u)
{
	while (u->forwards) {
		struct forward *f = u->forwards;
		u->forwards = f->next;
		free(f);
	}
}

/* ---- services for the guest ---- */

static int serve(struct user *u, struct in_addr server, int port, const char *path, const char *rule, struct err *e)
{
	if (slirp_add_unix(u->slirp, path, &server, port) == 0)
		return 0;
	return err_set(e, EINVAL, "guestfwd '%s': the server's address must lie in the guest's network, be neither host nor name server, and be free", rule);
}

int user_guest_forward(struct user *u, const char *rule, struct err *e)
{
	struct sockaddr_storage a;
	socklen_t size;
	const char *at = !strncmp(rule, "tcp:", 4) ? rule + 4 : *rule == ':' ? rule + 1 : NULL, *dash = at ? strchr(at, '-') : NULL, *dev;
	const char *path = NULL;

	if (!dash || endpoint(at, (size_t)(dash - at), AF_INET, 1, &a, &size) < 0 || !dash[1]) {
		err_set(e, EINVAL, "Invalid guest forwarding rule '%s'", rule);
		return err_hint(e, "It is [tcp]:SERVER:PORT-cmd:COMMAND, or …-unix:PATH, or …-tcp:HOST:PORT.");
	}
	dev = dash + 1;
	if (!strncmp(dev, "cmd:", 4) && dev[4])
		path = launcher_command(u->port.net, dev + 4, e);
	else if (!strncmp(dev, "unix:", 5) && dev[5])
		path = dev + 5;
	else if (!strncmp(dev, "tcp:", 4) && dev[4])
		path = launcher_connect(u->port.net, dev + 4, e);
	else {
		err_set(e, ENOTSUP, "guestfwd '%s': '%s' cannot be behind an address of the guest's network", rule, dev);
		return err_hint(e, "cmd:COMMAND, unix:PATH and tcp:HOST:PORT can; each connection of the guest's opens its own.");
	}
	return path ? serve(u, ((struct sockaddr_in *)&a)->sin_addr, ntohs(((struct sockaddr_in *)&a)->sin_port), path, rule, e) : -e->code;
}

/* Each connection gets an smbd of its own, as from inetd. */
int user_smb(struct user *u, struct err *e)
{
	const char *path = launcher_smb(u->port.net, u->options.smb, e);

	if (!path)
		return -e->code;
	if (serve(u, u->options.smb_server, 139, path, "smb", e) < 0 || serve(u, u->options.smb_server, 445, path, "smb", e) < 0)
		return -e->code;
	return 0;
}
#endif
