/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of /proc about the guest itself, as its own kernel would show them (proc(5)). */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "internal.h"

/* The part after /proc/self/, /proc/PID/, /proc/thread-self/ or /proc/self/task/TID/ of ourselves; NULL: another path. */
static const char *own_file(struct thread *t, const char *path)
{
	char *end;
	long n;

	if (strncmp(path, "/proc/", 6))
		return NULL;
	path += 6;
	if (!strncmp(path, "self/", 5)) {
		path += 5;
	} else if (!strncmp(path, "thread-self/", 12)) {
		path += 12;
	} else {
		n = strtol(path, &end, 10);
		if (end == path || *end != '/' || (n != getpid() && n != t->tid))
			return NULL;
		path = end + 1;
	}
	if (!strncmp(path, "task/", 5)) {
		n = strtol(path + 5, &end, 10);
		if (end == path + 5 || *end != '/' || n <= 0)
			return NULL;
		path = end + 1;
	}
	return path;
}

static void print_mapping(FILE *f, const char *host_line, uint64_t a, uint64_t b, uint64_t shift, const struct vma *v)
{
	unsigned long long x, y, off;
	char perms[8], dev[16], inode[24];
	int at = 0, width;
	const char *name = "";

	if (sscanf(host_line, "%llx-%llx %7s %llx %15s %23s %n", &x, &y, perms, &off, dev, inode, &at) < 6)
		return;
	if (at && host_line[at])
		name = host_line + at;
	if (v->flags & VMA_STACK)
		name = "[stack]";
	else if (v->flags & VMA_HEAP)
		name = "[heap]";
	else if (*name == '[' && !(v->flags & VMA_FIXTURE) && strncmp(name, "[anon", 5))
		name = "";
	width = fprintf(f, "%08llx-%08llx %c%c%c%c %08llx %s %s", (unsigned long long)a, (unsigned long long)b,
			v->prot & PROT_READ ? 'r' : '-', v->prot & PROT_WRITE ? 'w' : '-', v->prot & PROT_EXEC ? 'x' : '-',
			perms[3], off + (*dev == '0' && !strcmp(dev, "00:00") ? 0 : shift), dev, inode);
	if (*name)
		fprintf(f, "%*s%s", width < 73 ? 73 - width : 1, "", name);
	fputc('\n', f);
}

int proc_maps_text(struct process *p, FILE *out, bool smaps)
{
	FILE *f = fopen(smaps ? "/proc/self/smaps" : "/proc/self/maps", "re");
	char line[PATH_MAX + 128];
	bool shown = false;

	if (!f)
		return -errno;
	pthread_mutex_lock(&p->mm_lock);
	while (fgets(line, sizeof(line), f)) {
		unsigned long long a, b, at;
		char sep;

		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%llx-%llx%c", &a, &b, &sep) != 3 || sep != ' ') {
			if (shown) /* the counters that smaps has below each mapping */
				fprintf(out, "%s\n", line);
			continue;
		}
		a -= p->guest_base;
		b -= p->guest_base;
		shown = false;
		for (at = a; at < b;) {
			struct vma *v = vma_next(p, at);
			uint64_t start, stop;

			if (!v || v->start >= b)
				break;
			start = v->start > at ? v->start : at;
			stop = v->end < b ? v->end : b;
			at = stop;
			if (v->flags & VMA_BLOCKED)
				continue;
			print_mapping(out, line, start, stop, start - a, v);
			shown = true;
		}
	}
	pthread_mutex_unlock(&p->mm_lock);
	fclose(f);
	return 0;
}

/* stat: the host's, with the addresses of the guest's image in fields 26–28 and 45–51. */
static int stat_text(struct process *p, const char *path, FILE *out)
{
	FILE *f = fopen(path, "re");
	char line[2048], *s, *word, *rest;
	unsigned field = 3;

	if (!f)
		return -errno;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	line[strcspn(line, "\n")] = 0;
	s = strrchr(line, ')');
	if (!s || !s[1])
		return -EIO;
	fprintf(out, "%.*s", (int)(s + 1 - line), line);
	rest = s + 2;
	while ((word = strsep(&rest, " "))) {
		uint64_t v;

		switch (field) {
		case 26: v = p->start_code; break;
		case 27: v = p->end_code; break;
		case 28: v = p->start_stack; break;
		case 45: v = p->start_data; break;
		case 46: v = p->end_data; break;
		case 47: v = p->brk_start; break;
		case 48: v = p->arg_start; break;
		case 49: v = p->arg_end; break;
		case 50: v = p->env_start; break;
		case 51: v = p->env_end; break;
		default:
			fprintf(out, " %s", word);
			field++;
			continue;
		}
		fprintf(out, " %llu", (unsigned long long)v);
		field++;
	}
	fputc('\n', out);
	return 0;
}

static int memory_text(struct thread *t, uint64_t start, uint64_t end, FILE *out)
{
	char buf[1024];

	while (start < end) {
		size_t n = end - start < sizeof(buf) ? end - start : sizeof(buf);

		if (user_read(t, buf, start, n))
			return -EFAULT;
		fwrite(buf, 1, n, out);
		start += n;
	}
	return 0;
}

/*
 * Tells the kernel where the guest's arguments, environment and image are, so that /proc/PID/cmdline, environ and stat
 * show the guest to everyone (prctl(2), PR_SET_MM_MAP). Where the kernel does not allow it they are imitated for the guest itself.
 */
