/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ssh: a file on an SSH server, by SFTP (draft-ietf-secsh-filexfer-02, what servers speak), through libssh.
 *
 * Theory of operation
 *   One session; requests take turns, and a large read keeps many of SFTP's small ones under way. The server's key is
 *   looked up in the known-hosts file, or compared with a fingerprint, or not at all. Log-in is by the agent or a
 *   default key: never with a password. Flush is the extension fsync@openssh.com; a server without it gets a warning.
 *   A watchdog ends what takes longer than `timeout`.
 */
#include "block/library.h"
#ifdef HAVE_SSH
#include <libssh/libssh.h>
#include <libssh/sftp.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "block/url.h"
#include "block/watchdog.h"

#define TIMEOUT_MAX 10000u
#define READ_SIZE 32768u  /* every server takes requests of this size */
#define READS 64u         /* under way at the same time */
#define WRITE_SIZE 32768u
#define WRITE_LARGE 131072u /* what OpenSSH takes */

static const struct blk_option ssh_options[] = {
	{"host", BLK_OPT_STRING, "host of the server", NULL, NULL},
	{"port", BLK_OPT_NUMBER, "TCP port of the server", "22", NULL},
	{"server.host", BLK_OPT_STRING, "host of the server", NULL, NULL},
	{"server.port", BLK_OPT_NUMBER, "TCP port of the server", NULL, NULL},
	{"path", BLK_OPT_STRING, "path of the file there", NULL, NULL},
	{"user", BLK_OPT_STRING, "user there, by default the local one", NULL, NULL},
	{"host_key_check", BLK_OPT_STRING, "yes, no, md5:HEX, sha1:HEX or sha256:HEX", NULL, NULL},
	{"host-key-check.mode", BLK_OPT_STRING, "none, hash or known_hosts", NULL, (const char *const[]){"none", "hash", "known_hosts", NULL}},
	{"host-key-check.type", BLK_OPT_STRING, "md5, sha1 or sha256", NULL, (const char *const[]){"md5", "sha1", "sha256", NULL}},
	{"host-key-check.hash", BLK_OPT_STRING, "fingerprint of the server's key, in hexadecimal", NULL, NULL},
	{"known-hosts", BLK_OPT_STRING, "file of known servers, instead of ~/.ssh/known_hosts", NULL, NULL},
	{"timeout", BLK_OPT_NUMBER, "seconds until a silent server is given up", "30", NULL},
	{.name = NULL},
};
static const struct blk_option ssh_create_options[] = {
	{"size", BLK_OPT_SIZE, "Virtual disk size", NULL, NULL},
	{.name = NULL},
};

static int parse_filename(const char *name, json_t *options, struct err *e)
{
	struct blk_url u;
	int r = blk_url_parse(name, ':', &u, e);

	if (r)
		return r;
	if (!u.host)
		r = err_set(e, EINVAL, "%s: the host is missing; accepted: ssh://[USER@]HOST[:PORT]/PATH[?host_key_check=...]", name);
	else if (u.password)
		r = err_set(e, EINVAL, "%s: a password is not accepted: log-in is by ssh-agent or key", name);
	else if (!u.path[0] || !u.path[1])
		r = err_set(e, EINVAL, "%s: the path is missing", name);
	for (unsigned i = 0; i < u.queries && !r; i++) {
		if (strcmp(u.query[i].name, "host_key_check"))
			r = err_set(e, EINVAL, "%s: the parameter '%s' is unknown; there is host_key_check", name, u.query[i].name);
		else if (json_object_set_new(options, "host_key_check", json_string(u.query[i].value)) < 0)
			r = err_set(e, EINVAL, "%s: the parameter is not valid UTF-8", name);
	}
	if (!r && ((u.user && json_object_set_new(options, "user", json_string(u.user)) < 0) ||
		   json_object_set_new(options, "host", json_string(u.host)) < 0 ||
		   (u.port && json_object_set_new(options, "port", json_string(u.port)) < 0) ||
		   json_object_set_new(options, "path", json_string(u.path)) < 0))
		r = err_set(e, EINVAL, "%s is not valid UTF-8", name);
	blk_url_free(&u);
	return r;
}

