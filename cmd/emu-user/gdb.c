/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The debugger's end of -g: gdb's remote serial protocol, all-stop.
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

static struct gdb *gdb_of(void)
{
	return the_process ? the_process->gdb : NULL;
}

bool gdb_attached(void)
{
	struct gdb *g = gdb_of();

	return g && g->fd >= 0;
}

bool gdb_fd_is(int fd)
{
	struct gdb *g = gdb_of();

	return g && g->fd == fd;
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

static void kick_others(struct gdb *g, struct thread *but)
{
	struct thread *t;

	pthread_mutex_lock(&g->p->thread_lock);
	for (t = g->p->threads; t; t = t->next)
		if (t != but)
			thread_kick(t);
	pthread_mutex_unlock(&g->p->thread_lock);
}

/* Reads the connection while the program runs: a Ctrl-C stops it. */
static void *listener(void *opaque)
{
	struct gdb *g = opaque;
	struct pollfd pf = {.events = POLLIN | POLLRDHUP};
	uint64_t all = ~0ull;
	ssize_t n;
	uint8_t b;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	for (;;) {
		pthread_mutex_lock(&g->lock);
		while (!g->running || g->interrupted)
			pthread_cond_wait(&g->resume, &g->lock);
		pf.fd = g->fd;
		pthread_mutex_unlock(&g->lock);
		if (pf.fd < 0)
			return NULL;
		if (poll(&pf, 1, 100) <= 0)
			continue;
		pthread_mutex_lock(&g->lock);
		n = g->running ? recv(g->fd, &b, 1, MSG_DONTWAIT) : -1;
		if (n == 0 || (n == 1 && b == 3)) { /* the end stops the program, too: talk() finds it */
			g->interrupted = true;
			g->p->stop_request = true;
			kick_others(g, NULL);
		}
		pthread_mutex_unlock(&g->lock);
	}
}

int gdb_start(struct process *p, const char *where, struct err *e)
{
	struct gdb *g;
	pthread_attr_t attr;
	pthread_t id;
	int l = listen_on(where, e), one = 1;

	if (l < 0)
		return l;
	g = calloc(1, sizeof(*g));
	if (!g)
		return err_errno(e, ENOMEM, "-g");
	g->p = p;
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->resume, NULL);
	do
		g->fd = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	while (g->fd < 0 && errno == EINTR);
	close(l);
	if (g->fd < 0)
		return err_errno(e, errno, "-g %s", where);
	setsockopt(g->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	p->gdb = g;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&id, &attr, listener, g))
		return err_errno(e, EAGAIN, "-g: no thread for the connection");
	signal_reinstall(p);
	gdb_stop(user_current(), SIGTRAP, NULL);
	return 0;
}

/* The debugger is gone: the program goes on alone. */
static void detach(struct gdb *g)
{
	struct thread *t;

	gdb_remove_all(g);
	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
	signal_reinstall(g->p);
	pthread_mutex_lock(&g->p->thread_lock);
	for (t = g->p->threads; t; t = t->next) {
		t->cpu->single_step = false;
		t->cpu->watched = NULL;
	}
	pthread_mutex_unlock(&g->p->thread_lock);
}

void gdb_forked(struct process *p)
{
	struct gdb *g = p->gdb;

	if (!g)
		return;
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->resume, NULL);
	p->stop_request = false;
	detach(g);
}

void gdb_exit(int status, bool by_signal)
{
	struct gdb *g = gdb_of();

	if (!gdb_attached())
		return;
	pthread_mutex_lock(&g->lock);
	gdb_begin(g);
	gdb_put(g, by_signal ? "X%02x" : "W%02x", by_signal ? gdb_signal_to(status) : status & 0xff);
	g->no_ack = true; /* the answer is of no interest any more */
	gdb_send(g);
	close(g->fd);
	g->fd = -1;
	pthread_mutex_unlock(&g->lock);
}

/* ---- stops -------------------------------------------------------------------------------------------------------- */

static void stop_reply(struct gdb *g, struct thread *t, int sig)
{
	gdb_begin(g);
	gdb_put(g, "T%02x", gdb_signal_to(sig));
	if (g->stop_was_watch)
		gdb_put(g, "%swatch:%llx;", g->hit_kind == '3' ? "r" : g->hit_kind == '4' ? "a" : "", (unsigned long long)g->hit);
	else if (g->stop_was_breakpoint)
		gdb_put(g, "swbreak:;");
	gdb_put(g, "thread:%x;", t->tid);
	gdb_send(g);
}

static void step_all(struct gdb *g, struct thread *only, bool step)
{
	struct thread *t;

	g->stepper = step ? only : NULL;
	pthread_mutex_lock(&g->p->thread_lock);
	for (t = g->p->threads; t; t = t->next) {
		t->cpu->watched = g->ranges;
		t->cpu->single_step = g->watches || (step && t == only);
	}
	pthread_mutex_unlock(&g->p->thread_lock);
}

/* vCont;ACTION[:TID]…: the first step action names the thread that steps; all others go on. */
static void resume_actions(struct gdb *g, const char *s, struct thread *t, int *sig)
{
	struct thread *stepper = NULL;
	bool decided = false;

	while (*s == ';') {
		char action = s[1];
		int with = 0;
		struct thread *who = t;
		char *end = (char *)s + 2;

		if (action == 'C' || action == 'S')
			with = gdb_signal_from((int)strtol(s + 2, &end, 16));
		if (*end == ':') {
			pid_t tid;

			end++;
			if (*end == 'p') { /* pPID.TID */
				end = strchr(end, '.');
				if (!end)
					break;
				end++;
			}
			tid = (pid_t)strtol(end, &end, 16);
			who = tid > 0 ? gdb_thread(g, tid) : t;
		}
		if (who == t && !decided) {
			*sig = with;
			decided = true;
		}
		if ((action == 's' || action == 'S') && who)
			stepper = who;
		s = end;
	}
	step_all(g, stepper, stepper != NULL);
}

