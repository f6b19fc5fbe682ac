/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * execve: the guest's new program is run by a new run of this emulator, with the same options, so children stay
 * under it without any registration with the kernel. Everything that can be refused is refused before the host's
 * execve: what comes back after it can only be seen by the new emulator.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "internal.h"

#define STRINGS_MAX (6u << 20) /* of one argument; the host's kernel has the last word on the sum */
#define COUNT_MAX (1u << 20)

/* The words in front of the program: this emulator's options. */
int exec_save_options(struct process *p, const char *argv0)
{
	const struct user_options *o = &p->options;
	char text[64], **v = calloc(40, sizeof(*v));
	unsigned n = 0;
	char exe[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	const char *called = p->by_kernel ? NULL : (const char *)getauxval(AT_EXECFN);

	if (!v)
		return -ENOMEM;
	if (len > 0) {
		exe[len] = 0;
		p->emu_path = strdup(exe);
	} else if (called) { /* no /proc here */
		p->emu_path = realpath(called, NULL);
	}
	p->emu_fd = (int)o->self_fd;
	if (p->emu_fd >= 0)
		fcntl(p->emu_fd, F_SETFD, FD_CLOEXEC);
	v[n++] = strdup(argv0);
#define WORD(name, value) (v[n++] = strdup(name), v[n++] = strdup(value))
	if (o->prefix)
		WORD("-L", o->prefix);
	if (o->cpu_model)
		WORD("-cpu", o->cpu_model);
	if (o->stack_size) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)o->stack_size);
		WORD("-s", text);
	}
	if (o->reserved_va) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)o->reserved_va);
		WORD("-R", text);
	}
	if (o->page_size) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)o->page_size);
		WORD("-p", text);
	}
	if (o->log_items)
		WORD("-d", o->log_items);
	if (o->log_path)
		WORD("-D", o->log_path);
	if (o->release)
		WORD("-r", o->release);
	if (o->seed)
		WORD("-seed", o->seed);
	if (o->trace)
		WORD("-trace", o->trace);
	if (o->accel == JIT_INTERPRET)
		WORD("-accel", "interp");
#undef WORD
	if (o->strace)
		v[n++] = strdup("-strace");
	if (o->one_insn)
		v[n++] = strdup("-singlestep");
	p->emu_argv = v;
	return 0;
}

/* A NULL-terminated vector of guest strings. */
static char **read_vector(struct thread *t, uint64_t at, int *error)
{
	unsigned w = t->process->abi->word, n = 0, room = 0;
	char **v = NULL;

	for (;;) {
		uint64_t s = 0;

		if (n == room) {
			char **bigger = realloc(v, (room = room ? 2 * room : 64) * sizeof(*v));

			if (!bigger) {
				*error = -ENOMEM;
				goto fail;
			}
			v = bigger;
		}
		v[n] = NULL;
		if (at && user_read_word(t, &s, at + (uint64_t)n * w)) {
			*error = -EFAULT;
			goto fail;
		}
		if (!s)
			return v;
		if (n == COUNT_MAX) {
			*error = -E2BIG;
			goto fail;
		}
		v[n] = user_dup_string(t, s, STRINGS_MAX, error);
		if (!v[n])
			goto fail;
		n++;
	}
fail:
	program_free_vector(v);
	return NULL;
}

static unsigned count(char **v)
{
	unsigned n = 0;

	while (v[n])
		n++;
	return n;
}

/*
 * In another root directory /proc may be absent and paths mean something else. The descriptor lies high, out of the way of numbers
 * that the guest counts on, and close() and its kin spare it (user_fd_reserved).
 */
