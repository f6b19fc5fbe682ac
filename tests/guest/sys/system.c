/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes and the system: limits, usage, scheduling, identity, capabilities, prctl, waiting, clocks, terminals. */
#include "say.h"
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	struct rlimit rl;
	for (int i = 0; i < 16; i++) {
		SAY(getrlimit(i, &rl));
		printf("%llx %llx\n", (long long)rl.rlim_cur, (long long)rl.rlim_max);
	}
	rl = (struct rlimit){100, 200};
	SAY(setrlimit(RLIMIT_NOFILE, &rl));
	SAY(prlimit(0, RLIMIT_NOFILE, NULL, &rl));
	printf("%d %d\n", (int)rl.rlim_cur, (int)rl.rlim_max);
	rl.rlim_cur = 300;
	SAY(setrlimit(RLIMIT_NOFILE, &rl));
	SAY(getrlimit(99, &rl));
	struct rusage ru;
	SAY(getrusage(RUSAGE_SELF, &ru));
	printf("maxrss %d\n", ru.ru_maxrss > 100);
	SAY(getrusage(5, &ru));
	struct tms tms;
	SAY(times(&tms) != -1);
	struct utsname u;
	SAY(uname(&u));
	printf("%s %s %s\n", u.sysname, u.release, sizeof(long) == 8 ? u.machine : "(i686, or the host's to a native program)");
	struct sysinfo si;
	SAY(sysinfo(&si));
	printf("ram %llu unit %u\n", (unsigned long long)si.totalram, si.mem_unit);

	struct sched_param sp;
	SAY(sched_getscheduler(0));
	SAY(sched_getparam(0, &sp));
	SAY(sched_get_priority_max(SCHED_FIFO));
	SAY(sched_setscheduler(0, 99, &sp));
	cpu_set_t cpus;
	SAY(sched_getaffinity(0, sizeof(cpus), &cpus));
	printf("cpus %d online %ld\n", CPU_COUNT(&cpus), sysconf(_SC_NPROCESSORS_ONLN));
	SAY(sched_setaffinity(0, sizeof(cpus), &cpus));
	SAY(syscall(SYS_sched_getaffinity, 0, 1, &cpus));
	unsigned cpu, node;
	SAY(getcpu(&cpu, &node));
	SAY(getpriority(PRIO_PROCESS, 0));
	SAY(setpriority(PRIO_PROCESS, 0, 5));
	SAY(nice(2));
	SAY(getpriority(PRIO_PROCESS, 0));

	gid_t groups[100];
	SAY(getgroups(100, groups));
	SAY(getgroups(-1, groups));
	uid_t r, e, s;
	SAY(getresuid(&r, &e, &s));
	printf("%d %d %d\n", r, e, s);
	SAY(setresuid(-1, -1, -1));
	struct __user_cap_header_struct ch = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct cd[2];
	SAY(syscall(SYS_capget, &ch, cd));
	printf("%x %x %x\n", cd[0].effective, cd[0].permitted, cd[1].permitted);
	ch.version = 0;
	SAY(syscall(SYS_capget, &ch, NULL));
	printf("%x\n", ch.version);

	char name[16];
	SAY(prctl(PR_SET_NAME, "a long name for a thread"));
	SAY(prctl(PR_GET_NAME, name));
	printf("%s\n", name);
	SAY(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	int sig;
	SAY(prctl(PR_GET_PDEATHSIG, &sig));
	printf("%d\n", sig);
	SAY(prctl(PR_SET_DUMPABLE, 1));
	SAY(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	SAY(prctl(PR_SET_CHILD_SUBREAPER, 1));
	SAY(prctl(99999));
	SAY(prctl(PR_CAPBSET_READ, 5));

	/* children */
	pid_t c = fork();
	if (c == 0)
		_exit(42);
	int st;
	siginfo_t info;
	SAY(waitid(P_PID, c, &info, WEXITED | WNOWAIT));
	printf("pid %d signo %d code %d status %d\n", info.si_pid == c, info.si_signo, info.si_code, info.si_status);
	SAY(wait4(c, &st, 0, &ru) == c);
	printf("%x\n", st);
	c = fork();
	if (c == 0) {
		raise(SIGSTOP);
		for (;;)
			pause();
	}
	SAY(waitpid(c, &st, WUNTRACED) == c);
	printf("%x\n", st);
	SAY(waitid(P_ALL, 0, &info, WEXITED | WNOHANG));
	printf("pid %d signo %d\n", info.si_pid, info.si_signo);
	SAY(kill(c, SIGCONT));
	SAY(waitpid(c, &st, WCONTINUED) == c);
	printf("%x\n", st);
	SAY(kill(c, SIGKILL));
	SAY(waitpid(c, &st, 0) == c);
	printf("%x\n", st);
	SAY(waitpid(-1, &st, 0));
	SAY(waitid(77, 0, &info, WEXITED));
	SAY(getpgrp() == getpgid(0));
	SAY(getsid(0) > 0);
	SAY(setpgid(0, 0));

	/* clocks */
	struct timespec ts, ts2;
	struct timeval tv;
	SAY(clock_getres(CLOCK_MONOTONIC, &ts));
	printf("%ld\n", ts.tv_nsec);
	SAY(clock_gettime(77, &ts));
	clock_gettime(CLOCK_REALTIME, &ts);
	gettimeofday(&tv, NULL);
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts2);
	printf("near %d %d %d\n", labs((long)(tv.tv_sec - ts.tv_sec)) <= 1, labs((long)(ts2.tv_sec - ts.tv_sec)) <= 1,
	       labs((long)(time(NULL) - ts.tv_sec)) <= 1);
	struct timex tx = {.modes = 0};
	SAY(adjtimex(&tx) >= 0);
	printf("tick %ld\n", tx.tick);
	SAY(clock_settime(CLOCK_MONOTONIC, &ts));
	struct timespec rr;
	SAY(sched_rr_get_interval(0, &rr));

	/* terminals */
	int m = posix_openpt(O_RDWR | O_NOCTTY);
	SAY(grantpt(m));
	SAY(unlockpt(m));
	int t = open(ptsname(m), O_RDWR | O_NOCTTY);
	struct termios tio;
	SAY(tcgetattr(t, &tio));
	printf("%x %x %x %x speed %d\n", tio.c_iflag, tio.c_oflag, tio.c_cflag, tio.c_lflag, cfgetospeed(&tio));
	cfmakeraw(&tio);
	SAY(tcsetattr(t, TCSANOW, &tio));
	SAY(tcgetattr(t, &tio));
	printf("%x %x %x %x vmin %d\n", tio.c_iflag, tio.c_oflag, tio.c_cflag, tio.c_lflag, tio.c_cc[VMIN]);
	struct winsize ws = {24, 80, 1, 2};
	SAY(ioctl(m, TIOCSWINSZ, &ws));
	memset(&ws, 0, sizeof(ws));
	SAY(ioctl(t, TIOCGWINSZ, &ws));
	printf("%d %d\n", ws.ws_row, ws.ws_col);
	SAY(write(m, "typed", 5));
	char buf[10];
	SAY(read(t, buf, 10));
	SAY(isatty(t));
	SAY(isatty(0) + isatty(99));
	SAY(tcgetpgrp(t));
	SAY(ioctl(t, 0x1234, &ws));
	SAY(syscall(9999));
	SAY(personality(0xffffffff));
	return 0;
}
