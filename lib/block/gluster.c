/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gluster: a file on a Gluster volume, through libgfapi.
 *
 * Several servers may be named: the description of the volume is asked of each in turn. The library bounds its own I/O
 * (network.ping-timeout of the volume, 42 s by default); its start has no bound, so it is made in a thread that is left
 * behind when `timeout` has passed. Its end takes 10 s: volumes stay open as long as the process, for the next image.
 */
#include "block/library.h"
#ifdef HAVE_GLUSTER
#include <glusterfs/api/glfs.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "block/url.h"

#define SERVERS 8
#define PORT "24007"
#define TIMEOUT_MAX 10000u

static const char *const types[] = {"tcp", "inet", "unix", "rdma", NULL};
#define SERVER_OPTIONS(n)                                                                                      \
	{"server." #n ".type", BLK_OPT_STRING, "tcp, inet or unix", NULL, types},                              \
	{"server." #n ".host", BLK_OPT_STRING, "host of this server", NULL, NULL},                             \
	{"server." #n ".port", BLK_OPT_STRING, "TCP port of this server", NULL, NULL},                         \
	{"server." #n ".socket", BLK_OPT_STRING, "UNIX socket of this server", NULL, NULL},                    \
	{"server." #n ".path", BLK_OPT_STRING, "UNIX socket of this server", NULL, NULL}
static const struct blk_option gluster_options[] = {
	{"volume", BLK_OPT_STRING, "name of the volume", NULL, NULL},
	{"path", BLK_OPT_STRING, "path of the file on the volume", NULL, NULL},
	SERVER_OPTIONS(0), SERVER_OPTIONS(1), SERVER_OPTIONS(2), SERVER_OPTIONS(3), SERVER_OPTIONS(4), SERVER_OPTIONS(5),
	SERVER_OPTIONS(6), SERVER_OPTIONS(7),
	{"debug", BLK_OPT_NUMBER, "how much the library logs, 0 to 9", "4", NULL},
	{"logfile", BLK_OPT_STRING, "file it logs to, - for standard error", "-", NULL},
	{"timeout", BLK_OPT_NUMBER, "seconds until silent servers are given up when the volume is opened", "30", NULL},
	{.name = NULL},
};
static const struct blk_option gluster_create_options[] = {
	{"size", BLK_OPT_SIZE, "Virtual disk size", NULL, NULL},
	{"preallocation", BLK_OPT_STRING, "Preallocation mode (allowed values: off, falloc, full)", NULL, NULL},
	{.name = NULL},
};

static int set(json_t *options, const char *key, const char *value, const char *url, struct err *e)
{
	if (json_object_set_new(options, key, json_string(value)) < 0)
		return err_set(e, EINVAL, "%s is not valid UTF-8", url);
	return 0;
}

static int parse_filename(const char *name, json_t *options, struct err *e)
{
	struct blk_url u;
	json_t *server, *first;
	char *slash;
	bool is_unix, rdma;
	int r = blk_url_parse(name, ':', &u, e);

	if (r)
		return r;
	is_unix = !strcmp(u.scheme, "gluster+unix");
	rdma = !strcmp(u.scheme, "gluster+rdma");
	slash = u.path[0] ? strchr(u.path + 1, '/') : NULL;
	first = json_object();
	server = json_pack("{s:o}", "0", first);
	if (!slash || slash == u.path + 1 || !slash[1]) {
		r = err_set(e, EINVAL, "%s is not complete; accepted: gluster[+tcp|+unix]://[HOST[:PORT]]/VOLUME/PATH[?socket=PATH]", name);
	} else if (u.user || u.password) {
		r = err_set(e, EINVAL, "%s: a user is not accepted: Gluster has none", name);
	} else if (is_unix ? u.host || u.queries != 1 || strcmp(u.query[0].name, "socket") || !*u.query[0].value : u.queries != 0) {
		r = is_unix ? err_set(e, EINVAL, "%s: over a UNIX socket there are no host and just one parameter, ?socket=PATH", name)
			    : err_set(e, EINVAL, "%s: over TCP there are no parameters", name);
	} else {
		*slash = '\0';
		r = set(options, "volume", u.path + 1, name, e);
		if (!r)
			r = set(options, "path", slash + 1, name, e);
		if (!r)
			r = set(first, "type", is_unix ? "unix" : "tcp", name, e);
		if (!r && is_unix)
			r = set(first, "socket", u.query[0].value, name, e);
		if (!r && !is_unix)
			r = set(first, "host", u.host ? u.host : "localhost", name, e);
		if (!r && !is_unix)
			r = set(first, "port", u.port ? u.port : PORT, name, e);
		if (!r && rdma)
			r = set(first, "type", "rdma", name, e);
		if (!r)
			json_object_set(options, "server", server);
	}
	json_decref(server);
	blk_url_free(&u);
	return r;
}

/* An option of server n, NULL where it is not given. */
static const char *of_server(const struct blk_opts *o, unsigned n, const char *what)
{
	char name[32];

	snprintf(name, sizeof name, "server.%u.%s", n, what);
	return blk_opts_has(o, name) ? blk_opts_string(o, name) : NULL;
}

static const char *socket_of(const struct blk_opts *o, unsigned n)
{
	const char *s = of_server(o, n, "socket");
	return s ? s : of_server(o, n, "path");
}

static char *describe(struct blk *b)
{
	const char *volume = blk_opts_string(b->opts, "volume"), *path = blk_opts_string(b->opts, "path");
	const char *host = of_server(b->opts, 0, "host"), *port = of_server(b->opts, 0, "port"), *sock = socket_of(b->opts, 0);
	char *text;

	if (!volume || !path || of_server(b->opts, 1, "type"))
		return NULL;
	if ((sock ? asprintf(&text, "gluster+unix:///%s/%s?socket=%s", volume, path, sock)
		  : asprintf(&text, "gluster://%s:%s/%s/%s", host ? host : "localhost", port ? port : PORT, volume, path)) < 0)
		return NULL;
	return text;
}

#ifdef HAVE_GLUSTER
#define CALLS(X)                                                                                               \
	X(glfs_new) X(glfs_set_volfile_server) X(glfs_set_logging) X(glfs_init) X(glfs_fini) X(glfs_open) X(glfs_creat) \
	X(glfs_close) X(glfs_pread) X(glfs_pwrite) X(glfs_fsync) X(glfs_ftruncate) X(glfs_fstat) X(glfs_lseek) \
	X(glfs_fallocate) X(glfs_discard) X(glfs_zerofill)
static struct gluster_calls {
	CALLS(LIBRARY_POINTER)
} lib;
#define SYMBOL(f) {#f, offsetof(struct gluster_calls, f)},

static struct blk_library library = {
	.name = "libgfapi", .files = (const char *const[]){"libgfapi.so.0", NULL}, .package = "libgfapi0",
	.symbols = (const struct blk_symbol[]){CALLS(SYMBOL) {NULL, 0}}, .table = &lib, .lock = PTHREAD_MUTEX_INITIALIZER,
};

struct gluster {
	glfs_t *fs;
	glfs_fd_t *fd;
	bool no_zerofill, no_discard, no_seek;
};

/* The library's start in a thread; whoever comes last frees this. */
struct start {
	pthread_mutex_t lock;
	pthread_cond_t over;
	glfs_t *fs;
	bool done, abandoned;
	int error;
};

static void start_free(struct start *s)
{
	pthread_cond_destroy(&s->over);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void *start_run(void *opaque)
{
	struct start *s = opaque;
	int error = lib.glfs_init(s->fs) ? (errno ? errno : EIO) : 0;
	bool last;

	pthread_mutex_lock(&s->lock);
	s->error = error;
	s->done = true;
	last = s->abandoned;
	pthread_cond_signal(&s->over);
	pthread_mutex_unlock(&s->lock);
	if (last)
		start_free(s);
	return NULL;
}

/* 0, -errno, or -ETIMEDOUT: then fs belongs to the thread that hangs in it. */
static int start_within(glfs_t *fs, unsigned seconds)
{
	struct start *s = calloc(1, sizeof *s);
	struct timespec limit;
	pthread_t t;
	int r = 0;

	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->over, NULL);
	s->fs = fs;
	if (pthread_create(&t, NULL, start_run, s)) {
		start_free(s);
		return -EAGAIN;
	}
	pthread_detach(t);
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += (time_t)seconds;
	pthread_mutex_lock(&s->lock);
	while (!s->done && !r)
		r = pthread_cond_timedwait(&s->over, &s->lock, &limit);
	if (s->done)
		r = -s->error;
	else
		r = -ETIMEDOUT;
	s->abandoned = !s->done;
	pthread_mutex_unlock(&s->lock);
	if (r != -ETIMEDOUT)
		start_free(s);
	return r;
}

static int add_servers(glfs_t *fs, struct blk_graph *g, const struct blk_opts *o, struct err *e)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SERVERS; i++) {
		const char *type = of_server(o, i, "type"), *host = of_server(o, i, "host"), *port = of_server(o, i, "port");
		const char *sock = socket_of(o, i);
		bool is_unix = type && !strcmp(type, "unix");
		char *end = NULL;
		unsigned long number = strtoul(port ? port : PORT, &end, 10);
		if (!type && !host && !port && !sock)
			continue;
		if (is_unix ? !sock || host || port : !host || sock)
			return err_set(e, EINVAL, is_unix ? "server.%u: type=unix needs a socket, and no host or port"
							  : "server.%u: a TCP server needs a host, and no socket", i);
		if (*end || !number || number > 65535)
			return err_set(e, EINVAL, "server.%u.port=%s is not accepted: 1 to 65535", i, port);
		if (type && !strcmp(type, "rdma"))
			blk_warn(g, "Gluster over rdma is not built in; tcp is used");
		if (lib.glfs_set_volfile_server(fs, is_unix ? "unix" : "tcp", is_unix ? sock : host, is_unix ? 0 : (int)number) < 0)
			return err_errno(e, errno, "server.%u is not accepted", i);
		n++;
	}
	return n ? 0 : err_set(e, EINVAL, "the 'gluster' block driver requires a server (server.0.host, or server.0.socket)");
}

/* Volumes that are open, by what was asked for. */
struct volume {
	struct volume *next;
	char *key;
	glfs_t *fs;
};
static struct volume *volumes;
static pthread_mutex_t volumes_lock = PTHREAD_MUTEX_INITIALIZER;

static glfs_t *find_volume(const char *key)
{
	struct volume *v;

	pthread_mutex_lock(&volumes_lock);
	for (v = volumes; v && strcmp(v->key, key); v = v->next)
		;
	pthread_mutex_unlock(&volumes_lock);
	return v ? v->fs : NULL;
}

static int keep_volume(const char *key, glfs_t *fs)
{
	struct volume *v = calloc(1, sizeof *v);

	if (!v || !(v->key = strdup(key))) {
		free(v);
		return -ENOMEM;
	}
	v->fs = fs;
	pthread_mutex_lock(&volumes_lock);
	v->next = volumes;
	volumes = v;
	pthread_mutex_unlock(&volumes_lock);
	return 0;
}

/* All options but the path. */
static char *volume_key(const struct blk_opts *o)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (const struct blk_option *t = gluster_options; f && t->name; t++)
		if (strcmp(t->name, "path") && blk_opts_has(o, t->name))
			fprintf(f, "%s=%s%c", t->name, blk_opts_string(o, t->name), '\n');
	if (!f || fclose(f))
		return NULL;
	return text;
}

/* Opens the volume, or takes one that is open. */
static int open_volume(struct blk_graph *g, const struct blk_opts *o, glfs_t **out, struct err *e)
{
	const char *volume = blk_opts_string(o, "volume");
	uint64_t debug = blk_opts_number(o, "debug", 4), timeout = blk_opts_number(o, "timeout", 30);
	char *key;
	glfs_t *fs;
	int r;

	if (!volume || !*volume)
		return err_set(e, EINVAL, "the 'gluster' block driver requires a volume");
	if (!blk_opts_string(o, "path"))
		return err_set(e, EINVAL, "the 'gluster' block driver requires a path");
	if (debug > 9)
		return err_set(e, EINVAL, "debug=%llu is not accepted: 0 to 9", (unsigned long long)debug);
	if (timeout < 1 || timeout > TIMEOUT_MAX)
		return err_set(e, EINVAL, "timeout=%llu is not accepted: 1 to %u seconds", (unsigned long long)timeout, TIMEOUT_MAX);
	if ((r = blk_library_load(&library, e)))
		return r;
	if (!(key = volume_key(o)))
		return err_errno(e, ENOMEM, "volume '%s'", volume);
	if ((*out = find_volume(key))) {
		free(key);
		return 0;
	}
	if (!(fs = lib.glfs_new(volume))) {
		r = err_errno(e, errno ? errno : ENOMEM, "volume '%s'", volume);
	} else if ((r = add_servers(fs, g, o, e))) {
		; /* fini of what was never started crashes in some versions */
	} else if (lib.glfs_set_logging(fs, blk_opts_string(o, "logfile"), (int)debug) < 0) {
		r = err_errno(e, errno, "logfile=%s is not accepted", blk_opts_string(o, "logfile"));
	} else if ((r = start_within(fs, (unsigned)timeout))) {
		if (r != -ETIMEDOUT)
			lib.glfs_fini(fs);
		err_errno(e, -r, "no server gives the description of volume '%s'", volume);
	} else if ((r = keep_volume(key, fs))) {
		err_errno(e, -r, "volume '%s'", volume);
	}
	free(key);
	*out = fs;
	return r;
}

static int gluster_open(struct blk *b, struct err *e)
{
	struct gluster *s = b->state;
	const char *path = blk_opts_string(b->opts, "path");
	int oflags = b->flags & BLK_RDWR ? O_RDWR : O_RDONLY, r;
	struct stat st;

	if ((r = open_volume(b->graph, b->opts, &s->fs, e)))
		return r;
	if (b->flags & BLK_DIRECT)
		oflags |= O_DIRECT;
	s->fd = lib.glfs_open(s->fs, path, oflags);
	if (!s->fd && (errno == EACCES || errno == EROFS) && (b->flags & BLK_RDWR) && (b->flags & BLK_AUTO_READ_ONLY)) {
		s->fd = lib.glfs_open(s->fs, path, (oflags & ~O_ACCMODE) | O_RDONLY);
		if (s->fd)
			b->flags &= ~(unsigned)BLK_RDWR;
	}
	if (!s->fd)
		return err_errno(e, errno, "cannot open '%s' on volume '%s'", path, blk_opts_string(b->opts, "volume"));
	if (lib.glfs_fstat(s->fd, &st) < 0)
		return err_errno(e, errno, "the size of '%s' cannot be read", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "'%s' is no regular file", path);
	b->size = (uint64_t)st.st_size;
	if (b->flags & BLK_DIRECT)
		b->align = 4096;
	return 0;
}

static void gluster_close(struct blk *b)
{
	struct gluster *s = b->state;

	if (s->fd)
		lib.glfs_close(s->fd);
}

static int gluster_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	struct gluster *s = b->state;
	uint8_t *p = buf;

	while (length) {
		ssize_t n = lib.glfs_pread(s->fd, p, length, (off_t)offset, 0, NULL);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return errno ? -errno : -EIO;
		}
		if (n == 0) {
			memset(p, 0, length);
			break;
		}
		p += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

static int gluster_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	struct gluster *s = b->state;
	const uint8_t *p = buf;

	(void)flags;
	while (length) {
		ssize_t n = lib.glfs_pwrite(s->fd, p, length, (off_t)offset, 0, NULL, NULL);
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return errno ? -errno : -EIO;
		}
		if (n == 0)
			return -ENOSPC;
		p += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

static int gluster_flush(struct blk *b)
{
	struct gluster *s = b->state;

	if (b->flags & BLK_NO_FLUSH)
		return 0;
	return lib.glfs_fsync(s->fd, NULL, NULL) < 0 ? -(errno ? errno : EIO) : 0;
}

static int gluster_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags)
{
	struct gluster *s = b->state;

	(void)flags;
	if (s->no_zerofill)
		return -ENOTSUP;
	if (lib.glfs_zerofill(s->fd, (off_t)offset, (off_t)length) < 0) {
		if (errno != ENOTSUP && errno != EOPNOTSUPP && errno != ENOSYS)
			return errno ? -errno : -EIO;
		s->no_zerofill = true;
		return -ENOTSUP;
	}
	return 0;
}

static int gluster_discard(struct blk *b, uint64_t offset, uint64_t length)
{
	struct gluster *s = b->state;

	if (s->no_discard)
		return -ENOTSUP;
	if (lib.glfs_discard(s->fd, (off_t)offset, (size_t)length) < 0) {
		if (errno != ENOTSUP && errno != EOPNOTSUPP && errno != ENOSYS)
			return errno ? -errno : -EIO;
		s->no_discard = true;
		return -ENOTSUP;
	}
	return 0;
}

static int gluster_status(struct blk *b, uint64_t offset, uint64_t length, struct blk_status *st)
{
	struct gluster *s = b->state;
	off_t data, hole;

	*st = (struct blk_status){.flags = BLK_ST_ALLOCATED | BLK_ST_OFFSET | BLK_ST_DATA, .offset = offset, .length = length, .file = b};
	if (s->no_seek)
		return 0;
	data = lib.glfs_lseek(s->fd, (off_t)offset, SEEK_DATA);
	if (data < 0 && errno != ENXIO) {
		s->no_seek = true;
		return 0;
	}
	if (data < 0 || data > (off_t)offset) {
		if (data >= 0 && (uint64_t)data - offset < length)
			st->length = (uint64_t)data - offset;
		st->flags = BLK_ST_ZERO | BLK_ST_OFFSET | BLK_ST_ALLOCATED;
		return 0;
	}
	hole = lib.glfs_lseek(s->fd, (off_t)offset, SEEK_HOLE);
	if (hole > (off_t)offset && (uint64_t)hole - offset < length)
		st->length = (uint64_t)hole - offset;
	return 0;
}

static int resize(glfs_fd_t *fd, uint64_t old, uint64_t size, enum blk_prealloc prealloc, struct err *e)
{
	if (prealloc == BLK_PREALLOC_METADATA)
		return err_set(e, ENOTSUP, "Unsupported preallocation mode 'metadata' for a file; accepted are: off, falloc, full");
	if (prealloc != BLK_PREALLOC_OFF && size < old)
		return err_set(e, ENOTSUP, "Preallocation can't be used for shrinking files");
	if (prealloc == BLK_PREALLOC_FALLOC && size > old && lib.glfs_fallocate(fd, 0, (off_t)old, (size_t)(size - old)) < 0)
		return err_errno(e, errno, "Could not preallocate data for the new file");
	if (lib.glfs_ftruncate(fd, (off_t)size, NULL, NULL) < 0)
		return err_errno(e, errno, "Failed to resize the file");
	if (prealloc == BLK_PREALLOC_FULL && size > old && lib.glfs_zerofill(fd, (off_t)old, (off_t)(size - old)) < 0)
		return err_errno(e, errno, "Could not write zeros for preallocation");
	return 0;
}

static int gluster_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e)
{
	struct gluster *s = b->state;
	int r = resize(s->fd, b->size, size, prealloc, e);

	if (!r)
		b->size = size;
	return r;
}

