/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emu-bridge-helper: makes a TAP interface, puts it on a bridge, and gives its descriptor to the caller over a socket. It is meant to be installed with the
 * capability net_admin (or setuid root) for users who have none; a file of the administrator's says which bridges they may use. Everything but that
 * capability is given up before anything else.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/opt.h"
#include "base/sandbox.h"
#include "base/sock.h"

#define CONF "/etc/emu/bridge.conf"
#define CLASSIC_CONF "/etc/qemu/bridge.conf"
#define INCLUDES 8

struct settings {
	const char *bridge;
	int64_t fd;
	bool use_vnet;
};

static int help(const struct opt *o, const char *value, void *settings, struct err *e);

static const struct opt options[] = {
	{'h', "help", OPT_CALL, NULL, "shows this help", .handler = help},
	{0, "br", OPT_STRING, "BRIDGE", "the bridge", .offset = offsetof(struct settings, bridge)},
	{0, "fd", OPT_INT, "N", "a UNIX socket over which the interface's descriptor is sent", .offset = offsetof(struct settings, fd), .min = 0, .max = INT_MAX},
	{0, "use-vnet", OPT_FLAG, NULL, "the interface carries a virtio_net_hdr before each frame", .offset = offsetof(struct settings, use_vnet)},
};

static const struct opt_table table = {
	.program = "emu-bridge-helper", .usage = "[--use-vnet] --br=BRIDGE --fd=N", .summary = "Puts a new TAP interface on a bridge and passes its descriptor on.",
	.opts = options, .count = sizeof options / sizeof *options,
};

static int help(const struct opt *o, const char *value, void *settings, struct err *e)
{
	(void)o, (void)value, (void)settings, (void)e;
	opt_help(&table, stdout);
	exit(0);
}

/* "allow BRIDGE|all", "deny BRIDGE|all", "include FILE", comments. The first line that names the bridge decides; without one it is refused. */
static int allowed(const char *file, const char *bridge, unsigned depth, bool *decided, bool *allow, struct err *e)
{
	char line[512];
	FILE *f = fopen(file, "re");
	int r = 0;

	if (!f)
		return err_errno(e, errno, "cannot open %s", file);
	while (r == 0 && !*decided && fgets(line, sizeof line, f)) {
		char *save, *word, *name;
		line[strcspn(line, "#\n")] = 0;
		word = strtok_r(line, " \t", &save);
		if (!word)
			continue;
		name = strtok_r(NULL, " \t", &save);
		if (!name || strtok_r(NULL, " \t", &save)) {
			r = err_set(e, EINVAL, "%s: '%s' is to be followed by one word", file, word);
		} else if (!strcmp(word, "include")) {
			r = depth < INCLUDES ? allowed(name, bridge, depth + 1, decided, allow, e) : err_set(e, ELOOP, "%s: too many includes", file);
		} else if (strcmp(word, "allow") && strcmp(word, "deny")) {
			r = err_set(e, EINVAL, "%s: '%s' is none of allow, deny, include", file, word);
		} else if (!strcmp(name, "all") || !strcmp(name, bridge)) {
			*decided = true;
			*allow = !strcmp(word, "allow");
		}
	}
	fclose(f);
	return r;
}

static int check(const char *bridge, struct err *e)
{
	const char *file = access(CONF, F_OK) == 0 ? CONF : CLASSIC_CONF;
	bool decided = false, allow = false;
	int r;

	if (!bridge || !*bridge || strlen(bridge) >= IFNAMSIZ)
		return err_set(e, EINVAL, "--br=BRIDGE is needed");
	if (getuid() == 0) /* who could do it himself */
		return 0;
	r = allowed(file, bridge, 0, &decided, &allow, e);
	if (r == 0 && !allow) {
		r = err_set(e, EACCES, "access to the bridge %s is denied by %s", bridge, file);
		err_hint(e, "A line 'allow %s' there permits it.", bridge);
	}
	return r;
}

static int make_tap(struct ifreq *r, bool vnet, struct err *e)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, errno, "cannot open /dev/net/tun");
	memset(r, 0, sizeof *r);
	r->ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (vnet ? IFF_VNET_HDR : 0));
	snprintf(r->ifr_name, sizeof r->ifr_name, "tap%%d");
	if (ioctl(fd, TUNSETIFF, r) < 0) {
		err_errno(e, errno, "cannot make a TAP interface");
		if (e->code == EPERM)
			err_hint(e, "This program needs the capability net_admin: setcap cap_net_admin+ep %s", err_program());
		close(fd);
		return -e->code;
	}
	return fd;
}

static int join(const char *name, const char *bridge, struct err *e)
{
	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), mtu, r = 0;
	struct ifreq r1 = {0}, r2 = {0};

	if (control < 0)
		return err_errno(e, errno, "cannot make a socket");
	snprintf(r1.ifr_name, sizeof r1.ifr_name, "%s", bridge);
	snprintf(r2.ifr_name, sizeof r2.ifr_name, "%s", name);
	if (ioctl(control, SIOCGIFMTU, &r1) < 0) {
		r = err_errno(e, errno, "there is no bridge %s", bridge);
		goto out;
	}
	mtu = r1.ifr_mtu;
	r2.ifr_mtu = mtu;
	if (ioctl(control, SIOCSIFMTU, &r2) < 0) {
		r = err_errno(e, errno, "cannot give %s the bridge's MTU of %d", name, mtu);
		goto out;
	}
	/* A bridge takes its lowest member's address for its own: ours is never that. */
	if (ioctl(control, SIOCGIFHWADDR, &r2) == 0) {
		r2.ifr_hwaddr.sa_data[0] = (char)0xfe;
		ioctl(control, SIOCSIFHWADDR, &r2);
	}
	r1.ifr_ifindex = (int)if_nametoindex(name);
	if (ioctl(control, SIOCBRADDIF, &r1) < 0) {
		r = err_errno(e, errno, "cannot put %s on the bridge %s", name, bridge);
		goto out;
	}
	if (ioctl(control, SIOCGIFFLAGS, &r2) == 0)
		r2.ifr_flags |= IFF_UP;
	if (ioctl(control, SIOCSIFFLAGS, &r2) < 0)
		r = err_errno(e, errno, "cannot set %s up", name);
out:
	close(control);
	return r;
}

int main(int argc, char **argv)
{
	static const char *const keep[] = {"cap_net_admin", NULL};
	struct settings s = {.fd = -1};
	struct err e = ERR_INIT;
	struct ifreq tap;
	int first, fd = -1, r;

	err_set_program(argc > 0 ? argv[0] : "emu-bridge-helper");
	r = opt_parse(&table, argc, argv, &s, &first, &e);
	/* Without the capability this fails; then making the interface does too, and says so. */
	if (r == 0 && sandbox_drop_capabilities(keep, &e) < 0)
		e = (struct err)ERR_INIT;
	if (r == 0 && (first < argc || s.fd < 0))
		r = err_set(&e, EINVAL, first < argc ? "'%s' is no option" : "--fd=N is needed: a socket for the answer", first < argc ? argv[first] : "");
	if (r == 0)
		r = check(s.bridge, &e);
	if (r == 0) {
		r = fd = make_tap(&tap, s.use_vnet, &e);
		if (r >= 0)
			r = join(tap.ifr_name, s.bridge, &e);
		if (r >= 0 && (r = sock_send_fds((int)s.fd, "", 1, &fd, 1)) < 0)
			err_errno(&e, -r, "cannot pass the interface on");
	}
	if (r < 0)
		err_report(&e);
	return r < 0;
}
