/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device strings of -serial, -parallel, -monitor, -debugcon, -gdb and -qmp, as lists of -chardev's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "char/internal.h"

/* Builds the list's text. */
struct list {
	FILE *f;
	char *text;
	size_t size;
};

static void add(struct list *l, const char *key, const char *value, size_t n)
{
	fprintf(l->f, ",%s=", key);
	for (size_t i = 0; i < n; i++) {
		fputc(value[i], l->f);
		if (value[i] == ',')
			fputc(',', l->f);
	}
}

static int unknown(const char *text, struct err *e)
{
	err_set(e, EINVAL, "'%.200s' is not a valid char driver", text);
	return err_hint(e, "It is one of: stdio, pty, null, none, vc, file:NAME, pipe:NAME, tcp:[HOST]:PORT, telnet:HOST:PORT, unix:PATH, "
			   "udp:[HOST]:PORT[@[ADDR]:PORT], /dev/XXX, chardev:ID, each also with mon: before it.");
}

/* HOST:PORT; HOST may be empty or [v6]. Returns what follows, NULL when it is none. end: what ends the port. */
static const char *host_port(struct list *l, const char *p, const char *end, const char *host_key, const char *port_key)
{
	const char *host = p, *host_end, *port;
	size_t n;

	if (*p == '[') {
		host = p + 1;
		host_end = strchr(p, ']');
		if (!host_end || host_end[1] != ':')
			return NULL;
		port = host_end + 2;
	} else {
		host_end = strchr(p, ':');
		if (!host_end || strcspn(p, end) < (size_t)(host_end - p))
			return NULL;
		port = host_end + 1;
	}
	n = strcspn(port, end);
	if (host_end > host)
		add(l, host_key, host, (size_t)(host_end - host));
	if (n)
		add(l, port_key, port, n);
	return port + n;
}

static int parse_tcp(struct list *l, const char *p, bool telnet, const char *all, struct err *e)
{
	p = host_port(l, p, ",", "host", "port");
	if (!p) {
		err_set(e, EINVAL, "'%.200s': [HOST]:PORT expected", all);
		return err_hint(e, "%s[HOST]:PORT[,server][,nowait][,nodelay]%s", telnet ? "telnet:" : "tcp:", telnet ? "" : "[,reconnect=SECONDS]");
	}
	if (telnet)
		fputs(",telnet=on", l->f);
	fputs(p, l->f);
	return 0;
}

/* The path ends at the first comma, a doubled one is part of it. */
static void parse_unix(struct list *l, const char *p)
{
	const char *end = p;

	while (*end && (*end != ',' || end[1] == ','))
		end += *end == ',' ? 2 : 1;
	if (end > p)
		fprintf(l->f, ",path=%.*s", (int)(end - p), p);
	fputs(end, l->f);
}

static int parse_udp(struct list *l, const char *p, const char *all, struct err *e)
{
	const char *end = host_port(l, p, "@,", "host", "port");

	/* "udp:4555": the port alone. */
	if (!end && *p && *p != '@' && *p != ':') {
		size_t n = strcspn(p, "@,");
		add(l, "port", p, n);
		end = p + n;
	}
	if (end && *end == '@')
		end = host_port(l, end + 1, ",", "localaddr", "localport");
	if (!end || *end) {
		err_set(e, EINVAL, "'%.200s' is not understood", all);
		return err_hint(e, "udp:[HOST]:PORT[@[ADDR]:PORT]");
	}
	return 0;
}

/* vc:800x600, vc:80Cx24C */
static int parse_vc(struct list *l, const char *p, const char *all, struct err *e)
{
	unsigned w, h;
	int n = 0;

	if (sscanf(p, "%5ux%5u%n", &w, &h, &n) == 2 && !p[n])
		fprintf(l->f, ",width=%u,height=%u", w, h);
	else if (sscanf(p, "%5uCx%5uC%n", &w, &h, &n) == 2 && n && !p[n])
		fprintf(l->f, ",cols=%u,rows=%u", w, h);
	else
		return err_set(e, EINVAL, "'%.200s': vc:WIDTHxHEIGHT in pixels or vc:COLUMNSCxROWSC expected", all);
	return 0;
}

static const char *after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);
	return strncmp(text, prefix, n) ? NULL : text + n;
}

static int make_list(struct list *l, const char *p, const char *all, struct err *e)
{
	static const char *const plain[] = {"null", "pty", "msmouse", "braille", "stdio", "vc"};
	const char *rest;

	for (unsigned i = 0; i < sizeof plain / sizeof *plain; i++)
		if (!strcmp(p, plain[i])) {
			fputs(p, l->f);
			return 0;
		}
	if ((rest = after(p, "vc:"))) {
		fputs("vc", l->f);
		return parse_vc(l, rest, all, e);
	}
	if ((rest = after(p, "file:")) || (rest = after(p, "pipe:"))) {
		fprintf(l->f, "%.4s", p);
		if (*rest)
			add(l, "path", rest, strlen(rest));
		return 0;
	}
	if ((rest = after(p, "tcp:")) || (rest = after(p, "telnet:"))) {
		fputs("socket", l->f);
		return parse_tcp(l, rest, p[1] == 'e', all, e);
	}
	if ((rest = after(p, "unix:"))) {
		fputs("socket", l->f);
		parse_unix(l, rest);
		return 0;
	}
	if ((rest = after(p, "udp:"))) {
		fputs("udp", l->f);
		return parse_udp(l, rest, all, e);
	}
	if (after(p, "con:") || after(p, "COM")) {
		fputs("console", l->f);
		return 0;
	}
	if (after(p, "/dev/parport") || after(p, "/dev/ppi")) {
		fputs("parallel", l->f);
		add(l, "path", p, strlen(p));
		return 0;
	}
	if (after(p, "/dev/")) {
		fputs("serial", l->f);
		add(l, "path", p, strlen(p));
		return 0;
	}
	return unknown(p, e);
}

int char_spec_parse_old(const char *text, struct char_spec *s, struct err *e)
{
	const char *p = text, *rest;
	struct list l = {0};
	bool monitor = false;
	int r;

	*s = (struct char_spec){0};
	if ((rest = after(p, "mon:"))) {
		monitor = true;
		p = rest;
	}
	if (!strcmp(p, "none") && !monitor) {
		s->nothing = true;
		return 0;
	}
	if ((rest = after(p, "chardev:"))) {
		if (!*rest)
			return err_set(e, EINVAL, "chardev:ID expected");
		s->reference = strdup(rest);
		s->monitor = monitor;
		return s->reference ? 0 : err_set(e, ENOMEM, "out of memory");
	}
	l.f = open_memstream(&l.text, &l.size);
	if (!l.f)
		return err_set(e, ENOMEM, "out of memory");
	r = make_list(&l, p, text, e);
	/* Beside a monitor Ctrl-C is the guest's. */
	if (r == 0 && monitor && !strcmp(p, "stdio"))
		fputs(",signal=off", l.f);
	if (r == 0 && monitor)
		fputs(",mux=on", l.f);
	fputs(",id=x", l.f);
	if (fclose(l.f) != 0 && r == 0)
		r = err_set(e, ENOMEM, "out of memory");
	if (r == 0)
		r = char_spec_parse(l.text, s, e);
	free(l.text);
	if (r < 0)
		return r;
	free(s->id);
	s->id = NULL;
	s->monitor = monitor;
	return 0;
}