static const char *host_of(const struct blk_opts *o)
{
	return blk_opts_string(o, blk_opts_has(o, "server.host") ? "server.host" : "host");
}

static unsigned port_of(const struct blk_opts *o)
{
	return (unsigned)blk_opts_number(o, blk_opts_has(o, "server.port") ? "server.port" : "port", 22);
}

static char *describe(struct blk *b)
{
	const char *user = blk_opts_string(b->opts, "user"), *host = host_of(b->opts), *path = blk_opts_string(b->opts, "path");
	char *text;

	if (!host || !path || asprintf(&text, "ssh://%s%s%s:%u%s%s", user ? user : "", user ? "@" : "", host, port_of(b->opts),
				       path[0] == '/' ? "" : "/", path) < 0)
		return NULL;
	return text;
}

#ifdef HAVE_SSH
#define CALLS(X)                                                                                               \
	X(ssh_new) X(ssh_free) X(ssh_options_set) X(ssh_connect) X(ssh_disconnect) X(ssh_get_error) X(ssh_get_fd) \
	X(ssh_session_is_known_server) X(ssh_get_server_publickey) X(ssh_get_publickey_hash) X(ssh_clean_pubkey_hash) \
	X(ssh_key_free) X(ssh_userauth_none) X(ssh_userauth_publickey_auto) X(ssh_userauth_agent) X(sftp_new)  \
	X(sftp_init) X(sftp_free) X(sftp_get_error) X(sftp_extension_supported) X(sftp_open) X(sftp_close) X(sftp_fstat) \
	X(sftp_setstat) X(sftp_attributes_free) X(sftp_seek64) X(sftp_async_read_begin) X(sftp_async_read)     \
	X(sftp_write) X(sftp_fsync)
static struct ssh_calls {
	CALLS(LIBRARY_POINTER)
} lib;
#define SYMBOL(f) {#f, offsetof(struct ssh_calls, f)},

static struct blk_library library = {
	.name = "libssh", .files = (const char *const[]){"libssh.so.4", "libssh-gcrypt.so.4", NULL}, .package = "libssh-4",
	.symbols = (const struct blk_symbol[]){CALLS(SYMBOL) {NULL, 0}}, .table = &lib, .lock = PTHREAD_MUTEX_INITIALIZER,
};

struct ssh {
	ssh_session session;
	sftp_session sftp;
	sftp_file file;
	struct watchdog *watchdog;
	pthread_mutex_t lock; /* the session knows one user at a time */
	bool broken, can_sync, warned;
	size_t write_size;
};

static int sftp_errno(struct ssh *s)
{
	switch (lib.sftp_get_error(s->sftp)) {
	case SSH_FX_NO_SUCH_FILE:
	case SSH_FX_NO_SUCH_PATH:
		return ENOENT;
	case SSH_FX_PERMISSION_DENIED:
	case SSH_FX_WRITE_PROTECT:
		return EACCES;
	case SSH_FX_OP_UNSUPPORTED:
		return ENOTSUP;
	case SSH_FX_FILE_ALREADY_EXISTS:
		return EEXIST;
	case SSH_FX_NO_CONNECTION:
	case SSH_FX_CONNECTION_LOST:
		return ECONNRESET;
	default:
		return EIO;
	}
}