void proc_describe(struct process *p)
{
	uint64_t here = (uint64_t)(uintptr_t)sbrk(0), base = p->guest_base;
	uint64_t aux[2 * 48];
	struct prctl_mm_map m = {
		.start_code = p->start_code + base, .end_code = p->end_code + base,
		.start_data = p->start_data + base, .end_data = p->end_data + base,
		.start_brk = here, .brk = here, /* the emulator's own heap goes on from here */
		.start_stack = p->start_stack + base, .arg_start = p->arg_start + base, .arg_end = p->arg_end + base,
		.env_start = p->env_start + base, .env_end = p->env_end + base, .exe_fd = (uint32_t)-1,
	};
	unsigned i;

	if (p->start_data >= p->end_data) /* a program without data */
		m.start_data = m.end_data = m.end_code;
	if (p->start_code >= p->end_code)
		return;
	if (p->abi->word == 8 && p->auxv_size <= sizeof(aux)) {
		m.auxv = (void *)p->auxv;
		m.auxv_size = (uint32_t)p->auxv_size;
	} else {
		for (i = 0; i < p->auxv_size / 4 && i < sizeof(aux) / sizeof(aux[0]); i++) {
			uint32_t v;

			memcpy(&v, p->auxv + 4 * i, 4);
			aux[i] = v;
		}
		m.auxv = (void *)aux;
		m.auxv_size = i * 8;
	}
	p->proc_described = !prctl(PR_SET_MM, PR_SET_MM_MAP, &m, sizeof(m), 0);
}

bool user_proc_own(int dirfd, const char *path, char *full, size_t size)
{
	static const char *const names[] = {"maps", "smaps", "cmdline", "auxv", "environ", "stat", "exe"};
	const char *last = strrchr(path, '/');
	char link[64];
	ssize_t n;

	if (*path == '/')
		return false;
	last = last ? last + 1 : path;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(last, names[i]))
			continue;
		if (dirfd == AT_FDCWD)
			snprintf(link, sizeof(link), "/proc/self/cwd");
		else
			snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
		n = readlink(link, full, size - 1);
		if (n < 5 || memcmp(full, "/proc", 5) || (n > 5 && full[5] != '/'))
			return false;
		return (size_t)snprintf(full + n, size - (size_t)n, "/%s", path) < size - (size_t)n;
	}
	return false;
}

int user_proc_open(struct thread *t, const char *path, int flags, int mode)
{
	struct process *p = t->process;
	bool cpuinfo = p->abi->cpuinfo && !strcmp(path, "/proc/cpuinfo");
	const char *file = cpuinfo ? "cpuinfo" : own_file(t, path);
	FILE *out;
	int fd, r;

	if (!file || (cpuinfo && access(path, F_OK) < 0))
		return -ENOTSUP;
	if (!strcmp(file, "exe")) {
		fd = open(p->exe_path, flags, mode);
		return fd < 0 ? -errno : fd;
	}
	if (!cpuinfo && strcmp(file, "maps") && strcmp(file, "smaps") && strcmp(file, "cmdline") && strcmp(file, "auxv") &&
	    strcmp(file, "environ") && strcmp(file, "stat"))
		return -ENOTSUP;
	if (!cpuinfo && p->proc_described && strcmp(file, "maps") && strcmp(file, "smaps") && (p->abi->word == 8 || strcmp(file, "auxv")))
		return -ENOTSUP;
	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EACCES;
	fd = (int)syscall(SYS_memfd_create, file, flags & O_CLOEXEC ? 1u : 0u);
	if (fd < 0)
		return -errno;
	out = fdopen(fcntl(fd, F_DUPFD_CLOEXEC, 0), "w");
	if (!out) {
		r = -errno;
		close(fd);
		return r;
	}
	if (cpuinfo)
		p->abi->cpuinfo(t->cpu, (unsigned)sysconf(_SC_NPROCESSORS_ONLN), out), r = 0;
	else if (!strcmp(file, "maps") || !strcmp(file, "smaps"))
		r = proc_maps_text(p, out, file[0] == 's');
	else if (!strcmp(file, "cmdline"))
		r = memory_text(t, p->arg_start, p->arg_end, out);
	else if (!strcmp(file, "environ"))
		r = memory_text(t, p->env_start, p->env_end, out);
	else if (!strcmp(file, "auxv"))
		r = fwrite(p->auxv, 1, p->auxv_size, out) == p->auxv_size ? 0 : -EIO;
	else
		r = stat_text(p, path, out);
	if (fclose(out))
		r = -EIO;
	if (r || lseek(fd, 0, SEEK_SET) < 0) {
		close(fd);
		return r ? r : -EIO;
	}
	return fd;
}

int64_t user_proc_readlink(struct thread *t, const char *path, char *buf, size_t size)
{
	const char *file = own_file(t, path);
	size_t n;

	if (!file || strcmp(file, "exe"))
		return -ENOTSUP;
	n = strlen(t->process->exe_path);
	if (n > size)
		n = size;
	memcpy(buf, t->process->exe_path, n);
	if (n < size)
		buf[n] = 0;
	return (int64_t)n;
}

bool user_fd_reserved(int fd)
{
	return (fd >= 0 && the_process && fd == the_process->emu_fd) || gdb_fd_is(fd) || (log_mask && fd > 2 && fd == fileno(log_stream()));
}

/* What would change the emulator instead of the guest is refused; the rest concerns the process as such. */
int64_t user_prctl(struct thread *t, const uint64_t *a)
{
	switch ((int)a[0]) {
	case PR_SET_MM:
		return -EPERM;
	case PR_SET_SECCOMP: /* a filter would judge the emulator's calls */
	case PR_SET_TSC:
	case 59: /* PR_SET_SYSCALL_USER_DISPATCH */
	case 65: /* PR_SET_MDWE */
		return -EINVAL;
	case PR_GET_TID_ADDRESS:
		return user_write_word(t, a[1], t->clear_child_tid);
	default:
		return t->process->abi->prctl ? t->process->abi->prctl(t, a) : -ENOTSUP;
	}
}
