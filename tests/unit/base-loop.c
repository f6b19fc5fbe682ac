/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event loop: descriptors, timers in order, signals, posted calls, and removal from inside a callback. */
#include "base/loop.h"
#include "base/sock.h"
#include "tap.h"
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct loop *l;
static struct loop_fd *wa, *wb;
static struct loop_timer *ta, *tb;
static char order[64];
static int pipes[2][2];

static void both(void *opaque, unsigned events)
{
	(void)events;
	strcat(order, opaque);
	/* Whichever comes first removes both: the other's event was fetched already. */
	loop_del_fd(wa);
	loop_del_fd(wb);
}
static void timer_a(void *o) { strcat(order, o); }
static void timer_b(void *o)
{
	strcat(order, o);
	loop_del_timer(ta);
	loop_del_timer(tb);
	loop_stop(l, 7);
}
static void got_signal(void *o, int sig)
{
	(void)o;
	strcat(order, sig == SIGUSR1 ? "u" : "?");
	loop_stop(l, 0);
}
static int posted;
static void post(void *o)
{
	(void)o;
	if (++posted == 4000)
		loop_stop(l, 0);
}
static void *poster(void *o)
{
	(void)o;
	for (int i = 0; i < 1000; i++)
		loop_post(l, post, NULL);
	return NULL;
}

int main(void)
{
	struct err e = ERR_INIT;
	pthread_t th[4];
	char dir[] = "/tmp/base-loop-XXXXXX", sub[256], path[512], name[256];
	int fd, c, a, pair[2], fds[4];
	unsigned n;
	char byte;

	l = loop_new(&e);
	ok(l != NULL, "a loop");
	for (int i = 0; i < 2; i++) {
		if (pipe(pipes[i]) || write(pipes[i][1], "x", 1) != 1)
			return 1;
	}
	wa = loop_add_fd(l, pipes[0][0], LOOP_READ, both, "1", &e);
	wb = loop_add_fd(l, pipes[1][0], LOOP_READ, both, "1", &e);
	ok_eq(loop_once(l, 0), 1, "a watch that was removed in the same turn is not called");
	ok_str(order, "1", "once");

	order[0] = '\0';
	ta = loop_add_timer(l, timer_a, "a");
	tb = loop_add_timer(l, timer_b, "b");
	loop_set_timer(tb, loop_now() + 20000000);
	loop_set_timer(ta, loop_now() + 90000000);
	loop_set_timer(ta, loop_now() + 5000000);
	ok_eq(loop_run(l), 7, "loop_stop gives the status");
	ok_str(order, "ab", "timers fire in the order of their times, moved ones too");

	order[0] = '\0';
	loop_add_signal(l, SIGUSR1, got_signal, NULL, &e);
	kill(getpid(), SIGUSR1);
	loop_run(l);
	ok_str(order, "u", "a signal arrives as a call");

	for (int i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, poster, NULL);
	loop_run(l);
	for (int i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	ok_eq(posted, 4000, "posted calls of four threads all arrive");
	loop_free(l);

	if (!mkdtemp(dir))
		return 1;
	snprintf(sub, sizeof sub, "%s/%0150d", dir, 7);
	if (mkdir(sub, 0700))
		return 1;
	snprintf(path, sizeof path, "%s/disk.ctl", sub);
	fd = sock_listen_unix(path, SOCK_STREAM, 0600, &e);
	ok(fd >= 0, "a socket path of %zu bytes: %s", strlen(path), e.msg);
	c = sock_connect_unix(path, SOCK_STREAM, &e);
	a = sock_accept(fd, &e);
	ok(c >= 0 && a >= 0, "connects: %s", e.msg);
	ok(sock_listen_unix(path, SOCK_STREAM, 0600, &e) < 0 && strstr(e.msg, "in use"), "a live socket is not replaced");
	close(fd);
	fd = sock_listen_unix(path, SOCK_STREAM, 0600, &e);
	ok(fd >= 0, "a stale one is: %s", e.msg);
	ok(sock_send_fds(c, "x", 1, (int[]){pipes[0][0], pipes[1][0]}, 2) == 0, "two descriptors are sent");
	n = 1;
	ok(sock_recv_fds(a, &byte, 1, fds, &n) == 1 && n == 1, "the surplus one is closed");
	ok(read(fds[0], &byte, 1) == 1 && byte == 'x', "and the other works");
	unlink(path);
	rmdir(sub);
	rmdir(dir);

	fd = sock_listen_tcp("127.0.0.1", "0", false, false, &e);
	sock_name(fd, false, name, sizeof name);
	ok(fd >= 0 && !strncmp(name, "127.0.0.1:", 10), "listens on %s", name);
	c = sock_connect_tcp("127.0.0.1", strchr(name, ':') + 1, true, false, &e);
	ok(c >= 0, "connects: %s", e.msg);
	ok(sock_connect_tcp("127.0.0.1", "not-a-service", true, false, &e) < 0 && strstr(e.msg, "not-a-service"),
	   "a wrong port is named");
	ok(sock_pair(SOCK_SEQPACKET, pair, &e) == 0, "a pair");
	return tap_done();
}