/* Compares the key with a fingerprint in hexadecimal, where colons are allowed. */
static int check_fingerprint(struct ssh *s, const char *type, const char *want, struct err *e)
{
	enum ssh_publickey_hash_type kind = !strcmp(type, "md5")  ? SSH_PUBLICKEY_HASH_MD5
					    : !strcmp(type, "sha1") ? SSH_PUBLICKEY_HASH_SHA1
								    : SSH_PUBLICKEY_HASH_SHA256;
	unsigned char *hash = NULL;
	char hex[129] = "", given[129];
	size_t n = 0, k = 0;
	ssh_key key;
	int r;

	if (lib.ssh_get_server_publickey(s->session, &key) < 0)
		return err_set(e, EPERM, "the server's key cannot be read: %s", lib.ssh_get_error(s->session));
	r = lib.ssh_get_publickey_hash(key, kind, &hash, &n);
	lib.ssh_key_free(key);
	if (r < 0)
		return err_set(e, EPERM, "the server's key has no %s fingerprint: %s", type, lib.ssh_get_error(s->session));
	for (size_t i = 0; i < n && i < 64; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	lib.ssh_clean_pubkey_hash(&hash);
	for (const char *p = want; *p && k < sizeof given - 1; p++)
		if (*p != ':')
			given[k++] = *p;
	given[k] = '\0';
	if (strcasecmp(hex, given))
		return err_set(e, EPERM, "the server's key does not match the fingerprint: it is %s:%s, not %s", type, hex, want);
	return 0;
}

static int check_known_hosts(struct ssh *s, const char *host, unsigned port, struct err *e)
{
	switch (lib.ssh_session_is_known_server(s->session)) {
	case SSH_KNOWN_HOSTS_OK:
		return 0;
	case SSH_KNOWN_HOSTS_CHANGED:
		return err_set(e, EPERM, "the server's key is another one than the known-hosts file has: someone may be listening in");
	case SSH_KNOWN_HOSTS_OTHER:
		return err_set(e, EPERM, "the known-hosts file has a key of another type for this server: someone may be listening in");
	case SSH_KNOWN_HOSTS_UNKNOWN:
	case SSH_KNOWN_HOSTS_NOT_FOUND:
		err_set(e, EPERM, "no key of %s is in the known-hosts file", host);
		err_hint(e, "Connect once with 'ssh -p %u %s', or give host_key_check=sha256:HEX", port, host);
		return -EPERM;
	default:
		return err_set(e, EPERM, "the server's key cannot be checked: %s", lib.ssh_get_error(s->session));
	}
}

static int check_host_key(struct ssh *s, const struct blk_opts *o, struct err *e)
{
	const char *old = blk_opts_string(o, "host_key_check"), *mode = blk_opts_string(o, "host-key-check.mode");
	const char *type = blk_opts_string(o, "host-key-check.type"), *hash = blk_opts_string(o, "host-key-check.hash");
	static const char *const types[] = {"md5", "sha1", "sha256"};

	if (old && (mode || type || hash))
		return err_set(e, EINVAL, "host_key_check and host-key-check may not be used at the same time");
	if ((type || hash) && (!mode || strcmp(mode, "hash")))
		return err_set(e, EINVAL, "host-key-check.type and .hash need host-key-check.mode=hash");
	if (mode && !strcmp(mode, "hash")) {
		if (!type || !hash)
			return err_set(e, EINVAL, "host-key-check.mode=hash needs host-key-check.type and host-key-check.hash");
		return check_fingerprint(s, type, hash, e);
	}
	if ((mode && !strcmp(mode, "none")) || (old && !strcmp(old, "no")))
		return 0;
	for (unsigned i = 0; old && i < 3; i++) {
		size_t n = strlen(types[i]);
		if (!strncmp(old, types[i], n) && old[n] == ':')
			return check_fingerprint(s, types[i], old + n + 1, e);
	}
	if (old && strcmp(old, "yes"))
		return err_set(e, EINVAL, "host_key_check=%s is not accepted; accepted are: yes, no, md5:HEX, sha1:HEX, sha256:HEX", old);
	return check_known_hosts(s, host_of(o), port_of(o), e);
}

static int authenticate(struct ssh *s, struct err *e)
{
	int r = lib.ssh_userauth_none(s->session, NULL);

	if (r == SSH_AUTH_SUCCESS)
		return 0;
	if (r == SSH_AUTH_ERROR)
		return err_set(e, EPERM, "log-in failed: %s", lib.ssh_get_error(s->session));
	r = lib.ssh_userauth_agent(s->session, NULL);
	if (r != SSH_AUTH_SUCCESS)
		r = lib.ssh_userauth_publickey_auto(s->session, NULL, NULL);
	if (r == SSH_AUTH_SUCCESS)
		return 0;
	err_set(e, EPERM, "log-in failed: neither a key of ssh-agent nor a default one without passphrase was accepted");
	err_hint(e, "Start ssh-agent and give it the key with ssh-add");
	return -EPERM;
}

static void disconnect(struct ssh *s)
{
	if (s->watchdog)
		watchdog_begin(s->watchdog); /* also these talk to the server */
	if (s->file)
		lib.sftp_close(s->file);
	if (s->sftp)
		lib.sftp_free(s->sftp);
	watchdog_free(s->watchdog);
	if (s->session) {
		lib.ssh_disconnect(s->session);
		lib.ssh_free(s->session);
	}
	s->file = NULL;
	s->sftp = NULL;
	s->session = NULL;
	s->watchdog = NULL;
}

/* Connects and opens the file. */
static int connect_to(struct ssh *s, const struct blk_opts *o, int oflags, struct err *e)
{
	const char *host = host_of(o), *path = blk_opts_string(o, "path"), *user = blk_opts_string(o, "user");
	unsigned port = port_of(o);
	uint64_t limit = blk_opts_number(o, "timeout", 30);
	long timeout = (long)limit;
	int fd, one = 1, r;

	if (!host)
		return err_set(e, EINVAL, "the 'ssh' block driver requires a host");
	if (!path)
		return err_set(e, EINVAL, "the 'ssh' block driver requires a path");
	if (!port || port > 65535)
		return err_set(e, EINVAL, "port=%u is not accepted: 1 to 65535", port);
	if (limit < 1 || limit > TIMEOUT_MAX)
		return err_set(e, EINVAL, "timeout=%llu is not accepted: 1 to %u seconds", (unsigned long long)limit, TIMEOUT_MAX);
	if ((r = blk_library_load(&library, e)))
		return r;
	if (!(s->session = lib.ssh_new()))
		return err_errno(e, ENOMEM, "%s", host);
	if (lib.ssh_options_set(s->session, SSH_OPTIONS_HOST, host) < 0 || lib.ssh_options_set(s->session, SSH_OPTIONS_PORT, &port) < 0 ||
	    (user && lib.ssh_options_set(s->session, SSH_OPTIONS_USER, user) < 0) ||
	    lib.ssh_options_set(s->session, SSH_OPTIONS_TIMEOUT, &timeout) < 0 ||
	    lib.ssh_options_set(s->session, SSH_OPTIONS_NODELAY, &one) < 0 ||
	    (blk_opts_has(o, "known-hosts") && lib.ssh_options_set(s->session, SSH_OPTIONS_KNOWNHOSTS, blk_opts_string(o, "known-hosts")) < 0))
		return err_set(e, EINVAL, "%s: %s", host, lib.ssh_get_error(s->session));
	lib.ssh_options_set(s->session, SSH_OPTIONS_COMPRESSION, "none");
	if (lib.ssh_connect(s->session) != SSH_OK)
		return err_set(e, EIO, "cannot connect to %s, port %u: %s", host, port, lib.ssh_get_error(s->session));
	fd = lib.ssh_get_fd(s->session);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	if (!(s->watchdog = watchdog_new(fd, (unsigned)limit)))
		return err_errno(e, ENOMEM, "%s", host);
	watchdog_begin(s->watchdog);
	if (!(r = check_host_key(s, o, e)) && !(r = authenticate(s, e))) {
		if (!(s->sftp = lib.sftp_new(s->session)) || lib.sftp_init(s->sftp) < 0)
			r = err_set(e, EIO, "the server offers no SFTP: %s", lib.ssh_get_error(s->session));
		else if (!(s->file = lib.sftp_open(s->sftp, path, oflags, 0644)))
			r = err_errno(e, sftp_errno(s), "cannot open '%s' on %s", path, host);
	}
	if (!watchdog_end(s->watchdog))
		return err_set(e, ETIMEDOUT, "%s: the server did not answer within %llu s", host, (unsigned long long)limit);
	if (r)
		return r;
	s->can_sync = lib.sftp_extension_supported(s->sftp, "fsync@openssh.com", "1");
	s->write_size = lib.sftp_extension_supported(s->sftp, "posix-rename@openssh.com", "1") ? WRITE_LARGE : WRITE_SIZE;
	return 0;
}

static int begin(struct ssh *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->broken) {
		pthread_mutex_unlock(&s->lock);
		return -ECONNRESET;
	}
	watchdog_begin(s->watchdog);
	return 0;
}

