/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The option string of user networking: addresses, what follows from them, what excludes what. */
#include "user.h"
#ifdef HAVE_SLIRP
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/size.h"

/* Without a mask a network has the size of its class (RFC 791), private ones theirs (RFC 1918). */
static uint32_t class_mask(uint32_t a)
{
	if (a >> 24 == 10 || a < 0x80000000u)
		return 0xff000000u;
	if (a >> 20 == 0xac1)
		return 0xfff00000u;
	if (a >> 16 == 0xc0a8 || a >> 30 == 2)
		return 0xffff0000u;
	return 0xffffff00u;
}

static int address(const struct keyval *kv, const char *key, struct in_addr *to, struct err *e)
{
	const char *v = keyval_get(kv, key);

	return v && inet_pton(AF_INET, v, to) != 1 ? err_set(e, EINVAL, "%s=%s: an IPv4 address is expected", key, v) : 0;
}

static int address6(const struct keyval *kv, const char *key, struct in6_addr *to, struct err *e)
{
	const char *v = keyval_get(kv, key);

	return v && inet_pton(AF_INET6, v, to) != 1 ? err_set(e, EINVAL, "%s=%s: an IPv6 address is expected", key, v) : 0;
}

static int network(const char *text, struct user_options *o, struct err *e)
{
	char net[64];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	uint32_t mask, a;

	snprintf(net, sizeof net, "%.*s", (int)(n < 63 ? n : 63), text);
	if (inet_pton(AF_INET, net, &o->net) != 1)
		return err_set(e, EINVAL, "net=%s: ADDRESS[/MASK] is expected", text);
	a = ntohl(o->net.s_addr);
	mask = class_mask(a);
	if (slash && strchr(slash, '.')) {
		if (inet_pton(AF_INET, slash + 1, &o->mask) != 1 || (~ntohl(o->mask.s_addr) & (~ntohl(o->mask.s_addr) + 1)))
			return err_set(e, EINVAL, "net=%s: the mask is not one", text);
		mask = ntohl(o->mask.s_addr);
	} else if (slash) {
		int64_t bits;
		if (number_parse("net: mask", slash + 1, 4, 29, &bits, e) < 0)
			return -e->code;
		mask = UINT32_MAX << (32 - bits);
	}
	if (~mask < 7)
		return err_set(e, EINVAL, "net=%s: a network of at least 8 addresses (/29) is needed", text);
	o->mask.s_addr = htonl(mask);
	o->net.s_addr = htonl(a & mask);
	return 0;
}

static int network6(const struct keyval *kv, struct user_options *o, struct err *e)
{
	const char *text = keyval_get(kv, "ipv6-net"), *slash;
	char net[64];
	int64_t bits;

	o->prefix6 = 64;
	inet_pton(AF_INET6, "fec0::", &o->net6);
	if (!text)
		text = keyval_get(kv, "ipv6-prefix");
	if (text) {
		slash = strchr(text, '/');
		snprintf(net, sizeof net, "%.*s", (int)(slash ? slash - text : 63), text);
		if (inet_pton(AF_INET6, net, &o->net6) != 1)
			return err_set(e, EINVAL, "ipv6-net=%s: PREFIX[/LENGTH] is expected", text);
		if (slash && number_parse("ipv6-net: length", slash + 1, 0, 126, &bits, e) < 0)
			return -e->code;
		if (slash)
			o->prefix6 = (int)bits;
	}
	text = keyval_get(kv, "ipv6-prefixlen");
	if (text && number_parse("ipv6-prefixlen", text, 0, 126, &bits, e) < 0)
		return -e->code;
	if (text)
		o->prefix6 = (int)bits;
	o->host6 = o->dns6 = o->net6;
	o->host6.s6_addr[15] |= 2;
	o->dns6.s6_addr[15] |= 3;
	if (address6(kv, "ipv6-host", &o->host6, e) < 0)
		return -e->code;
	return address6(kv, "ipv6-dns", &o->dns6, e);
}

