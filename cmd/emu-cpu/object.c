/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -object: memory back ends, sources of random numbers, and what lib/crypto makes (secrets, TLS credentials). What has to be opened is
 * opened here, before the machine runs and gives up the right to.
 */
#include "object.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/keyval.h"
#include "crypto/object.h"
#include "device.h"
#include "memory-internal.h"

enum kind { MEMORY_RAM, MEMORY_FILE, MEMORY_MEMFD, RNG_RANDOM, RNG_BUILTIN, IOTHREAD, KINDS };

struct object {
	char *id;
	enum kind kind;
	struct object *next;
	/* memory */
	uint64_t size, align;
	char *path, *host_nodes;
	bool share, prealloc, discard, merge, dump, hugetlb, seal, pmem;
	uint64_t hugetlb_size;
	int policy;
	struct region *region;
	/* rng */
	char *filename;
	int fd;
	/* iothread */
	int64_t poll_max, poll_grow, poll_shrink;
};

struct object_core {
	struct object *list;
	struct objects *crypto;
};

static const char *const policies[] = {"default", "preferred", "bind", "interleave", NULL};

#define M(name_, member, kind_, ...) {.name = name_, P_(struct object, member, kind_), __VA_ARGS__}
#define MEMORY_PROPS \
	M("size", size, PROP_SIZE), M("merge", merge, PROP_BOOL, .def = 1), M("dump", dump, PROP_BOOL, .def = 1), \
	M("prealloc", prealloc, PROP_BOOL), M("host-nodes", host_nodes, PROP_STRING), \
	M("policy", policy, PROP_CHOICE, .choices = policies)
static const struct prop ram_props[] = {MEMORY_PROPS, M("share", share, PROP_BOOL), {.name = NULL}};
static const struct prop file_props[] = {
	MEMORY_PROPS, M("mem-path", path, PROP_STRING), M("share", share, PROP_BOOL), M("discard-data", discard, PROP_BOOL),
	M("align", align, PROP_SIZE), M("pmem", pmem, PROP_BOOL), {.name = NULL}};
static const struct prop memfd_props[] = {
	MEMORY_PROPS, M("share", share, PROP_BOOL, .def = 1), M("hugetlb", hugetlb, PROP_BOOL), M("hugetlbsize", hugetlb_size, PROP_SIZE),
	M("seal", seal, PROP_BOOL, .def = 1), {.name = NULL}};
static const struct prop random_props[] = {M("filename", filename, PROP_STRING, .def_string = "/dev/urandom"), {.name = NULL}};
static const struct prop builtin_props[] = {{.name = NULL}};
static const struct prop iothread_props[] = {
	M("poll-max-ns", poll_max, PROP_U64, .def = 32768), M("poll-grow", poll_grow, PROP_U64), M("poll-shrink", poll_shrink, PROP_U64),
	{.name = NULL}};

static const struct {
	const char *name;
	const struct prop *props;
} types[KINDS] = {
	[MEMORY_RAM] = {"memory-backend-ram", ram_props},       [MEMORY_FILE] = {"memory-backend-file", file_props},
	[MEMORY_MEMFD] = {"memory-backend-memfd", memfd_props}, [RNG_RANDOM] = {"rng-random", random_props},
	[RNG_BUILTIN] = {"rng-builtin", builtin_props},         [IOTHREAD] = {"iothread", iothread_props},
};

static struct object_core *core(const struct machine *m)
{
	return m->parts->objects;
}

static struct object *find(struct machine *m, const char *id)
{
	struct object *o = core(m)->list;

	while (o && strcmp(o->id, id))
		o = o->next;
	return o;
}

/* ---- memory ---- */