static int end(struct ssh *s, int r)
{
	if (!watchdog_end(s->watchdog)) {
		s->broken = true;
		if (r)
			r = -ETIMEDOUT;
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int current_size(struct ssh *s, uint64_t *size)
{
	sftp_attributes a = lib.sftp_fstat(s->file);

	if (!a)
		return -sftp_errno(s);
	*size = a->size;
	lib.sftp_attributes_free(a);
	return *size > INT64_MAX ? -EFBIG : 0;
}

static int set_size(struct ssh *s, const char *path, uint64_t size)
{
	struct sftp_attributes_struct a = {.flags = SSH_FILEXFER_ATTR_SIZE, .size = size};
	return lib.sftp_setstat(s->sftp, path, &a) < 0 ? -sftp_errno(s) : 0;
}

static int ssh_open(struct blk *b, struct err *e)
{
	struct ssh *s = b->state;
	int r;

	pthread_mutex_init(&s->lock, NULL);
	r = connect_to(s, b->opts, b->flags & BLK_RDWR ? O_RDWR : O_RDONLY, e);
	if (r == -EACCES && (b->flags & BLK_RDWR) && (b->flags & BLK_AUTO_READ_ONLY)) {
		disconnect(s);
		r = connect_to(s, b->opts, O_RDONLY, e);
		if (!r)
			b->flags &= ~(unsigned)BLK_RDWR;
	}
	if (r)
		return r;
	if ((r = begin(s)) || (r = end(s, current_size(s, &b->size))))
		return err_errno(e, -r, "the size of '%s' cannot be read", blk_opts_string(b->opts, "path"));
	return 0;
}

static void ssh_close(struct blk *b)
{
	struct ssh *s = b->state;

	disconnect(s);
	pthread_mutex_destroy(&s->lock);
}

/* Reads until the end of the request or of the file; *done bytes. Many small requests are under way together. */
static int read_ahead(struct ssh *s, uint64_t offset, size_t length, uint8_t *buf, size_t *done)
{
	struct { int id; size_t at, n; } q[READS];
	unsigned first = 0, count = 0;
	size_t asked = 0;
	int r = 0;
	bool shorter = false;

	*done = 0;
	if (lib.sftp_seek64(s->file, offset) < 0)
		return -sftp_errno(s);
	while (count || (asked < length && !r && !shorter)) {
		if (count < READS && asked < length && !r && !shorter) {
			unsigned k = (first + count) % READS;
			q[k].at = asked;
			q[k].n = length - asked < READ_SIZE ? length - asked : READ_SIZE;
			q[k].id = lib.sftp_async_read_begin(s->file, (uint32_t)q[k].n);
			if (q[k].id < 0) {
				r = -sftp_errno(s);
			} else {
				asked += q[k].n;
				count++;
			}
			continue;
		}
		/* Every answer is taken in, also after an error: none must be left for a later request. */
		int got = lib.sftp_async_read(s->file, buf + q[first].at, (uint32_t)q[first].n, (uint32_t)q[first].id);
		if (got < 0)
			r = r ? r : -sftp_errno(s);
		else if (!shorter && !r)
			*done += (size_t)got;
		if (got >= 0 && (size_t)got < q[first].n)
			shorter = true;
		first = (first + 1) % READS;
		count--;
	}
	return r;
}

static int ssh_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	struct ssh *s = b->state;
	uint8_t *p = buf;
	int r = begin(s);

	if (r)
		return r;
	while (length && !r) {
		size_t n;
		r = read_ahead(s, offset, length, p, &n);
		if (!r && !n) { /* the file became shorter */
			memset(p, 0, length);
			break;
		}
		watchdog_begin(s->watchdog); /* it moves: that is what counts */
		p += n;
		offset += n;
		length -= n;
	}
	return end(s, r);
}

static int write_all(struct ssh *s, uint64_t offset, size_t length, const uint8_t *p)
{
	if (lib.sftp_seek64(s->file, offset) < 0)
		return -sftp_errno(s);
	while (length) {
		ssize_t n = lib.sftp_write(s->file, p, length < s->write_size ? length : s->write_size);
		if (n < 0)
			return -sftp_errno(s);
		if (!n)
			return -EIO;
		watchdog_begin(s->watchdog);
		p += n;
		length -= (size_t)n;
	}
	return 0;
}

static int ssh_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	struct ssh *s = b->state;
	int r = begin(s);

	(void)flags;
	return r ? r : end(s, write_all(s, offset, length, buf));
}