void user_root_changes(struct thread *t)
{
	struct process *p = t->process;
	int fd, high;

	if (p->emu_fd >= 0)
		return;
	fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	if (fd < 0 && p->emu_path)
		fd = open(p->emu_path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return;
	for (high = 1000; high > fd && (p->emu_fd = fcntl(fd, F_DUPFD_CLOEXEC, high)) < 0; high /= 2)
		;
	if (p->emu_fd < 0)
		p->emu_fd = fd;
	else
		close(fd);
}

/* Runs this emulator again, wherever its file can still be had. -ENOENT: nowhere. */
static int run_again(struct process *p, char **v, char **envp)
{
	int r;

	execve("/proc/self/exe", v, envp);
	r = -errno;
	if (p->emu_fd >= 0) {
		fcntl(p->emu_fd, F_SETFD, 0);
		syscall(SYS_execveat, p->emu_fd, "", v, envp, AT_EMPTY_PATH);
		r = -errno;
		fcntl(p->emu_fd, F_SETFD, FD_CLOEXEC);
	} else if (r == -ENOENT && p->emu_path) {
		execve(p->emu_path, v, envp);
		r = -errno;
	}
	return r;
}

/* The host's execve. Comes back only with an error. */
static int64_t replace(struct thread *t, const char *path, int fd, char **argv, char **envp)
{
	struct process *p = t->process;
	unsigned n = count(p->emu_argv), argc = count(argv), k = n, i;
	char **v = calloc(n + argc + 16, sizeof(*v)), mask[32], number[16], own[16], limits[100];
	uint64_t all = user_host_mask(~0ull), host = user_host_mask(t->mask);
	int64_t r;

	if (!v)
		return -ENOMEM;
	memcpy(v, p->emu_argv, n * sizeof(*v));
	snprintf(mask, sizeof(mask), "%llx", (unsigned long long)t->mask);
	v[k++] = "-sigmask";
	v[k++] = mask;
	if (linux_space_limits(p, limits, sizeof(limits))) {
		v[k++] = "-spacelimits";
		v[k++] = limits;
	}
	if (fd >= 0) {
		snprintf(number, sizeof(number), "%d", fd);
		v[k++] = "-execfd";
		v[k++] = number;
	}
	if (p->emu_fd >= 0) {
		snprintf(own, sizeof(own), "%d", p->emu_fd);
		v[k++] = "-selffd";
		v[k++] = own;
	}
	v[k++] = "-0";
	v[k++] = argc ? argv[0] : "";
	v[k++] = "--";
	v[k++] = (char *)path;
	for (i = 1; i < argc; i++)
		v[k++] = argv[i];

	/* A signal that was captured must not be lost; those that come later stay with the kernel over the exec. */
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	if (t->signal_ready) {
		free(v);
		return -ERESTARTNOINTR;
	}
	if (log_mask)
		fflush(log_stream());
	signal_exec_reset(p);
	r = run_again(p, v, envp);
	if (r == -ENOENT && p->by_kernel) {
		/* A root directory in which only the kernel has the emulator (binfmt_misc, flag F). */
		uint64_t own_mask = t->mask;

		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &own_mask, NULL, 8);
		if (fd >= 0)
			syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
		else
			execve(path, argv, envp);
		r = -errno;
	}
	signal_exec_failed(t);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &host, NULL, 8);
	free(v);
	return r;
}

static int64_t execute(struct thread *t, int dirfd, uint64_t path_at, uint64_t argv_at, uint64_t envp_at, int flags)
{
	struct process *p = t->process;
	struct image im = {.fd = -1};
	struct err e = ERR_INIT;
	char path[PATH_MAX], name[PATH_MAX + 32], **argv = NULL, **envp = NULL, **probe = NULL;
	int fd = -1, error = 0;
	int64_t n, r;

	n = user_read_string(t, path, path_at, sizeof(path));
	if (n < 0)
		return n;
	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	if (!n && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	argv = read_vector(t, argv_at, &error);
	envp = argv ? read_vector(t, envp_at, &error) : NULL;
	r = error;
	if (!envp)
		goto out;

	/* /proc/self/exe is the guest's program, not this one. */
	if (user_proc_readlink(t, path, name, sizeof(name)) > 0)
		snprintf(path, sizeof(path), "%s", p->exe_path);
	snprintf(name, sizeof(name), "%s", path);
	if (dirfd != AT_FDCWD && path[0] != '/') {
		fd = n ? openat(dirfd, path, O_RDONLY | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0))
		       : fcntl(dirfd, F_DUPFD, 0);
		if (fd < 0) {
			r = -errno;
			goto out;
		}
		if (fcntl(fd, F_GETFL) & O_PATH) { /* one cannot read through it; open the same file */
			char proc[64];
			int old = fd;

			snprintf(proc, sizeof(proc), "/proc/self/fd/%d", old);
			fd = open(proc, O_RDONLY);
			r = -errno;
			close(old);
			if (fd < 0)
				goto out;
		}
		snprintf(name, sizeof(name), n ? "/dev/fd/%d/%s" : "/dev/fd/%d", n ? dirfd : dirfd, path);
	} else if (flags & AT_SYMLINK_NOFOLLOW) {
		char buf[8];

		if (readlink(path, buf, sizeof(buf)) >= 0) {
			r = -ELOOP;
			goto out;
		}
	}
	probe = program_copy_vector(argv);
	if (!probe) {
		r = -ENOMEM;
		goto out;
	}
	if (!probe[0]) {
		program_free_vector(probe);
		probe = calloc(2, sizeof(*probe));
		if (!probe || !(probe[0] = strdup(""))) {
			r = -ENOMEM;
			goto out;
		}
	}
	r = program_resolve(AT_FDCWD, name, fd, &probe, &im, &e);
	if (!r)
		r = program_check_interp(p, &im, &e);
	elf_image_free(&im);
	if (!r)
		r = replace(t, name, fd, argv, envp);
	else
		TRACE(user_exec_refused, "%s", e.msg);
out:
	if (fd >= 0)
		close(fd);
	program_free_vector(probe);
	program_free_vector(argv);
	program_free_vector(envp);
	return r;
}

int64_t sys_execve(struct thread *t, const uint64_t *a)
{
	return execute(t, AT_FDCWD, a[0], a[1], a[2], 0);
}

int64_t sys_execveat(struct thread *t, const uint64_t *a)
{
	return execute(t, (int)a[0], a[1], a[2], a[3], (int)a[4]);
}