static bool same_prefix(const struct in6_addr *a, const struct in6_addr *b, int bits)
{
	for (int i = 0; i < bits; i++)
		if ((a->s6_addr[i / 8] ^ b->s6_addr[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static int inside(const struct user_options *o, const char *key, struct in_addr a, struct err *e)
{
	char net[INET_ADDRSTRLEN], text[INET_ADDRSTRLEN];

	if ((a.s_addr & o->mask.s_addr) == o->net.s_addr)
		return 0;
	inet_ntop(AF_INET, &o->net, net, sizeof net);
	inet_ntop(AF_INET, &a, text, sizeof text);
	return err_set(e, EINVAL, "%s=%s does not lie in the guest's network %s/%d", key, text, net, __builtin_popcount(o->mask.s_addr));
}

static int check(const struct user_options *o, struct err *e)
{
	struct stat st;
	uint32_t host = ntohl(o->host.s_addr), dhcp = ntohl(o->dhcp.s_addr), dns = ntohl(o->dns.s_addr);

	if (inside(o, "host", o->host, e) < 0 || inside(o, "dns", o->dns, e) < 0 || inside(o, "dhcpstart", o->dhcp, e) < 0)
		return -e->code;
	if (host == dns)
		return err_set(e, EINVAL, "dns= must differ from host=");
	if (host - dhcp < 16 || dns - dhcp < 16)
		return err_set(e, EINVAL, "dhcpstart=: host or name server lies among the 16 leases from there on");
	if (!same_prefix(&o->host6, &o->net6, o->prefix6) || !same_prefix(&o->dns6, &o->net6, o->prefix6))
		return err_set(e, EINVAL, "ipv6-host= and ipv6-dns= must lie in ipv6-net=");
	if (!memcmp(&o->host6, &o->dns6, sizeof o->host6))
		return err_set(e, EINVAL, "ipv6-dns= must differ from ipv6-host=");
	if (o->hostname && strlen(o->hostname) > 255)
		return err_set(e, EINVAL, "hostname= has more than 255 characters");
	if (o->domain && strlen(o->domain) > 255)
		return err_set(e, EINVAL, "domainname= has more than 255 characters");
	if (o->tftp_name && strlen(o->tftp_name) > 255)
		return err_set(e, EINVAL, "tftp-server-name= has more than 255 characters");
	if (o->bootfile && strlen(o->bootfile) > 127)
		return err_set(e, EINVAL, "bootfile= has more than 127 characters");
	if (o->tftp && (stat(o->tftp, &st) < 0 || !S_ISDIR(st.st_mode)))
		return err_set(e, ENOTDIR, "tftp=%s is no directory", o->tftp);
	if (o->smb && (stat(o->smb, &st) < 0 || !S_ISDIR(st.st_mode)))
		return err_set(e, ENOTDIR, "smb=%s is no directory", o->smb);
	return o->smb ? inside(o, "smbserver", o->smb_server, e) : 0;
}

static int families(const struct keyval *kv, struct user_options *o, struct err *e)
{
	bool has4 = keyval_get(kv, "ipv4"), has6 = keyval_get(kv, "ipv6");

	o->ipv4 = o->ipv6 = true;
	if (backend_on_off(kv, "ipv4", &o->ipv4, e) < 0 || backend_on_off(kv, "ipv6", &o->ipv6, e) < 0)
		return -e->code;
	/* One that is asked for alone stands alone. */
	if (has6 && o->ipv6 && !has4)
		o->ipv4 = false;
	if (has4 && o->ipv4 && !has6)
		o->ipv6 = false;
	return o->ipv4 || o->ipv6 ? 0 : err_set(e, EINVAL, "IPv4 and IPv6 disabled");
}

int user_options(const struct keyval *kv, struct user_options *o, struct err *e)
{
	static const char *const known[] = {"net", "ip", "host", "restrict", "hostname", "dhcpstart", "dns", "dnssearch", "domainname", "tftp",
					    "tftp-server-name", "bootfile", "smb", "smbserver", "hostfwd", "guestfwd", "ipv4", "ipv6", "ipv6-net",
					    "ipv6-prefix", "ipv6-prefixlen", "ipv6-host", "ipv6-dns", NULL};
	const char *net = keyval_get(kv, "net");
	uint32_t base, rest;
	unsigned searches = 0;
	int r;

	*o = (struct user_options){0};
	r = backend_check(kv, known, e);
	if (r == 0)
		r = families(kv, o, e);
	if (r == 0)
		r = backend_on_off(kv, "restrict", &o->restricted, e);
	if (r == 0)
		r = network(net ? net : keyval_get(kv, "ip") ? keyval_get(kv, "ip") : "10.0.2.0/24", o, e);
	if (r < 0)
		return r;
	base = ntohl(o->net.s_addr);
	rest = ~ntohl(o->mask.s_addr);
	o->host.s_addr = htonl(base | (0x0202 & rest));
	o->dns.s_addr = htonl(base | (0x0203 & rest));
	o->smb_server.s_addr = htonl(base | (0x0204 & rest));
	/* In the smallest networks the leases follow the name server. */
	o->dhcp.s_addr = htonl(base | (rest < 31 ? 5 & rest : 0x020f & rest));
	if (address(kv, "host", &o->host, e) < 0 || address(kv, "dns", &o->dns, e) < 0 || address(kv, "dhcpstart", &o->dhcp, e) < 0 ||
	    address(kv, "smbserver", &o->smb_server, e) < 0 || network6(kv, o, e) < 0)
		return -e->code;
	o->hostname = keyval_get(kv, "hostname");
	o->tftp = keyval_get(kv, "tftp");
	o->tftp_name = keyval_get(kv, "tftp-server-name");
	o->bootfile = keyval_get(kv, "bootfile");
	o->domain = keyval_get(kv, "domainname");
	o->smb = keyval_get(kv, "smb");
	o->search = calloc(kv->count + 1, sizeof *o->search);
	if (!o->search)
		return err_set(e, ENOMEM, "out of memory");
	for (unsigned i = 0; i < kv->count; i++)
		if (!strcmp(kv->key[i], "dnssearch"))
			o->search[searches++] = kv->value[i];
	if (!searches) {
		free(o->search);
		o->search = NULL;
	}
	return check(o, e);
}

void user_options_free(struct user_options *o)
{
	free(o->search);
	o->search = NULL;
}
#endif
