/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boards: the registry, and what is the same for all of them when a machine is built; the firmware files that they load. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/keyval.h"
#include "core.h"
#include "icount.h"
#include "numa.h"
#include "plugs.h"

extern const struct board *const __start_board_types[] __attribute__((weak));
extern const struct board *const __stop_board_types[] __attribute__((weak));

static unsigned board_count(void)
{
	return (unsigned)(__stop_board_types - __start_board_types);
}

const struct board *board_find(const char *name)
{
	for (unsigned i = 0; i < board_count(); i++) {
		const struct board *b = __start_board_types[i];
		if (!strcmp(b->name, name) || (b->alias && !strcmp(b->alias, name)))
			return b;
		for (const char *const *v = b->versions; v && *v; v++)
			if (!strcmp(*v, name))
				return b;
	}
	return NULL;
}

const struct board *board_at(unsigned n)
{
	for (unsigned i = 0; i < board_count(); i++) {
		unsigned below = 0;
		for (unsigned k = 0; k < board_count(); k++)
			below += strcmp(__start_board_types[k]->name, __start_board_types[i]->name) < 0;
		if (below == n)
			return __start_board_types[i];
	}
	return NULL;
}

struct region *machine_ram(struct machine *m, const char *name, struct err *e)
{
	if (m->numa && m->numa->memdev[0]) {
		if (m->config.memory_backend)
			err_set(e, EINVAL, "memory-backend= and -numa node,memdev= exclude each other");
		else
			m->ram = numa_ram(m, name, e);
		return m->ram;
	}
	if (!m->config.memory_backend) {
		m->ram = region_new_ram(m, name, m->config.ram_size, e);
		return m->ram;
	}
	m->ram = memdev_region(m, m->config.memory_backend, e);
	if (m->ram && region_size(m->ram) != m->config.ram_size) {
		err_set(e, EINVAL, "Machine memory size does not match the size of the memory backend");
		m->ram = NULL;
	}
	return m->ram;
}

/* The board's own options of -machine. */
static int board_options(struct machine *m, struct err *e)
{
	const struct board *b = m->board;
	struct keyval kv = {0};
	int r = 0;

	if (b->size && !(m->options = calloc(1, b->size)))
		return err_set(e, ENOMEM, "out of memory");
	for (const struct prop *p = b->props; p && p->name; p++)
		prop_default(m->options, p);
	if (m->config.board_options && keyval_parse(m->config.board_options, NULL, &kv, e) < 0)
		return -e->code;
	for (unsigned i = 0; i < kv.count && r == 0; i++) {
		const struct prop *p = b->props;
		while (p && p->name && strcmp(p->name, kv.key[i]))
			p++;
		if (p && p->name) {
			r = prop_set(m->options, b->name, p, kv.value[i], m, e);
		} else {
			err_set(e, EINVAL, "Property '%s-machine.%s' not found", b->name, kv.key[i]);
			r = err_hint(e, "-machine %s,help lists them", b->name);
		}
	}
	keyval_free(&kv);
	return r;
}

int machine_build(struct machine *m, struct err *e)
{
	const struct machine_config *c = &m->config;
	int r = 0;

	m->board = board_find(c->board);
	if (!m->board) {
		err_set(e, EINVAL, "unsupported machine type: '%s'", c->board);
		return err_hint(e, "-machine help lists those that are supported");
	}
	r = icount_init(m, e);
	if (r)
		return r;
	if (c->max_cpus > m->board->max_cpus || c->cpus > m->board->max_cpus)
		return err_set(e, EINVAL, "Invalid SMP CPUs %u. The max CPUs supported by machine '%s' is %u",
			       c->max_cpus > c->cpus ? c->max_cpus : c->cpus, m->board->name, m->board->max_cpus);
	machine_lock(m);
	r = board_options(m, e);
	if (r == 0) {
		memory_begin(m);
		r = m->board->init(m, e);
		memory_commit(m);
	}
	for (unsigned i = 0; r == 0 && i < c->device.count; i++)
		if (!device_add(m, c->device.item[i], e))
			r = err_prefix(e, "-device %s", c->device.item[i]);
	if (r == 0)
		r = drives_check_used(m, e);
	if (r == 0 && m->board->ready)
		r = m->board->ready(m, e);
	if (r == 0) {
		m->built = true;
		machine_reset(m);
		device_globals_check(m);
	}
	machine_unlock(m);
	return r;
}

/* ---- firmware ---- */

/* Where the distribution's packages put it, and which package that is. */
static const struct {
	const char *dir, *package;
} firmware[] = {
	{"/usr/local/share/emutools", NULL}, {"/usr/share/emutools", NULL}, {"/usr/share/seabios", "seabios"},
	{"/usr/share/qemu", "qemu-system-data"}, {"/usr/lib/ipxe/qemu", "ipxe-qemu"}, {"/usr/share/OVMF", "ovmf"},
	{"/usr/share/ovmf", "ovmf"}, {"/usr/share/openbios", "openbios"},
};

static uint8_t *read_whole(const char *path, size_t *size, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *data;
	size_t got = 0;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		err_errno(e, fd >= 0 && S_ISDIR(st.st_mode) ? EISDIR : errno ? errno : EINVAL, "cannot read %s", path);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	data = st.st_size <= 256 << 20 ? malloc((size_t)st.st_size + 1) : NULL;
	if (!data)
		err_set(e, EFBIG, "%s is too large for firmware", path);
	while (data && got < (size_t)st.st_size) {
		ssize_t n = read(fd, data + got, (size_t)st.st_size - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err_errno(e, n < 0 ? errno : EIO, "cannot read %s", path);
			free(data);
			data = NULL;
			break;
		}
		got += (size_t)n;
	}
	close(fd);
	*size = got;
	return data;
}

uint8_t *firmware_load(struct machine *m, const char *file, size_t *size, struct err *e)
{
	const char *const *user = m->config.firmware_dirs;
	char path[4096];

	/* A path is taken as it is, when it is there; a name is searched for. */
	if (access(file, R_OK) == 0 || strchr(file, '/'))
		return read_whole(file, size, e);
	for (; user && *user; user++) {
		snprintf(path, sizeof path, "%s/%s", *user, file);
		if (access(path, R_OK) == 0)
			return read_whole(path, size, e);
	}
	for (unsigned i = 0; i < sizeof firmware / sizeof *firmware; i++) {
		snprintf(path, sizeof path, "%s/%s", firmware[i].dir, file);
		if (access(path, R_OK) == 0)
			return read_whole(path, size, e);
	}
	err_set(e, ENOENT, "firmware file '%s' not found", file);
	err_hint(e, "-L DIR names a directory that has it; Debian's packages are seabios, qemu-system-data, ipxe-qemu, ovmf");
	return NULL;
}
