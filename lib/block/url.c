/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

char *blk_url_unescape(const char *text, size_t n)
{
	char *out = malloc(n + 1), *o = out;

	for (size_t i = 0; out && i < n; i++) {
		char hex[3] = "", *end;
		if (text[i] != '%') {
			*o++ = text[i];
			continue;
		}
		if (n - i < 3)
			goto bad;
		memcpy(hex, text + i + 1, 2);
		*o = (char)strtol(hex, &end, 16);
		if (end != hex + 2 || !*o)
			goto bad;
		o++;
		i += 2;
	}
	if (out)
		*o = '\0';
	return out;
bad:
	free(out);
	return NULL;
}

void blk_url_free(struct blk_url *u)
{
	free(u->scheme);
	free(u->user);
	free(u->password);
	free(u->host);
	free(u->port);
	free(u->path);
	for (unsigned i = 0; i < u->queries; i++) {
		free(u->query[i].name);
		free(u->query[i].value);
	}
	memset(u, 0, sizeof *u);
}

static int part(char **to, const char *from, size_t n, const char *url, const char *what, struct err *e)
{
	*to = blk_url_unescape(from, n);
	return *to ? 0 : err_set(e, EINVAL, "%s: malformed %%-escape in the %s", url, what);
}

static int parse_query(struct blk_url *u, const char *q, const char *url, struct err *e)
{
	int r = 0;

	while (*q && !r) {
		size_t n = strcspn(q, "&;"), name = strcspn(q, "=&;");
		if (u->queries == sizeof u->query / sizeof *u->query)
			return err_set(e, EINVAL, "%s: more than %u parameters", url, u->queries);
		if (!name)
			return err_set(e, EINVAL, "%s: a parameter has no name", url);
		u->queries++;
		r = part(&u->query[u->queries - 1].name, q, name, url, "parameters", e);
		if (!r)
			r = part(&u->query[u->queries - 1].value, q + name + (name < n), n - name - (name < n), url, "parameters", e);
		q += n + (q[n] != '\0');
	}
	return r;
}

int blk_url_parse(const char *text, char password_mark, struct blk_url *u, struct err *e)
{
	const char *p = strstr(text, "://"), *end, *at, *colon;
	int r;

	memset(u, 0, sizeof *u);
	if (!p)
		return err_set(e, EINVAL, "%s is no URL", text);
	if ((r = part(&u->scheme, text, (size_t)(p - text), text, "scheme", e)))
		goto fail;
	p += 3;
	end = p + strcspn(p, "/?");
	at = memchr(p, '@', (size_t)(end - p));
	if (at) {
		const char *mark = memchr(p, password_mark, (size_t)(at - p));
		size_t n = (size_t)((mark ? mark : at) - p);
		if (n && (r = part(&u->user, p, n, text, "user", e)))
			goto fail;
		if (mark && (r = part(&u->password, mark + 1, (size_t)(at - mark - 1), text, "password", e)))
			goto fail;
		p = at + 1;
	}
	if (*p == '[') {
		const char *close = memchr(p, ']', (size_t)(end - p));
		if (!close || (close + 1 < end && close[1] != ':')) {
			r = err_set(e, EINVAL, "%s: the IPv6 address lacks its ']'", text);
			goto fail;
		}
		if ((r = part(&u->host, p + 1, (size_t)(close - p - 1), text, "host", e)))
			goto fail;
		colon = close + 1;
	} else {
		colon = memchr(p, ':', (size_t)(end - p));
		if (!colon)
			colon = end;
		if (colon > p && (r = part(&u->host, p, (size_t)(colon - p), text, "host", e)))
			goto fail;
	}
	if (colon < end) {
		if (colon + 1 == end || strspn(colon + 1, "0123456789") < (size_t)(end - colon - 1) || strtoul(colon + 1, NULL, 10) > 65535) {
			r = err_set(e, EINVAL, "%s: malformed port; it is a number up to 65535", text);
			goto fail;
		}
		if ((r = part(&u->port, colon + 1, (size_t)(end - colon - 1), text, "port", e)))
			goto fail;
	}
	p = end + strcspn(end, "?");
	if ((r = part(&u->path, end, (size_t)(p - end), text, "path", e)) || (*p && (r = parse_query(u, p + 1, text, e))))
		goto fail;
	return 0;
fail:
	blk_url_free(u);
	return r;
}
