/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TAP interfaces of the host's kernel: opened here (which needs the capability net_admin), passed as descriptors, or made by a helper program that has
 * that capability (emu-bridge-helper(1)). Where the kernel can, frames carry a virtio_net_hdr, so that neither side computes checksums or cuts segments.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/size.h"
#include "base/sock.h"
#include "dgram.h"
#include "launcher.h"

#define DEFAULT_UP "/etc/qemu-ifup"
#define DEFAULT_DOWN "/etc/qemu-ifdown"
#define DEFAULT_BRIDGE "br0"

/* Sets up headers where the interface has them. Returns whether it has. */
static bool set_header(int fd)
{
	struct ifreq r = {0};
	int size = NET_HEADER_SIZE;

	if (ioctl(fd, TUNGETIFF, &r) < 0 || !(r.ifr_flags & IFF_VNET_HDR) || ioctl(fd, TUNSETVNETHDRSZ, &size) < 0)
		return false;
	/* What we take: everything. Old kernels and new ones do not know UFO. */
	if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_UFO) < 0)
		ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN);
	return true;
}

static int open_tap(char *name, bool header, bool many, struct err *e)
{
	struct ifreq r = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | (header ? IFF_VNET_HDR : 0) | (many ? IFF_MULTI_QUEUE : 0))};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, errno, "cannot open /dev/net/tun");
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	if (ioctl(fd, TUNSETIFF, &r) < 0) {
		err_errno(e, errno, "could not configure /dev/net/tun (%s)", *name ? name : "a new interface");
		if (e->code == EPERM)
			err_hint(e, "That needs the capability net_admin; helper= or the network 'bridge' does it for others, 'user' needs none.");
		close(fd);
		return -e->code;
	}
	snprintf(name, IFNAMSIZ, "%s", r.ifr_name);
	return fd;
}

