/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The debugger of -g: its connection, and the stops of the program.
 *
 * Theory of operation. A guest thread that has something to report (a signal, a breakpoint, a finished step) calls
 * gdb_stop(). It takes g->lock, asks the other threads to come too, and talks to the debugger until that says how to go
 * on. The others wait in gdb_stop() for the condition; one that sleeps in the kernel stays there, its registers are in
 * its state anyway. While the program runs, a small thread reads the connection for a Ctrl-C.
 * Breakpoints are INT3 in guest memory. A watchpoint makes every thread run instruction by instruction and compares; one
 * for loads has every instruction interpreted, whose accesses are seen one by one.
 * A forked child is let go, without breakpoints.
 */
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "gdb.h"

static struct debug *debug_of(void)
{
	return the_process ? the_process->gdb : NULL;
}

bool gdb_attached(void)
{
	struct debug *d = debug_of();

	return d && d->fd >= 0;
}

bool gdb_fd_is(int fd)
{
	struct debug *d = debug_of();

	return d && d->fd == fd;
}

/* ---- the connection -------------------------------------------------------------------------------------------- */

static int listen_on(const char *where, struct err *e)
{
	int fd, one = 1;

	if (strchr(where, '/')) {
		struct sockaddr_un a = {.sun_family = AF_UNIX};

		if (strlen(where) >= sizeof(a.sun_path))
			return err_set(e, ENAMETOOLONG, "-g %s: the path is too long for a socket", where);
		strcpy(a.sun_path, where);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		unlink(where);
		if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0)
			return err_errno(e, errno, "-g %s", where);
	} else {
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		char *end;
		long port = strtol(where, &end, 10);

		if (*end || port < 1 || port > 65535)
			return err_set(e, EINVAL, "-g: '%s' is not accepted; it is a port from 1 to 65535 or a socket's path",
				       where);
		a.sin_port = htons((uint16_t)port);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0)
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0)
			return err_errno(e, errno, "-g %s", where);
	}
	return fd;
}

void debug_kick(struct debug *d, struct thread *but)
{
	struct thread *t;

	pthread_mutex_lock(&d->p->thread_lock);
	for (t = d->p->threads; t; t = t->next)
		if (t != but)
			thread_kick(t);
	pthread_mutex_unlock(&d->p->thread_lock);
}

/* Reads the connection while the program runs: a Ctrl-C stops it. */
static void *listener(void *opaque)
{
	struct debug *d = opaque;
	struct pollfd pf = {.events = POLLIN | POLLRDHUP};
	uint64_t all = ~0ull;
	ssize_t n;
	uint8_t b;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	for (;;) {
		pthread_mutex_lock(&d->lock);
		while (!d->running || d->interrupted)
			pthread_cond_wait(&d->resume, &d->lock);
		pf.fd = d->fd;
		pthread_mutex_unlock(&d->lock);
		if (pf.fd < 0)
			return NULL;
		if (poll(&pf, 1, 100) <= 0)
			continue;
		pthread_mutex_lock(&d->lock);
		n = d->running ? recv(d->fd, &b, 1, MSG_DONTWAIT) : -1;
		if (n == 1)
			gdb_input(d->server, &b, 1);
		else if (n == 0) /* the end stops the program, too: talk() finds it */
			debug_target.interrupt(d);
		pthread_mutex_unlock(&d->lock);
	}
}

int gdb_start(struct process *p, const char *where, struct err *e)
{
	struct debug *d;
	struct gdb_target *target;
	pthread_attr_t attr;
	pthread_t id;
	int l = listen_on(where, e), one = 1;

	if (l < 0)
		return l;
	d = calloc(1, sizeof(*d));
	target = malloc(sizeof(*target));
	if (d && target) {
		*target = debug_target;
		target->arch = p->abi->isa->gdb_arch;
		d->server = gdb_new(target, d);
	}
	if (!d || !d->server) {
		free(d);
		free(target);
		close(l);
		return err_errno(e, ENOMEM, "-g");
	}
	d->p = p;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->resume, NULL);
	do
		d->fd = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	while (d->fd < 0 && errno == EINTR);
	close(l);
	if (d->fd < 0)
		return err_errno(e, errno, "-g %s", where);
	setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	p->gdb = d;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&id, &attr, listener, d))
		return err_errno(e, EAGAIN, "-g: no thread for the connection");
	signal_reinstall(p);
	gdb_stop(user_current(), SIGTRAP, NULL);
	return 0;
}

