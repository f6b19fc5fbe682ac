/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http, https, ftp, ftps: read-only images on a web or file server, through libcurl.
 *
 * Theory of operation
 *   Each request is one ranged transfer on a handle of its own; handles that are idle keep their connection for the next
 *   request. The size comes from a first transfer of one byte (HTTP: 206 with Content-Range, RFC 9110 section 14.4) or
 *   from FTP's SIZE. A transfer that does not connect within `timeout` seconds, or for that long moves nothing, fails.
 *   A read that broke off or was too slow is tried once more.
 */
#include "block/library.h"
#ifdef HAVE_CURL
#define CURL_DISABLE_TYPECHECK 1
#include <curl/curl.h>
#endif
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/readahead.h"

#define READAHEAD_DEFAULT (256u << 10)
#define READAHEAD_MAX (64u << 20)
#define TIMEOUT_DEFAULT 5u
#define TIMEOUT_MAX 10000u
#define IDLE_MAX 8 /* handles that are kept */

#define SCHEME_OPTIONS                                                                                         \
	{"url", BLK_OPT_STRING, "URL of the image", NULL, NULL},                                               \
	{"readahead", BLK_OPT_SIZE, "bytes read ahead, a multiple of 512", "262144", NULL},                    \
	{"timeout", BLK_OPT_NUMBER, "seconds until a silent server is given up", "5", NULL},                   \
	{"username", BLK_OPT_STRING, "user name at the server", NULL, NULL},                                   \
	{"password-secret", BLK_OPT_STRING, "ID of the secret with the password", NULL, NULL},                 \
	{"proxy-username", BLK_OPT_STRING, "user name at the proxy", NULL, NULL},                              \
	{"proxy-password-secret", BLK_OPT_STRING, "ID of the secret with the proxy's password", NULL, NULL},   \
	{"proxy", BLK_OPT_STRING, "URL of the proxy, instead of the environment's", NULL, NULL}
#define TLS_OPTION {"sslverify", BLK_OPT_BOOL, "verify the server's certificate", "on", NULL}
#define COOKIE_OPTIONS                                                                                         \
	{"cookie", BLK_OPT_STRING, "cookies sent with each request, NAME=VALUE; NAME=VALUE", NULL, NULL},      \
	{"cookie-secret", BLK_OPT_STRING, "ID of the secret with the cookies", NULL, NULL}

static const struct blk_option http_options[] = {SCHEME_OPTIONS, COOKIE_OPTIONS, {.name = NULL}};
static const struct blk_option https_options[] = {SCHEME_OPTIONS, TLS_OPTION, COOKIE_OPTIONS, {.name = NULL}};
static const struct blk_option ftp_options[] = {SCHEME_OPTIONS, {.name = NULL}};
static const struct blk_option ftps_options[] = {SCHEME_OPTIONS, TLS_OPTION, {.name = NULL}};

static int parse_filename(const char *name, json_t *options, struct err *e)
{
	const char *rest = strstr(name, "://");

	if (!rest || !rest[3])
		return err_set(e, EINVAL, "%s is no URL; accepted: PROTOCOL://[USER[:PASSWORD]@]HOST[:PORT]/PATH", name);
	if (json_object_set_new(options, "url", json_string(name)) < 0)
		return err_set(e, EINVAL, "the URL is not valid UTF-8");
	return 0;
}

static char *describe(struct blk *b)
{
	const char *url = blk_opts_string(b->opts, "url");
	return url ? strdup(url) : NULL;
}

#ifdef HAVE_CURL
#define CALLS(X)                                                                                               \
	X(curl_global_init) X(curl_easy_init) X(curl_easy_setopt) X(curl_easy_perform) X(curl_easy_cleanup)    \
	X(curl_easy_getinfo) X(curl_easy_strerror)
static struct curl_calls {
	CALLS(LIBRARY_POINTER)
} lib;
#define SYMBOL(f) {#f, offsetof(struct curl_calls, f)},

static int global_init(struct err *e)
{
	return lib.curl_global_init(CURL_GLOBAL_ALL) ? err_set(e, ENOMEM, "libcurl cannot be initialised") : 0;
}

static struct blk_library library = {
	.name = "libcurl", .files = (const char *const[]){"libcurl-gnutls.so.4", "libcurl.so.4", "libcurl-nss.so.4", NULL},
	.package = "libcurl3-gnutls", .symbols = (const struct blk_symbol[]){CALLS(SYMBOL) {NULL, 0}}, .table = &lib,
	.init = global_init, .lock = PTHREAD_MUTEX_INITIALIZER,
};