/* Talks until the debugger resumes the program. sig: what is reported; returns what the thread goes on with. */
static int talk(struct gdb *g, struct thread *t, int sig)
{
	struct thread *general = t;
	int len, go = sig;

	stop_reply(g, t, sig);
	while ((len = gdb_receive(g)) >= 0) {
		const char *s = g->in;

		switch (s[0]) {
		case '?':
			stop_reply(g, t, sig);
			break;
		case 'H': {
			pid_t tid = (pid_t)strtol(s + 2, NULL, 16);
			struct thread *o = tid > 0 ? gdb_thread(g, tid) : t;

			if (o && s[1] == 'g')
				general = o;
			gdb_reply(g, o ? "OK" : "E03");
			break;
		}
		case 'T':
			gdb_reply(g, gdb_thread(g, (pid_t)strtol(s + 1, NULL, 16)) ? "OK" : "E03");
			break;
		case 'g': case 'G': case 'p': case 'P':
			gdb_registers(g, general, s);
			break;
		case 'm': case 'M': case 'X':
			gdb_memory(g, general, s, (size_t)len);
			break;
		case 'Z': case 'z':
			gdb_point(g, general, s);
			break;
		case 'q':
			gdb_query(g, t, s);
			break;
		case 'Q':
			if (!strcmp(s, "QStartNoAckMode")) {
				gdb_reply(g, "OK");
				g->no_ack = true;
			} else {
				gdb_reply(g, "");
			}
			break;
		case 'v':
			if (!strcmp(s, "vCont?")) {
				gdb_reply(g, "vCont;c;C;s;S");
			} else if (!strncmp(s, "vCont;", 6)) {
				go = 0;
				resume_actions(g, s + 5, t, &go);
				return go;
			} else if (!strncmp(s, "vKill", 5)) {
				gdb_reply(g, "OK");
				goto killed;
			} else {
				gdb_reply(g, "");
			}
			break;
		case 'c': case 's':
			if (s[1])
				g->p->abi->isa->set_pc(t->cpu, strtoull(s + 1, NULL, 16));
			step_all(g, t, s[0] == 's');
			return 0;
		case 'C': case 'S':
			step_all(g, t, s[0] == 'S');
			return gdb_signal_from((int)strtol(s + 1, NULL, 16));
		case 'D':
			gdb_reply(g, "OK");
			detach(g);
			return sig == SIGTRAP ? 0 : sig;
		case 'k':
			goto killed;
		case 3:
			break;
		default:
			gdb_reply(g, "");
		}
	}
	detach(g);
	return sig == SIGTRAP || sig == SIGINT ? 0 : sig;
killed:
	close(g->fd);
	g->fd = -1;
	syscall(SYS_kill, getpid(), SIGKILL);
	return 0;
}

static bool at_breakpoint(struct gdb *g, uint64_t pc)
{
	unsigned i;

	for (i = 0; i < GDB_BREAKPOINTS; i++)
		if (g->breakpoint[i].set && g->breakpoint[i].addr == pc)
			return true;
	return false;
}

int gdb_stop(struct thread *t, int sig, const siginfo_t *si)
{
	struct process *p = t->process;
	struct gdb *g = p->gdb;
	const struct isa *isa = p->abi->isa;
	struct timespec pause = {0, 2000000};
	int go;

	if (!g || g->fd < 0 || t->vfork_child) {
		p->stop_request = false;
		return sig > 0 ? sig : 0;
	}
	/* A step that only looked at watched memory, or was begun when some was watched: not what anybody waits for. */
	if (sig == 0 && t != g->stepper && !(g->watches && gdb_watch_changed(g, t))) {
		if (!p->stop_request)
			return 0;
		sig = -1;
	}
	pthread_mutex_lock(&g->lock);
	if (sig < 0 && !g->interrupted) {
		uint8_t image[1024] __attribute__((aligned(64)));

		/* Another thread talks: wait for it, with the floating-point registers where it can read them. */
		p->abi->core_fpregs(t->cpu, image, sizeof(image));
		while (p->stop_request && g->fd >= 0)
			pthread_cond_wait(&g->resume, &g->lock);
		pthread_mutex_unlock(&g->lock);
		return 0;
	}
	if (sig < 0 && !p->stop_request) {
		pthread_mutex_unlock(&g->lock);
		return 0;
	}
	p->stop_request = true;
	g->running = false;
	g->stop_was_breakpoint = g->stop_was_watch = false;
	if (si)
		g->si = *si;
	unsigned after = isa->breakpoint_size ? isa->breakpoint_after : 1;
	if (sig == SIGTRAP && si && si->si_code > 0 && at_breakpoint(g, isa->get_pc(t->cpu) - after)) {
		isa->set_pc(t->cpu, isa->get_pc(t->cpu) - after);
		g->stop_was_breakpoint = true;
	}
	if (sig == 0 && g->watches)
		g->stop_was_watch = g->hit != 0;
	kick_others(g, t);
	nanosleep(&pause, NULL); /* time for the others to come to rest */
	go = talk(g, t, sig < 0 ? SIGINT : sig == 0 ? SIGTRAP : sig);
	if (g->stop_was_breakpoint && go == SIGTRAP)
		go = 0;
	g->hit = 0;
	g->interrupted = false;
	p->stop_request = false;
	g->running = true;
	pthread_cond_broadcast(&g->resume);
	pthread_mutex_unlock(&g->lock);
	return go;
}