void debug_detach(struct debug *d)
{
	struct thread *t;

	debug_target.clear_points(d);
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	signal_reinstall(d->p);
	pthread_mutex_lock(&d->p->thread_lock);
	for (t = d->p->threads; t; t = t->next) {
		t->cpu->single_step = false;
		t->cpu->watched = NULL;
	}
	pthread_mutex_unlock(&d->p->thread_lock);
}

void gdb_forked(struct process *p)
{
	struct debug *d = p->gdb;

	if (!d)
		return;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->resume, NULL);
	p->stop_request = false;
	debug_detach(d);
}

void gdb_exit(int status, bool by_signal)
{
	struct debug *d = debug_of();

	if (!gdb_attached())
		return;
	pthread_mutex_lock(&d->lock);
	gdb_exited(d->server, by_signal ? gdb_signal_to(status) : status & 0xff, by_signal);
	close(d->fd);
	d->fd = -1;
	pthread_mutex_unlock(&d->lock);
}

/* ---- stops -------------------------------------------------------------------------------------------------------- */

/* Talks until the debugger resumes the program. sig: what is reported; returns what the thread goes on with. */
static int talk(struct debug *d, struct thread *t, int sig, int what)
{
	struct gdb_stop s = {.signal = gdb_signal_to(sig), .thread = t->tid, .point = what, .address = d->hit};
	char data[4096];

	d->talker = t;
	d->sig = d->go = sig;
	gdb_stopped(d->server, &s);
	while (d->fd >= 0 && !gdb_running(d->server)) {
		ssize_t n = recv(d->fd, data, sizeof(data), 0);

		if (n > 0) {
			gdb_input(d->server, data, (size_t)n);
		} else if (n == 0 || errno != EINTR) {
			debug_detach(d);
			d->go = sig == SIGTRAP || sig == SIGINT ? 0 : sig;
		}
	}
	return d->go;
}

int gdb_stop(struct thread *t, int sig, const siginfo_t *si)
{
	struct process *p = t->process;
	struct debug *d = p->gdb;
	const struct isa *isa = p->abi->isa;
	struct timespec pause = {0, 2000000};
	int go, what = -1;

	if (!d || d->fd < 0 || t->vfork_child) {
		p->stop_request = false;
		return sig > 0 ? sig : 0;
	}
	/* A step that only looked at watched memory, or was begun when some was watched: not what anybody waits for. */
	if (sig == 0 && t != d->stepper && !(d->watches && debug_watch_hit(d, t))) {
		if (!p->stop_request)
			return 0;
		sig = -1;
	}
	pthread_mutex_lock(&d->lock);
	if (sig < 0 && !d->interrupted) {
		uint8_t image[1024] __attribute__((aligned(64)));

		/* Another thread talks: wait for it, with the floating-point registers where it can read them. */
		p->abi->core_fpregs(t->cpu, image, sizeof(image));
		while (p->stop_request && d->fd >= 0)
			pthread_cond_wait(&d->resume, &d->lock);
		pthread_mutex_unlock(&d->lock);
		return 0;
	}
	if (sig < 0 && !p->stop_request) {
		pthread_mutex_unlock(&d->lock);
		return 0;
	}
	p->stop_request = true;
	d->running = false;
	if (si)
		d->si = *si;
	unsigned after = isa->breakpoint_size ? isa->breakpoint_after : 1;
	if (sig == SIGTRAP && si && si->si_code > 0 && debug_at_breakpoint(d, isa->get_pc(t->cpu) - after)) {
		isa->set_pc(t->cpu, isa->get_pc(t->cpu) - after);
		what = GDB_BREAK;
	}
	if (sig == 0 && d->watches && d->hit)
		what = d->hit_kind;
	debug_kick(d, t);
	nanosleep(&pause, NULL); /* time for the others to come to rest */
	go = talk(d, t, sig < 0 ? SIGINT : sig == 0 ? SIGTRAP : sig, what);
	if (what == GDB_BREAK && go == SIGTRAP)
		go = 0;
	d->hit = 0;
	d->interrupted = false;
	p->stop_request = false;
	d->running = true;
	pthread_cond_broadcast(&d->resume);
	pthread_mutex_unlock(&d->lock);
	return go;
}