struct handle {
	CURL *easy;
	struct handle *next;
	char error[CURL_ERROR_SIZE];
	uint8_t *buf;      /* where the transfer's bytes go */
	size_t want, have; /* bytes */
	bool too_much;     /* the server sends more than was asked for */
	uint64_t total;    /* from Content-Range */
	bool total_known;
};

struct curl {
	char *user, *password, *proxy_user, *proxy_password, *cookie;
	uint64_t timeout;
	struct readahead *ahead;
	struct handle *idle;
	unsigned idle_count;
	bool http;
};

static size_t take_body(char *data, size_t size, size_t n, void *opaque)
{
	struct handle *h = opaque;
	size_t bytes = size * n, room = h->want - h->have;

	if (bytes > room) {
		h->too_much = true;
		bytes = room;
	}
	memcpy(h->buf + h->have, data, bytes);
	h->have += bytes;
	return h->too_much ? 0 : bytes; /* fewer than given ends the transfer */
}

static size_t take_header(char *data, size_t size, size_t n, void *opaque)
{
	static const char name[] = "content-range:";
	struct handle *h = opaque;
	size_t bytes = size * n;
	char line[256], *slash, *end;

	if (bytes < sizeof line && bytes > sizeof name && !strncasecmp(data, name, sizeof name - 1)) {
		memcpy(line, data, bytes);
		line[bytes] = '\0';
		slash = strchr(line, '/');
		if (slash && slash[1] >= '0' && slash[1] <= '9') {
			errno = 0;
			h->total = strtoull(slash + 1, &end, 10);
			h->total_known = !errno && h->total <= INT64_MAX;
		}
	}
	return bytes;
}

static struct handle *handle_get(struct blk *b, struct err *e)
{
	struct curl *s = b->state;
	struct handle *h;
	CURL *c;
	long allowed = s->http ? CURLPROTO_HTTP | CURLPROTO_HTTPS : CURLPROTO_FTP | CURLPROTO_FTPS;
	bool verify = !blk_opts_has(b->opts, "sslverify") || blk_opts_bool(b->opts, "sslverify", true);

	pthread_mutex_lock(&b->lock);
	if ((h = s->idle)) {
		s->idle = h->next;
		s->idle_count--;
	}
	pthread_mutex_unlock(&b->lock);
	if (h)
		return h;
	h = calloc(1, sizeof *h);
	if (!h || !(c = h->easy = lib.curl_easy_init())) {
		free(h);
		err_errno(e, ENOMEM, "cannot make a connection");
		return NULL;
	}
	lib.curl_easy_setopt(c, CURLOPT_URL, blk_opts_string(b->opts, "url"));
	lib.curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	lib.curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	lib.curl_easy_setopt(c, CURLOPT_MAXREDIRS, 10L);
	lib.curl_easy_setopt(c, CURLOPT_AUTOREFERER, 1L);
	lib.curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_ANY);
	lib.curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->error);
	lib.curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	lib.curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
	if (s->http) {
		lib.curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
		lib.curl_easy_setopt(c, CURLOPT_HEADERDATA, h);
	}
	lib.curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)s->timeout);
	lib.curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	lib.curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)s->timeout);
	lib.curl_easy_setopt(c, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)s->timeout);
	/* A server names other places by redirections: never a local file or a mail server. */
#if LIBCURL_VERSION_NUM >= 0x075500
	(void)allowed;
	lib.curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, s->http ? "http,https" : "ftp,ftps");
	lib.curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, s->http ? "http,https" : "ftp,ftps");
#else
	lib.curl_easy_setopt(c, CURLOPT_PROTOCOLS, allowed);
	lib.curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS, allowed);
#endif
	lib.curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
	lib.curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
	if (s->cookie)
		lib.curl_easy_setopt(c, CURLOPT_COOKIE, s->cookie);
	if (s->user)
		lib.curl_easy_setopt(c, CURLOPT_USERNAME, s->user);
	if (s->password)
		lib.curl_easy_setopt(c, CURLOPT_PASSWORD, s->password);
	if (s->proxy_user)
		lib.curl_easy_setopt(c, CURLOPT_PROXYUSERNAME, s->proxy_user);
	if (s->proxy_password)
		lib.curl_easy_setopt(c, CURLOPT_PROXYPASSWORD, s->proxy_password);
	if (blk_opts_has(b->opts, "proxy"))
		lib.curl_easy_setopt(c, CURLOPT_PROXY, blk_opts_string(b->opts, "proxy"));
	return h;
}

static void handle_free(struct handle *h)
{
	lib.curl_easy_cleanup(h->easy);
	free(h);
}

static void handle_put(struct blk *b, struct handle *h, bool good)
{
	struct curl *s = b->state;

	pthread_mutex_lock(&b->lock);
	good = good && s->idle_count < IDLE_MAX;
	if (good) {
		h->next = s->idle;
		s->idle = h;
		s->idle_count++;
	}
	pthread_mutex_unlock(&b->lock);
	if (!good)
		handle_free(h);
}