static int run_script(const char *script, const char *name, struct err *e)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(e, errno, "cannot fork");
	if (pid == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execl(script, script, name, (char *)NULL);
		fprintf(stderr, "%s: cannot run %s: %s\n", err_program(), script, strerror(errno));
		_exit(1);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return err_set(e, EIO, "network script %s failed with status %d", script, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 0;
}

/* NULL: none is to be run. The default ones need not be there. */
static const char *script_of(const struct keyval *kv, const char *key, const char *def)
{
	const char *v = keyval_get(kv, key);

	if (v)
		return !*v || !strcmp(v, "no") ? NULL : v;
	return access(def, X_OK) == 0 ? def : NULL;
}

/* ---- the helper ---- */

static void own_helper(char *buf, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", buf, size - 32);

	if (n < 0)
		n = 0;
	buf[n] = 0;
	if (strrchr(buf, '/'))
		strcpy(strrchr(buf, '/'), "/emu-bridge-helper");
	if (!n || access(buf, X_OK) < 0)
		snprintf(buf, size, "/usr/lib/qemu/qemu-bridge-helper");
}

/* The helper makes the interface, puts it on the bridge, and sends its descriptor over a socket. */
static int ask_helper(const char *helper, const char *bridge, struct err *e)
{
	char path[512], fd_arg[32], bridge_arg[64];
	int pair[2], fd = -1, status = 0;
	unsigned count = 1;
	char byte;
	pid_t pid;

	if (!helper) {
		own_helper(path, sizeof path);
		helper = path;
	}
	if (strlen(bridge) >= IFNAMSIZ)
		return err_set(e, EINVAL, "br=%s: too long a name", bridge);
	if (sock_pair(SOCK_STREAM, pair, e) < 0)
		return -e->code;
	pid = fork();
	if (pid < 0) {
		close(pair[0]);
		close(pair[1]);
		return err_errno(e, errno, "cannot fork");
	}
	if (pid == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		fcntl(pair[1], F_SETFD, 0);
		snprintf(fd_arg, sizeof fd_arg, "--fd=%d", pair[1]);
		snprintf(bridge_arg, sizeof bridge_arg, "--br=%s", bridge);
		/* A classic value may be a command line of its own; anything else is a program. */
		if (strpbrk(helper, " \t")) {
			char command[1024];
			snprintf(command, sizeof command, "exec %s --use-vnet %s %s", helper, fd_arg, bridge_arg);
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		} else {
			execl(helper, helper, "--use-vnet", fd_arg, bridge_arg, (char *)NULL);
		}
		fprintf(stderr, "%s: cannot run %s: %s\n", err_program(), helper, strerror(errno));
		_exit(1);
	}
	close(pair[1]);
	if (sock_recv_fds(pair[0], &byte, 1, &fd, &count) < 0 || !count)
		fd = -1;
	close(pair[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return fd >= 0 ? fd : err_set(e, EIO, "the bridge helper %s failed", helper);
}

/* ---- back ends ---- */

static struct dgram *new_tap(void)
{
	struct dgram *d = calloc(1, sizeof *d);

	if (d)
		d->out = -1;
	return d;
}

static int finish(struct net *n, struct dgram *d, const char *type, const char *id, struct err *e)
{
	struct ifreq r = {0};

	d->out = d->fd[0];
	d->header = true;
	for (unsigned i = 0; i < d->fds; i++)
		d->header &= set_header(d->fd[i]);
	if (ioctl(d->fd[0], TUNGETIFF, &r) < 0) {
		err_errno(e, errno, "fd %d is no TAP interface", d->fd[0]);
		for (unsigned i = 0; i < d->fds; i++)
			close(d->fd[i]);
		free(d);
		return -e->code;
	}
	snprintf(d->text, sizeof d->text, "ifname=%s%s", r.ifr_name, d->header ? ",vnet_hdr=on" : "");
	return dgram_add(n, d, type, id, d->header ? FRAME_CSUM | FRAME_TSO4 | FRAME_TSO6 | FRAME_ECN : 0, e);
}

static int take_fds(struct dgram *d, const char *text, struct err *e)
{
	char *copy = strdup(text), *save = NULL;
	int r = copy ? 0 : err_set(e, ENOMEM, "out of memory");

	for (char *w = copy ? strtok_r(copy, ":", &save) : NULL; w && r == 0; w = strtok_r(NULL, ":", &save)) {
		int64_t fd;
		r = number_parse("fds", w, 0, INT32_MAX, &fd, e);
		if (r == 0 && d->fds == DGRAM_FDS)
			r = err_set(e, EINVAL, "fds=: at most %u", DGRAM_FDS);
		if (r == 0 && fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
			r = err_errno(e, errno, "fds: %s", w);
		if (r == 0)
			d->fd[d->fds++] = (int)fd;
	}
	free(copy);
	return r == 0 && !d->fds ? err_set(e, EINVAL, "fds=: none is given") : r;
}

static int open_own(struct net *n, struct dgram *d, const struct keyval *kv, struct err *e)
{
	const char *name = keyval_get(kv, "ifname"), *up = script_of(kv, "script", DEFAULT_UP), *down = script_of(kv, "downscript", DEFAULT_DOWN);
	char ifname[IFNAMSIZ] = "";
	bool header = true, asked = keyval_get(kv, "vnet_hdr");
	int64_t queues = 1, sndbuf = 0;
	int r = backend_on_off(kv, "vnet_hdr", &header, e), size;

	if (r < 0 || backend_number(kv, "queues", 1, DGRAM_FDS, &queues, e) < 0)
		return -e->code;
	if (keyval_get(kv, "sndbuf")) {
		uint64_t bytes;
		if (size_parse(keyval_get(kv, "sndbuf"), 'B', &bytes, e) < 0 || bytes > INT32_MAX)
			return e->code ? -e->code : err_set(e, EINVAL, "sndbuf=: too large");
		sndbuf = (int64_t)bytes;
	}
	if (name && strlen(name) >= sizeof ifname)
		return err_set(e, EINVAL, "ifname=%s: an interface's name has at most %zu characters", name, sizeof ifname - 1);
	snprintf(ifname, sizeof ifname, "%s", name ? name : "");
	for (int64_t i = 0; i < queues; i++) {
		int fd = open_tap(ifname, header, queues > 1, e);
		if (fd < 0)
			return fd;
		d->fd[d->fds++] = fd;
		size = sndbuf ? (int)sndbuf : INT32_MAX;
		ioctl(fd, TUNSETSNDBUF, &size);
	}
	if (asked && header && !set_header(d->fd[0]))
		return err_set(e, ENOTSUP, "vnet_hdr=on, but the kernel's TAP interfaces have none");
	if (up && run_script(up, ifname, e) < 0)
		return -e->code;
	return down ? launcher_at_end(n, down, ifname, e) : 0;
}

static int add_tap(struct net *n, const char *id, const struct keyval *kv, struct err *e)
{
	static const char *const known[] = {"ifname", "fd", "fds", "script", "downscript", "br", "helper", "sndbuf", "vnet_hdr", "vhost", "vhostfd", "vhostfds",
					    "vhostforce", "queues", "poll-us", NULL};
	static const char *const own[] = {"ifname", "script", "downscript", "vnet_hdr", "helper", "queues", "br", NULL};
	const char *fds = keyval_get(kv, "fds"), *helper = keyval_get(kv, "helper"), *bridge = keyval_get(kv, "br");
	struct dgram *d;
	bool vhost = false, force = false;
	int fd, r = backend_check(kv, known, e);

	if (r < 0 || backend_on_off(kv, "vhost", &vhost, e) < 0 || backend_on_off(kv, "vhostforce", &force, e) < 0 || backend_fd(kv, "fd", &fd, e) < 0)
		return -e->code;
	if (force)
		return err_set(e, ENOTSUP, "vhostforce=on: the rings of a machine that is translated stay in its own process; leave it out");
	if (vhost)
		err_print("tap: vhost=on has no effect: frames pass through this program");
	for (unsigned i = 0; (fd >= 0 || fds) && own[i]; i++)
		if (keyval_get(kv, own[i]))
			return err_set(e, EINVAL, "ifname=, script=, downscript=, vnet_hdr=, helper=, queues=, br= are invalid with fd= or fds=");
	d = new_tap();
	if (!d)
		return err_set(e, ENOMEM, "out of memory");
	if (fd >= 0) {
		d->fd[d->fds++] = fd;
	} else if (fds) {
		r = take_fds(d, fds, e);
	} else if (helper || bridge) {
		r = keyval_get(kv, "ifname") || keyval_get(kv, "script") || keyval_get(kv, "downscript")
			    ? err_set(e, EINVAL, "ifname=, script=, downscript= are invalid with helper= or br=")
			    : ask_helper(helper, bridge ? bridge : DEFAULT_BRIDGE, e);
		if (r >= 0) {
			d->fd[d->fds++] = r;
			r = 0;
		}
	} else {
		r = open_own(n, d, kv, e);
	}
	if (r < 0) {
		for (unsigned i = 0; i < d->fds; i++)
			close(d->fd[i]);
		free(d);
		return r;
	}
	return finish(n, d, "tap", id, e);
}

static int add_bridge(struct net *n, const char *id, const struct keyval *kv, struct err *e)
{
	static const char *const known[] = {"br", "helper", NULL};
	const char *bridge = keyval_get(kv, "br");
	struct dgram *d;
	int fd;

	if (backend_check(kv, known, e) < 0)
		return -e->code;
	fd = ask_helper(keyval_get(kv, "helper"), bridge ? bridge : DEFAULT_BRIDGE, e);
	if (fd < 0)
		return fd;
	d = new_tap();
	if (!d) {
		close(fd);
		return err_set(e, ENOMEM, "out of memory");
	}
	d->fd[d->fds++] = fd;
	return finish(n, d, "bridge", id, e);
}

const struct backend backend_tap = {.type = "tap", .help = "ifname=, fd=, fds=, script=, downscript=, br=, helper=, sndbuf=, vnet_hdr=, queues=", .add = add_tap};
const struct backend backend_bridge = {.type = "bridge", .help = "br=, helper=", .add = add_bridge};