static int ssh_flush(struct blk *b)
{
	struct ssh *s = b->state;
	bool warn;
	int r;

	if (b->flags & BLK_NO_FLUSH)
		return 0;
	if ((r = begin(s)))
		return r;
	warn = !s->can_sync && !s->warned;
	s->warned |= warn;
	if (s->can_sync && lib.sftp_fsync(s->file) < 0)
		r = -sftp_errno(s);
	r = end(s, r);
	if (warn)
		blk_warn(b->graph, "%s: the server cannot flush files (no fsync@openssh.com): if it crashes the image may be damaged",
			 host_of(b->opts));
	return r;
}

static int ssh_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e)
{
	struct ssh *s = b->state;
	int r;

	if (prealloc != BLK_PREALLOC_OFF)
		return err_set(e, ENOTSUP, "Unsupported preallocation mode '%s' over ssh; accepted is: off", blk_prealloc_names[prealloc]);
	if ((r = begin(s)) || (r = end(s, set_size(s, blk_opts_string(b->opts, "path"), size))))
		return err_errno(e, -r, "the file's size cannot be changed");
	b->size = size;
	return 0;
}

static int ssh_create(const struct blk_create *c, struct err *e)
{
	struct blk_opts *o = blk_opts_new(ssh_options);
	json_t *given = json_object(), *v;
	struct ssh s = {.broken = false};
	const char *key;
	int r;

	pthread_mutex_init(&s.lock, NULL);
	if (!o || !given)
		r = err_errno(e, ENOMEM, "%s", c->filename);
	else
		r = parse_filename(c->filename, given, e);
	json_object_foreach (given, key, v)
		if (!r)
			r = blk_opts_set(o, key, json_string_value(v), e);
	if (!r)
		r = connect_to(&s, o, O_RDWR | O_CREAT | O_TRUNC, e);
	if (!r && c->size && ((r = begin(&s)) || (r = end(&s, set_size(&s, blk_opts_string(o, "path"), c->size)))))
		err_errno(e, -r, "%s: the new file cannot be made %llu bytes long", c->filename, (unsigned long long)c->size);
	disconnect(&s);
	pthread_mutex_destroy(&s.lock);
	json_decref(given);
	blk_opts_free(o);
	return r;
}
#else
struct ssh {
	char none;
};
static int ssh_open(struct blk *b, struct err *e)
{
	return blk_not_built_in(b->fmt->name, "libssh", "libssh-dev", e);
}
#define ssh_close NULL
#define ssh_pread NULL
#define ssh_pwrite NULL
#define ssh_flush NULL
#define ssh_truncate NULL
static int ssh_create(const struct blk_create *c, struct err *e)
{
	(void)c;
	return blk_not_built_in("ssh", "libssh", "libssh-dev", e);
}
#endif

static const char *const ssh_prefixes[] = {"ssh", NULL};
BLOCK_FORMAT(ssh) = {
	.name = "ssh", .flags = BLK_F_PROTOCOL | BLK_F_GROWS | BLK_F_NO_FORMAT, .prefixes = ssh_prefixes, .state_size = sizeof(struct ssh),
	.options = ssh_options, .create_options = ssh_create_options, .parse_filename = parse_filename, .describe = describe,
	.open = ssh_open, .close = ssh_close, .create = ssh_create, .pread = ssh_pread, .pwrite = ssh_pwrite, .flush = ssh_flush,
	.truncate = ssh_truncate,
};