static int code_to_errno(CURLcode r)
{
	switch (r) {
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
		return ECONNREFUSED;
	case CURLE_OUT_OF_MEMORY:
		return ENOMEM;
	case CURLE_REMOTE_ACCESS_DENIED:
	case CURLE_LOGIN_DENIED:
		return EACCES;
	case CURLE_REMOTE_FILE_NOT_FOUND:
		return ENOENT;
	default:
		return EIO;
	}
}

/* One ranged transfer; *status is HTTP's, 0 for others. */
static CURLcode transfer(struct handle *h, uint64_t offset, size_t length, void *buf, long *status)
{
	char range[64];
	CURLcode r;

	h->buf = buf;
	h->want = length;
	h->have = 0;
	h->too_much = h->total_known = false;
	h->error[0] = '\0';
	*status = 0;
	snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)offset, (unsigned long long)(offset + length - 1));
	lib.curl_easy_setopt(h->easy, CURLOPT_RANGE, range);
	r = lib.curl_easy_perform(h->easy);
	lib.curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, status);
	return r;
}

static int fetch(void *opaque, uint64_t offset, size_t length, void *buf)
{
	struct blk *b = opaque;
	struct curl *s = b->state;
	int r = -EIO;

	for (unsigned attempt = 0; attempt < 2 && r; attempt++) {
		struct handle *h = handle_get(b, NULL);
		CURLcode c;
		long status;
		if (!h)
			return -ENOMEM;
		c = transfer(h, offset, length, buf, &status);
		if (s->http && c == CURLE_OK && status != 206 && !(status == 200 && h->have == length && !offset && length == b->size))
			r = status == 401 || status == 403 ? -EACCES : status == 404 ? -ENOENT : -EIO;
		else if (h->have == length && (c == CURLE_OK || (!s->http && c == CURLE_PARTIAL_FILE)))
			r = 0;
		else
			r = c == CURLE_OK || h->too_much ? -EIO : -code_to_errno(c);
		handle_put(b, h, !r);
		if (r == -EACCES || r == -ENOENT)
			break;
	}
	return r;
}

static const char *problem(const struct handle *h, CURLcode c)
{
	return h->error[0] ? h->error : lib.curl_easy_strerror(c);
}

/* The first transfer: is the server there, does it serve ranges, how long is the file? */
static int http_size(struct blk *b, struct handle *h, struct err *e)
{
	uint8_t byte[1];
	long status;
	CURLcode c = transfer(h, 0, 1, byte, &status);

	if (c == CURLE_GOT_NOTHING || c == CURLE_RECV_ERROR || c == CURLE_SEND_ERROR)
		c = transfer(h, 0, 1, byte, &status);
	if (status == 401 || status == 403 || status == 407)
		return err_set(e, EACCES, "the server refused access (HTTP status %ld)", status);
	if (status == 404 || status == 410)
		return err_set(e, ENOENT, "the server has no such file (HTTP status %ld)", status);
	if (c != CURLE_OK && !h->too_much)
		return err_set(e, code_to_errno(c), "%s", problem(h, c));
	if (status == 416) { /* nothing to give: an empty file */
		b->size = 0;
		return h->total_known && !h->total ? 0 : err_set(e, EIO, "the server refused to send the first byte (HTTP status 416)");
	}
	if (status == 200) {
		curl_off_t length = -1;
		lib.curl_easy_getinfo(h->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
		b->size = 0;
		if (!length)
			return 0;
		return err_set(e, ENOTSUP, "Server does not support 'range' (byte ranges).");
	}
	if (status != 206)
		return err_set(e, EIO, "unexpected HTTP status %ld", status);
	if (!h->total_known)
		return err_set(e, EIO, "the server does not tell the file's size (Content-Range without it)");
	b->size = h->total;
	return 0;
}

/* libcurl gives what a HEAD would say as if it were the body. */
static size_t sink(char *data, size_t size, size_t n, void *opaque)
{
	(void)data;
	(void)opaque;
	return size * n;
}

static int ftp_size(struct blk *b, struct handle *h, struct err *e)
{
	curl_off_t length = -1;
	CURLcode c;

	lib.curl_easy_setopt(h->easy, CURLOPT_NOBODY, 1L);
	lib.curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, sink);
	h->error[0] = '\0';
	c = lib.curl_easy_perform(h->easy);
	if (c != CURLE_OK)
		return err_set(e, code_to_errno(c), "%s", problem(h, c));
	lib.curl_easy_getinfo(h->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	lib.curl_easy_setopt(h->easy, CURLOPT_NOBODY, 0L);
	lib.curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, take_body);
	if (length < 0)
		return err_set(e, EIO, "the server does not tell the file's size (FTP SIZE)");
	b->size = (uint64_t)length;
	return 0;
}