static int64_t gluster_allocated(struct blk *b)
{
	struct gluster *s = b->state;
	struct stat st;

	return lib.glfs_fstat(s->fd, &st) < 0 ? -(errno ? errno : EIO) : (int64_t)st.st_blocks * 512;
}

static int gluster_create(const struct blk_create *c, struct err *e)
{
	struct blk_opts *o = blk_opts_new(gluster_options);
	json_t *given = json_object(), *v;
	enum blk_prealloc prealloc = BLK_PREALLOC_OFF;
	const char *key, *mode = blk_opts_string(c->opts, "preallocation");
	glfs_t *fs = NULL;
	glfs_fd_t *fd = NULL;
	int r = mode ? blk_prealloc_parse(mode, &prealloc, e) : 0;

	if (!r)
		r = o && given ? parse_filename(c->filename, given, e) : err_errno(e, ENOMEM, "%s", c->filename);
	json_object_foreach (r ? NULL : json_object_get(json_object_get(given, "server"), "0"), key, v) {
		char name[32];
		snprintf(name, sizeof name, "server.0.%s", key);
		if (!r)
			r = blk_opts_set(o, name, json_string_value(v), e);
	}
	json_object_foreach (given, key, v)
		if (!r && json_is_string(v))
			r = blk_opts_set(o, key, json_string_value(v), e);
	if (!r)
		r = open_volume(c->graph, o, &fs, e);
	if (!r && !(fd = lib.glfs_creat(fs, blk_opts_string(o, "path"), O_RDWR | O_CREAT | O_TRUNC, 0644)))
		r = err_errno(e, errno, "cannot create '%s' on volume '%s'", blk_opts_string(o, "path"), blk_opts_string(o, "volume"));
	if (!r)
		r = resize(fd, 0, c->size, prealloc, e);
	if (fd && lib.glfs_close(fd) < 0 && !r)
		r = err_errno(e, errno, "cannot create '%s'", c->filename);
	json_decref(given);
	blk_opts_free(o);
	return r;
}
#else
struct gluster {
	char none;
};
static int gluster_open(struct blk *b, struct err *e)
{
	return blk_not_built_in(b->fmt->name, "libgfapi", "libglusterfs-dev", e);
}
static int gluster_create(const struct blk_create *c, struct err *e)
{
	(void)c;
	return blk_not_built_in("gluster", "libgfapi", "libglusterfs-dev", e);
}
#define gluster_close NULL
#define gluster_pread NULL
#define gluster_pwrite NULL
#define gluster_flush NULL
#define gluster_zeroes NULL
#define gluster_discard NULL
#define gluster_status NULL
#define gluster_truncate NULL
#define gluster_allocated NULL
#endif

static const char *const gluster_prefixes[] = {"gluster", "gluster+tcp", "gluster+unix", "gluster+rdma", NULL};
BLOCK_FORMAT(gluster) = {
	.name = "gluster", .flags = BLK_F_PROTOCOL | BLK_F_GROWS | BLK_F_NO_FORMAT, .prefixes = gluster_prefixes,
	.state_size = sizeof(struct gluster), .options = gluster_options, .create_options = gluster_create_options,
	.parse_filename = parse_filename, .describe = describe, .open = gluster_open, .close = gluster_close, .create = gluster_create,
	.pread = gluster_pread, .pwrite = gluster_pwrite, .pwrite_zeroes = gluster_zeroes, .discard = gluster_discard,
	.flush = gluster_flush, .block_status = gluster_status, .truncate = gluster_truncate, .allocated_size = gluster_allocated,
};