/* A file to map: named, or a new one in a directory (hugetlbfs) that vanishes with us. */
static int open_backing(const struct object *o, bool *made, struct err *e)
{
	struct stat st;
	int fd;

	*made = false;
	if (stat(o->path, &st) == 0 && S_ISDIR(st.st_mode)) {
		char name[4096];
		if ((size_t)snprintf(name, sizeof name, "%s/emu_back_mem.%s.XXXXXX", o->path, o->id) >= sizeof name)
			return err_set(e, ENAMETOOLONG, "%s is too long a path", o->path);
		fd = mkostemp(name, O_CLOEXEC);
		if (fd >= 0)
			unlink(name);
		*made = true;
	} else {
		fd = open(o->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	}
	return fd < 0 ? err_errno(e, errno, "can't open backing store %s for guest RAM", o->path) : fd;
}

static int map_file(struct machine *m, struct object *o, struct ram_block **b, struct err *e)
{
	struct statfs fs;
	struct stat st;
	uint64_t page = PAGE_BYTES, mapped;
	bool made;
	void *host;
	int fd;

	if (!o->path)
		return err_set(e, EINVAL, "mem-path property not set");
	fd = open_backing(o, &made, e);
	if (fd < 0)
		return fd;
	if (fstatfs(fd, &fs) == 0 && fs.f_bsize > 4096 && fs.f_type == 0x958458f6 /* hugetlbfs */)
		page = (uint64_t)fs.f_bsize;
	if (o->align > page)
		page = o->align;
	mapped = (o->size + page - 1) / page * page;
	if (fstat(fd, &st) < 0 || ((uint64_t)st.st_size < mapped && ftruncate(fd, (off_t)mapped) < 0)) {
		err_errno(e, errno, "cannot make %s as large as the memory", o->path);
		close(fd);
		return -e->code;
	}
	host = mmap(NULL, mapped, PROT_READ | PROT_WRITE, o->share ? MAP_SHARED : MAP_PRIVATE, fd, 0);
	if (host == MAP_FAILED) {
		err_errno(e, errno, "unable to map backing store for guest RAM");
		close(fd);
		return -e->code;
	}
	/* A private mapping's fd shows others what is in the file, not what the guest wrote. */
	if (!o->share) {
		close(fd);
		fd = -1;
	}
	*b = ram_block_add(m, o->id, fd, host, o->size, mapped, e);
	return *b ? 0 : -e->code;
}

static int map_huge(struct machine *m, struct object *o, struct ram_block **b, struct err *e)
{
	uint64_t page = o->hugetlb_size ? o->hugetlb_size : 2 << 20, mapped;
	int fd;
	void *host;

	if (page & (page - 1))
		return err_set(e, EINVAL, "hugetlbsize is a power of two");
	mapped = (o->size + page - 1) & ~(page - 1);
	fd = memfd_create(o->id, MFD_CLOEXEC | MFD_HUGETLB | (unsigned)__builtin_ctzll(page) << 26);
	if (fd < 0 || ftruncate(fd, (off_t)mapped) < 0 ||
	    (host = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED) {
		err_errno(e, errno, "cannot set up guest memory '%s' of huge pages", o->id);
		if (fd >= 0)
			close(fd);
		return -e->code;
	}
	*b = ram_block_add(m, o->id, fd, host, o->size, mapped, e);
	return *b ? 0 : -e->code;
}

static int make_memory(struct machine *m, struct object *o, struct err *e)
{
	struct ram_block *b = NULL;
	int r = 0;

	if (o->size == 0)
		return err_set(e, EINVAL, "can't create backend with size 0");
	if (o->host_nodes || o->policy)
		return err_set(e, ENOTSUP, "host-nodes and policy are not supported: run emu-cpu under numactl(8) instead");
	if (o->kind == MEMORY_FILE)
		r = map_file(m, o, &b, e);
	else if (o->kind == MEMORY_MEMFD && o->hugetlb)
		r = map_huge(m, o, &b, e);
	else if (!(b = ram_block_new(m, o->id, o->size, e)))
		r = -e->code;
	if (r < 0)
		return r;
	if (o->merge)
		madvise(b->host, b->mapped, MADV_MERGEABLE);
	if (!o->dump)
		madvise(b->host, b->mapped, MADV_DONTDUMP);
	o->region = region_new_block(m, o->id, b, e);
	if (o->prealloc && madvise(b->host, b->mapped, MADV_POPULATE_WRITE) < 0)
		return err_errno(e, errno, "cannot allocate all of memory '%s'", o->id);
	return 0;
}

struct region *memdev_region(struct machine *m, const char *id, struct err *e)
{
	struct object *o = find(m, id);

	if (!o || !o->region) {
		err_set(e, ENOENT, "memory backend '%s' not found", id);
		return NULL;
	}
	return o->region;
}

/* ---- random numbers ---- */

bool rng_exists(struct machine *m, const char *id)
{
	struct object *o = find(m, id);

	return o && (o->kind == RNG_RANDOM || o->kind == RNG_BUILTIN);
}

int rng_fill(struct machine *m, const char *id, void *buf, size_t size)
{
	struct object *o = id ? find(m, id) : NULL;
	ssize_t n;

	do
		n = o && o->kind == RNG_RANDOM ? read(o->fd, buf, size) : getrandom(buf, size, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

/* ---- the registry ---- */

static void free_object(struct object *o)
{
	if (!o)
		return;
	if (o->region)
		region_free(o->region);
	if (o->fd >= 0)
		close(o->fd);
	for (const struct prop *p = types[o->kind].props; p->name; p++)
		prop_free(o, p);
	free(o->id);
	free(o);
}

static int list_types(struct err *e)
{
	printf("List of user creatable objects:\n");
	for (unsigned k = 0; k < KINDS; k++)
		printf("  %s\n", types[k].name);
	printf("  secret\n  tls-creds-anon\n  tls-creds-psk\n  tls-creds-x509\n");
	return err_set(e, ECANCELED, "help was asked for");
}

static int set_props(struct machine *m, struct object *o, const struct keyval *kv, struct err *e)
{
	for (unsigned i = 0; i < kv->count; i++) {
		const struct prop *p = types[o->kind].props;
		if (!strcmp(kv->key[i], "qom-type") || !strcmp(kv->key[i], "id"))
			continue;
		while (p->name && strcmp(p->name, kv->key[i]))
			p++;
		if (!p->name)
			return err_set(e, EINVAL, "Property '%s.%s' not found", types[o->kind].name, kv->key[i]);
		if (prop_set(o, types[o->kind].name, p, kv->value[i], m, e) < 0)
			return -e->code;
	}
	return 0;
}

int object_add_text(struct machine *m, const char *text, struct err *e)
{
	struct keyval kv;
	const char *type, *id;
	struct object *o, **p;
	unsigned k;
	int r;

	if (*text == '{')
		return objects_add_text(core(m)->crypto, text, e);
	if (keyval_parse(text, "qom-type", &kv, e) < 0)
		return -e->code;
	type = keyval_get(&kv, "qom-type");
	id = keyval_get(&kv, "id");
	if (type && (!strcmp(type, "help") || !strcmp(type, "?"))) {
		keyval_free(&kv);
		return list_types(e);
	}
	for (k = 0; k < KINDS && (!type || strcmp(type, types[k].name)); k++)
		;
	if (k == KINDS) {
		if (m->built && type && objects_known_type(type) && (strcmp(type, "secret") || keyval_get(&kv, "file"))) {
			keyval_free(&kv);
			return err_set(e, EPERM, "%s reads files, which emu-cpu may not any more: it can only be made when the machine is started",
				       strcmp(type, "secret") ? type : "secret,file=");
		}
		r = type && !objects_known_type(type) ? err_set(e, EINVAL, "invalid object type: %s", type) : objects_add_text(core(m)->crypto, text, e);
		if (r < 0 && type && !objects_known_type(type))
			err_hint(e, "-object help lists those that exist");
		keyval_free(&kv);
		return r;
	}
	if (m->built && k != RNG_BUILTIN && k != IOTHREAD) {
		keyval_free(&kv);
		/* The process may open nothing any more, and no board has slots for memory. */
		err_set(e, EPERM, "a %s can only be made when the machine is started", types[k].name);
		return k == RNG_RANDOM ? err_hint(e, "rng-builtin takes the host's random numbers without a file.") : -e->code;
	}
	o = calloc(1, sizeof *o);
	if (!id || !*id || !o || find(m, id)) {
		r = !o ? err_set(e, ENOMEM, "out of memory") : !id || !*id ? err_set(e, EINVAL, "Parameter 'id' is missing")
			: err_set(e, EEXIST, "attempt to add duplicate property '%s' to object (type 'container')", id);
		free(o);
		keyval_free(&kv);
		return r;
	}
	o->kind = (enum kind)k;
	o->fd = -1;
	o->id = strdup(id);
	for (const struct prop *q = types[k].props; q->name; q++)
		prop_default(o, q);
	r = set_props(m, o, &kv, e);
	if (r == 0 && k <= MEMORY_MEMFD)
		r = make_memory(m, o, e);
	if (r == 0 && k == RNG_RANDOM) {
		o->fd = open(o->filename, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (o->fd < 0)
			r = err_errno(e, errno, "Could not open '%s'", o->filename);
	}
	keyval_free(&kv);
	if (r < 0) {
		free_object(o);
		return r;
	}
	for (p = &core(m)->list; *p; p = &(*p)->next)
		;
	*p = o;
	return 0;
}

void *object_list(struct machine *m)
{
	json_t *list = json_array();

	for (const struct object *o = core(m)->list; o; o = o->next) {
		json_t *props = json_object();
		char text[512];
		for (const struct prop *p = types[o->kind].props; p->name; p++) {
			prop_get(o, p, text, sizeof text);
			json_object_set_new(props, p->name, json_string(text));
		}
		json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "id", o->id, "qom-type", types[o->kind].name, "props", props));
	}
	return list;
}

struct looking {
	const char *id;
	bool used;
};

static bool names_it(void *opaque, struct device *d)
{
	struct looking *l = opaque;
	char text[512];

	for (const struct prop *p = d->type->props; p && p->name && !l->used; p++) {
		if (p->kind != PROP_STRING && p->kind != PROP_MEMDEV)
			continue;
		prop_get(d, p, text, sizeof text);
		size_t n = strlen(text), quoted = n > 1 && *text == '"';
		l->used = n - 2 * quoted == strlen(l->id) && !strncmp(text + quoted, l->id, strlen(l->id));
	}
	return !l->used;
}

int object_del(struct machine *m, const char *id, struct err *e)
{
	struct object **p = &core(m)->list, *o;
	struct looking l = {.id = id};

	while (*p && strcmp((*p)->id, id))
		p = &(*p)->next;
	o = *p;
	if (!o)
		return objects_del(core(m)->crypto, id, e);
	device_each(m, names_it, &l);
	if (l.used || (o->region && (o->region->container || (m->config.memory_backend && !strcmp(m->config.memory_backend, id)))))
		return err_set(e, EBUSY, "object '%.100s' is in use, can not be deleted", id);
	*p = o->next;
	free_object(o);
	return 0;
}

struct objects *machine_objects(struct machine *m)
{
	return core(m)->crypto;
}

int object_core_init(struct machine *m, struct err *e)
{
	struct object_core *c = calloc(1, sizeof *c);

	if (!c || !(c->crypto = objects_new())) {
		free(c);
		return err_set(e, ENOMEM, "out of memory");
	}
	m->parts->objects = c;
	return 0;
}

void object_core_free(struct machine *m)
{
	struct object_core *c = core(m);

	while (c && c->list) {
		struct object *o = c->list;
		c->list = o->next;
		free_object(o);
	}
	if (c)
		objects_free(c->crypto);
	free(c);
	m->parts->objects = NULL;
}