static int secret(struct blk *b, const char *option, char **text, struct err *e)
{
	const char *id = blk_opts_string(b->opts, option);

	if (id && !(*text = blk_secret_text(b, id, e)))
		return e && e->code ? -e->code : -EINVAL;
	return 0;
}

static int copy(struct blk *b, const char *option, char **text, struct err *e)
{
	const char *v = blk_opts_string(b->opts, option);

	if (v && !(*text = strdup(v)))
		return err_errno(e, ENOMEM, "%s", option);
	return 0;
}

static int curl_open(struct blk *b, struct err *e)
{
	struct curl *s = b->state;
	const char *url = blk_opts_string(b->opts, "url");
	uint64_t ahead = blk_opts_size(b->opts, "readahead", READAHEAD_DEFAULT);
	size_t scheme = strlen(b->fmt->name);
	struct handle *h;
	int r;

	if (!url)
		return err_set(e, EINVAL, "the '%s' block driver requires a URL", b->fmt->name);
	if (strncasecmp(url, b->fmt->name, scheme) || strncmp(url + scheme, "://", 3))
		return err_set(e, EINVAL, "%s: the '%s' block driver takes a URL that starts with %s://", url, b->fmt->name, b->fmt->name);
	if (ahead % BLK_SECTOR || ahead > READAHEAD_MAX)
		return err_set(e, EINVAL, "readahead=%llu is not accepted: a multiple of 512, at most %u", (unsigned long long)ahead, READAHEAD_MAX);
	s->timeout = blk_opts_number(b->opts, "timeout", TIMEOUT_DEFAULT);
	if (s->timeout < 1 || s->timeout > TIMEOUT_MAX)
		return err_set(e, EINVAL, "timeout=%llu is not accepted: 1 to %u seconds", (unsigned long long)s->timeout, TIMEOUT_MAX);
	if (blk_opts_has(b->opts, "cookie") && blk_opts_has(b->opts, "cookie-secret"))
		return err_set(e, EINVAL, "cookie and cookie-secret may not be used at the same time");
	if ((r = copy(b, "username", &s->user, e)) || (r = copy(b, "proxy-username", &s->proxy_user, e)) ||
	    (r = copy(b, "cookie", &s->cookie, e)) || (r = secret(b, "cookie-secret", &s->cookie, e)) ||
	    (r = secret(b, "password-secret", &s->password, e)) || (r = secret(b, "proxy-password-secret", &s->proxy_password, e)))
		return r;
	if ((r = blk_library_load(&library, e)))
		return r;
	s->http = b->fmt->name[0] == 'h';
	if (!(h = handle_get(b, e)))
		return -ENOMEM;
	r = s->http ? http_size(b, h, e) : ftp_size(b, h, e);
	if (r)
		err_prefix(e, "%s", url);
	handle_put(b, h, !r);
	if (!r && !(s->ahead = readahead_new(ahead, b->size, fetch, b)))
		r = err_errno(e, ENOMEM, "%s", url);
	return r;
}

static void curl_close(struct blk *b)
{
	struct curl *s = b->state;
	struct handle *h;

	readahead_free(s->ahead);
	while ((h = s->idle)) {
		s->idle = h->next;
		handle_free(h);
	}
	blk_secret_free(s->user);
	blk_secret_free(s->password);
	blk_secret_free(s->proxy_user);
	blk_secret_free(s->proxy_password);
	blk_secret_free(s->cookie);
}

static int curl_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	struct curl *s = b->state;
	return readahead_read(s->ahead, offset, length, buf);
}
#else
struct curl {
	char none;
};
static int curl_open(struct blk *b, struct err *e)
{
	return blk_not_built_in(b->fmt->name, "libcurl", "libcurl4-gnutls-dev", e);
}
#define curl_close NULL
#define curl_pread NULL
#endif

#define SCHEME(id, text, table)                                                                                \
	static const char *const id##_prefixes[] = {text, NULL};                                               \
	BLOCK_FORMAT(id) = {                                                                                   \
		.name = text, .flags = BLK_F_PROTOCOL | BLK_F_NO_FORMAT | BLK_F_READ_ONLY, .prefixes = id##_prefixes, \
		.state_size = sizeof(struct curl), .options = table, .parse_filename = parse_filename,         \
		.describe = describe, .open = curl_open, .close = curl_close, .pread = curl_pread,             \
	}
SCHEME(http, "http", http_options);
SCHEME(https, "https", https_options);
SCHEME(ftp, "ftp", ftp_options);
SCHEME(ftps, "ftps", ftps_options);
