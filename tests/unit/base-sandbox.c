/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Under the filter what is allowed works, and what is not ends the process with SIGSYS. */
#include "base/sandbox.h"
#include "tap.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int under(enum sandbox_mode mode, unsigned allow, int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct err e = ERR_INIT;
		if (sandbox_enter(mode, allow, &e) < 0) {
			fprintf(stderr, "# %s\n", e.msg);
			_exit(99);
		}
		_exit(fn());
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}
static int opens(void) { return open("/dev/null", O_RDONLY) < 0; }
static int connects(void) { return socket(AF_UNIX, SOCK_STREAM, 0) < 0; }
static int maps_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}
static int works(void)
{
	int fd[2];
	char *p = malloc(1 << 20);
	memset(p, 1, 1 << 20);
	return pipe2(fd, 0) || write(fd[1], "x", 1) != 1 || read(fd[0], p, 1) != 1;
}
static int executes(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return 1;
}
static int drops(void)
{
	struct err e = ERR_INIT;
	cap_t none = cap_init(), now;
	int r = sandbox_drop_capabilities(NULL, &e);
	now = cap_get_proc();
	return r < 0 || cap_compare(none, now) != 0;
}

int main(void)
{
	struct err e = ERR_INIT;
	enum sandbox_mode m;

	ok_eq(under(SANDBOX_ON, SANDBOX_BASE, works), 0, "pipes and memory work under the base filter");
	ok_eq(under(SANDBOX_ON, SANDBOX_BASE, opens), -SIGSYS, "open is stopped");
	ok_eq(under(SANDBOX_ON, SANDBOX_OPEN, opens), 0, "open is let through where allowed");
	ok_eq(under(SANDBOX_ON, SANDBOX_SOCKET, connects), -SIGSYS, "a new socket is stopped");
	ok_eq(under(SANDBOX_ON, SANDBOX_CONNECT, connects), 0, "a new socket is let through where allowed");
	ok_eq(under(SANDBOX_ON, SANDBOX_OPEN, executes), -SIGSYS, "exec is stopped");
	ok_eq(under(SANDBOX_ON, SANDBOX_BASE, maps_code), -SIGSYS, "executable memory is stopped");
	ok_eq(under(SANDBOX_ON, SANDBOX_CODE, maps_code), 0, "executable memory is let through where allowed");
	ok_eq(under(SANDBOX_LOG, SANDBOX_BASE, opens), 0, "log mode stops nothing");
	ok_eq(under(SANDBOX_OFF, SANDBOX_BASE, drops), 0, "capabilities are gone after dropping them");
	ok(sandbox_parse("maybe", &m, &e) < 0 && strstr(e.msg, "off, on, log"), "modes are listed");
	ok(sandbox_drop_capabilities((const char *[]){"cap_nonsense", NULL}, &e) < 0, "an unknown capability is refused");
	return tap_done();
}
