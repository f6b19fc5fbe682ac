/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding the program that execve, or the command line, names: permissions, #! lines, the interpreter, and the
 * sentences for what is wrong with them. Nothing is mapped here, so execve can refuse before it gives anything up.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "internal.h"

struct process *the_process;

#define SCRIPT_DEPTH 5   /* as the kernel: #! of #! of … */
#define SCRIPT_LINE 256

const char *user_prefix_path(struct process *p, const char *path, char *out, size_t size)
{
	if (!p->options.prefix || path[0] != '/')
		return path;
	if ((size_t)snprintf(out, size, "%s%s", p->options.prefix, path) >= size || access(out, F_OK) < 0)
		return path;
	return out;
}

static unsigned count(char **v)
{
	unsigned n = 0;

	while (v[n])
		n++;
	return n;
}

static void free_vector(char **v)
{
	unsigned i;

	for (i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

char **program_copy_vector(char *const *v)
{
	unsigned n = 0, i;
	char **c;

	while (v[n])
		n++;
	c = calloc(n + 1, sizeof(*c));
	for (i = 0; c && i < n; i++)
		if (!(c[i] = strdup(v[i]))) {
			free_vector(c);
			return NULL;
		}
	return c;
}

void program_free_vector(char **v)
{
	free_vector(v);
}

/* "#!interp [one argument]": *interp and *arg are set into line. */
static int parse_script(char *line, char **interp, char **arg)
{
	char *s = line + 2, *end = strchr(s, '\n');

	if (!end && strlen(line) >= SCRIPT_LINE - 1) {
		/* A cut line is fine when the interpreter's name ends before the cut. */
		char *name = s + strspn(s, " \t");
		if (!strpbrk(name, " \t"))
			return -ENOEXEC;
	}
	if (end)
		*end = 0;
	s += strspn(s, " \t");
	end = s + strlen(s);
	while (end > s && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		if (*--end == '\r') {
			end++;
			break; /* the kernel keeps a carriage return, too */
		} else {
			*end = 0;
		}
	if (!*s)
		return -ENOEXEC;
	*interp = s;
	*arg = NULL;
	s += strcspn(s, " \t");
	if (*s) {
		*s++ = 0;
		s += strspn(s, " \t");
		if (*s)
			*arg = s;
	}
	return 0;
}

/* argv = interp, [arg], path, argv[1] … */
static int prepend(char ***argv, const char *interp, const char *arg, const char *path)
{
	unsigned n = count(*argv), k = 0, i;
	char **v = calloc(n + 4, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v[k++] = strdup(interp);
	if (arg)
		v[k++] = strdup(arg);
	v[k++] = strdup(path);
	for (i = 1; i < n; i++)
		v[k++] = (*argv)[i];
	if (n)
		free((*argv)[0]);
	free(*argv);
	*argv = v;
	for (i = 0; i < k; i++)
		if (!v[i])
			return -ENOMEM;
	return 0;
}

static int may_execute(int fd, const char *path, struct err *e)
{
	struct stat st;
	char proc[64];
	long r;

	if (fstat(fd, &st) < 0)
		return err_errno(e, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EACCES, "%s: is %s, not a program", path, S_ISDIR(st.st_mode) ? "a directory" : "no regular file");
	r = syscall(SYS_faccessat2, fd, "", X_OK, AT_EACCESS | AT_EMPTY_PATH); /* without /proc, too */
	if (r < 0 && errno == ENOSYS) { /* a kernel before 5.8 */
		snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
		r = faccessat(AT_FDCWD, proc, X_OK, AT_EACCESS);
	}
	if (r < 0)
		return err_hint((err_errno(e, EACCES, "%s: may not be executed", path), e), "chmod +x %s", path), -EACCES;
	return 0;
}

int program_resolve(int dirfd, const char *path, int exec_fd, char ***argv, struct image *im, struct err *e)
{
	char line[SCRIPT_LINE], *interp, *arg, real[PATH_MAX], proc[64];
	char *name = strdup(path);
	unsigned depth;
	ssize_t n;
	int fd, r;

	memset(im, 0, sizeof(*im));
	im->fd = -1;
	if (!name)
		return err_errno(e, ENOMEM, "%s", path);
	for (depth = 0;; depth++) {
		if (depth > SCRIPT_DEPTH) {
			r = err_set(e, ELOOP, "%s: more than %d interpreters of interpreters", path, SCRIPT_DEPTH);
			goto out;
		}
		if (depth == 0 && exec_fd >= 0)
			fd = fcntl(exec_fd, F_DUPFD_CLOEXEC, 0);
		else
			fd = openat(depth ? AT_FDCWD : dirfd, name, O_RDONLY | O_CLOEXEC);
		if (fd < 0 && errno == EACCES && depth == 0 && exec_fd < 0) {
			/* --x without r: the kernel could, we cannot read it */
			r = err_errno(e, EACCES, "%s: cannot be read", name);
			goto out;
		}
		if (fd < 0) {
			r = errno;
			r = depth ? err_errno(e, r, "%s: its interpreter %s cannot be opened", path, name)
				  : err_errno(e, r, "%s", name);
			goto out;
		}
		r = may_execute(fd, name, e);
		if (r) {
			close(fd);
			goto out;
		}
		n = pread(fd, line, sizeof(line) - 1, 0);
		if (n < 0)
			n = 0;
		line[n] = 0;
		if (n < 2 || line[0] != '#' || line[1] != '!')
			break;
		close(fd);
		if (parse_script(line, &interp, &arg)) {
			r = err_set(e, ENOEXEC, "%s: the line after #! names no interpreter", name);
			goto out;
		}
		r = prepend(argv, interp, arg, name);
		if (r) {
			err_errno(e, ENOMEM, "%s", name);
			goto out;
		}
		free(name);
		name = strdup((*argv)[0]);
		if (!name) {
			r = err_errno(e, ENOMEM, "%s", path);
			goto out;
		}
	}
	im->fd = fd;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	n = readlink(proc, real, sizeof(real) - 1);
	if (n > 0) {
		real[n] = 0;
		im->path = strdup(real);
	} else {
		im->path = realpath(name, NULL); /* no /proc here */
		if (!im->path)
			im->path = strdup(name);
	}
	r = elf_inspect(fd, name, im, e);
	if (r)
		elf_image_free(im);
out:
	free(name);
	return r;
}

/* Is the interpreter that the program names there, and for the same machine? */
int program_check_interp(struct process *p, const struct image *im, struct err *e)
{
	char out[PATH_MAX];
	struct image other = {.fd = -1};
	const char *path;
	int fd, r;

	if (!im->interp)
		return 0;
	path = user_prefix_path(p, im->interp, out, sizeof(out));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err_errno(e, errno, "%s: its interpreter %s cannot be opened", im->path, path);
		err_hint(e, "give the directory that holds the libraries of that machine with -L");
		return -e->code;
	}
	r = elf_inspect(fd, path, &other, e);
	if (!r && other.abi != im->abi)
		r = err_set(e, ENOEXEC, "%s: its interpreter %s is for another machine", im->path, path);
	free(other.interp);
	close(fd);
	return r;
}
