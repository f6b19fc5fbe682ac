/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl-server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "display-server.h"
#include "machine.h"
#include "settings.h"

extern const struct ctl_command *const __start_ctl_commands[] __attribute__((weak));
extern const struct ctl_command *const __stop_ctl_commands[] __attribute__((weak));

static void lock(void *opaque)
{
	machine_lock(opaque);
}

static void unlock(void *opaque)
{
	machine_unlock(opaque);
}

/* The supervisor has gone: so does the machine. */
static void control_closed(void *opaque)
{
	machine_request(opaque, REQUEST_QUIT, "host-signal");
}

static int make_dir(const char *path, struct err *e)
{
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(e, errno, "cannot make the directory %s", path);
	/* The superuser may be about to become the user that it belongs to. */
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode) || (st.st_uid != geteuid() && geteuid() != 0))
		return err_set(e, EPERM, "%s is not a directory of this user", path);
	return 0;
}

/* The run directory into path; "": there is none. */
static int run_dir(const struct settings *s, char *path, size_t size, struct err *e)
{
	const char *base = getenv("XDG_RUNTIME_DIR"), *name = s->config.name;
	int n;

	*path = '\0';
	if (s->run_dir) {
		n = snprintf(path, size, "%s", s->run_dir);
		return n >= (int)size ? err_set(e, ENAMETOOLONG, "-run: too long a path") : make_dir(path, e);
	}
	if (!name)
		return 0;
	if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_set(e, EINVAL, "-name: '%s' cannot be the name of a run directory; -run DIR names another", name);
	if (base && *base)
		n = snprintf(path, size, "%s/emu", base);
	else
		n = snprintf(path, size, "/run/emu-%u", (unsigned)geteuid());
	if (n >= (int)size || make_dir(path, e) < 0)
		return n >= (int)size ? err_set(e, ENAMETOOLONG, "XDG_RUNTIME_DIR is too long a path") : -e->code;
	n += snprintf(path + n, size - (size_t)n, "/%s", name);
	return n >= (int)size ? err_set(e, ENAMETOOLONG, "-name: too long") : make_dir(path, e);
}

/* The socket's name: as given, or `file` in the run directory; NULL: none. */
static char *socket_name(const char *given, const char *dir, const char *file)
{
	char *path = NULL;

	if (given)
		return strdup(given);
	return *dir && asprintf(&path, "%s/%s", dir, file) > 0 ? path : NULL;
}

int machine_ctl_start(struct machine *m, const struct settings *s, const char *names[3], struct err *e)
{
	struct ctl_config config = {.package = "emu-cpu 1.0", .commands = __start_ctl_commands,
				    .count = (unsigned)(__stop_ctl_commands - __start_ctl_commands), .lock = lock, .unlock = unlock,
				    .keep_name = true, .control_closed = control_closed, .opaque = m};
	char dir[3900];

	if (run_dir(s, dir, sizeof dir, e) < 0)
		return -e->code;
	m->ctl = ctl_new(m->loop, &config, e);
	if (!m->ctl)
		return -e->code;
	if (s->ctl_fd >= 0 && ctl_add_client(m->ctl, (int)s->ctl_fd, true, e) < 0)
		return -e->code;
	m->ctl_name = socket_name(s->ctl, dir, "cpu.ctl");
	m->display_name = socket_name(s->display_socket, dir, "cpu.display");
	if (m->ctl_name) {
		if (ctl_listen(m->ctl, m->ctl_name, e) < 0)
			return -e->code;
		*names++ = m->ctl_name;
	}
	if (m->display_name) {
		if (display_server_listen(m, m->display_name, e) < 0)
			return -e->code;
		*names++ = m->display_name;
	}
	return 0;
}

void machine_ctl_stop(struct machine *m)
{
	ctl_free(m->ctl);
	m->ctl = NULL;
	free(m->ctl_name);
	free(m->display_name);
	m->ctl_name = m->display_name = NULL;
}
