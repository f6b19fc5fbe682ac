/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptions of back ends. -chardev lists, QMP's objects and the old device strings (spec-old.c) all become a list of properties that is
 * checked against the back end's own table.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/size.h"
#include "char/internal.h"

static const struct char_prop vc_props[] = {
	{.name = "width", .type = PROP_NUMBER, .max = 65535}, {.name = "height", .type = PROP_NUMBER, .max = 65535}, {.name = "cols", .type = PROP_NUMBER, .max = 65535}, {.name = "rows", .type = PROP_NUMBER, .max = 65535}, {0}};
static const struct char_prop spice_props[] = {{.name = "name", .type = PROP_TEXT}, {.name = "debug", .type = PROP_NUMBER, .max = INT32_MAX}, {0}};
static const struct char_class char_vc = {.name = "vc", .help = "a text console inside the emulator's window", .props = vc_props,
	.missing = "consoles are not drawn inside a window; pty gives a terminal of its own, mon:stdio shares the one it is started from"};
static const struct char_class char_msmouse = {.name = "msmouse", .help = "a serial mouse",
	.missing = "there is no serial mouse; the machine's PS/2 mouse takes the pointer"};
static const struct char_class char_braille = {.name = "braille", .help = "a Braille terminal", .missing = "BrlAPI is not built in; pty with brltty(1) does the same"};
static const struct char_class char_spicevmc = {.name = "spicevmc", .help = "a SPICE channel", .props = spice_props,
	.missing = "SPICE is not built in; socket,path=PATH,server,nowait gives the channel to another program"};
static const struct char_class char_spiceport = {.name = "spiceport", .help = "a SPICE port", .props = spice_props,
	.missing = "SPICE is not built in; socket,path=PATH,server,nowait gives the port to another program"};
static const struct char_class char_console = {.name = "console", .help = "the process's console", .missing = "it exists on Windows only; stdio is the terminal"};

const struct char_class *const char_classes[] = {&char_null, &char_socket, &char_udp, &char_msmouse, &char_vc, &char_ringbuf, &char_file, &char_pipe,
	&char_console, &char_serial, &char_pty, &char_stdio, &char_braille, &char_parallel, &char_spicevmc, &char_spiceport, NULL};

static const struct char_prop common_props[] = {{.name = "logfile", .type = PROP_TEXT}, {.name = "logappend", .type = PROP_BOOL}, {0}};

const struct char_class *char_class_find(const char *name)
{
	for (unsigned i = 0; char_classes[i]; i++) {
		if (!strcmp(char_classes[i]->name, name))
			return char_classes[i];
		for (const char *const *a = char_classes[i]->aliases; a && *a; a++)
			if (!strcmp(*a, name))
				return char_classes[i];
	}
	return NULL;
}

const char *char_class_name(unsigned n)
{
	for (unsigned i = 0; char_classes[i]; i++) {
		const char *const *a = char_classes[i]->aliases;
		if (char_classes[i]->missing)
			continue;
		if (n-- == 0)
			return char_classes[i]->name;
		for (; a && *a; a++)
			if (n-- == 0)
				return *a;
	}
	return NULL;
}

void char_help(FILE *f)
{
	fprintf(f, "Available chardev backend types:\n");
	for (unsigned i = 0; char_classes[i]; i++)
		if (!char_classes[i]->missing)
			fprintf(f, "  %s\n", char_classes[i]->name);
}

/* ---- checking ---- */

static const struct char_prop *find_prop(const struct char_class *class, const char *name)
{
	for (const struct char_prop *p = class->props; p && p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	for (const struct char_prop *p = common_props; p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

static int parse_bool(const char *name, const char *value, bool *to, struct err *e)
{
	*to = !strcmp(value, "on");
	if (*to || !strcmp(value, "off"))
		return 0;
	return err_set(e, EINVAL, "Parameter '%s' expects 'on' or 'off'", name);
}

static int check_id(const char *id, struct err *e)
{
	size_t n = strlen(id);
	bool letter = (id[0] | 32) >= 'a' && (id[0] | 32) <= 'z';

	if (letter && strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == n && n <= CHAR_ID_MAX)
		return 0;
	err_set(e, EINVAL, n > CHAR_ID_MAX ? "id is longer than 127 characters" : "Parameter 'id' expects an identifier");
	return err_hint(e, "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.");
}

static int list_accepted(const struct char_class *class, struct err *e)
{
	char list[400];
	size_t n = 0;

	for (int pass = 0; pass < 2; pass++)
		for (const struct char_prop *p = pass ? common_props : class->props; p && p->name && n < sizeof list; p++)
			n += (size_t)snprintf(list + n, sizeof list - n, "%s, ", p->name);
	return err_hint(e, "%s takes: %sid, mux", class->name, list);
}

static int check_value(const struct char_prop *p, const char *value, struct err *e)
{
	int64_t n;
	uint64_t size;
	bool b;

	switch (p->type) {
	case PROP_BOOL:
		return parse_bool(p->name, value, &b, e);
	case PROP_NUMBER:
		return number_parse(p->name, value, 0, p->max, &n, e);
	case PROP_SIZE:
		return size_parse(value, 'B', &size, e) < 0 ? err_prefix(e, "%s", p->name) : 0;
	case PROP_TEXT:
		break;
	}
	return 0;
}

/* The class and the properties are set. */
static int check_spec(struct char_spec *s, struct err *e)
{
	const struct char_class *class = s->class;

	if (class->missing)
		return err_set(e, ENOTSUP, "chardev: %s: %s", class->name, class->missing);
	for (unsigned i = 0; i < s->kv.count; i++) {
		const struct char_prop *p = find_prop(class, s->kv.key[i]);
		if (!p) {
			err_set(e, EINVAL, "Invalid parameter '%.100s'", s->kv.key[i]);
			return list_accepted(class, e);
		}
		if (check_value(p, s->kv.value[i], e) < 0)
			return -e->code;
	}
	for (const struct char_prop *p = class->props; p && p->name; p++)
		if (p->required && !keyval_get(&s->kv, p->name))
			return err_set(e, EINVAL, "chardev: %s: no %s given", class->name, p->name);
	if (s->mux && class->no_mux)
		return err_set(e, EINVAL, "chardev: %s: it cannot be multiplexed", class->name);
	if (char_spec_bool(s, "logappend", false) && !keyval_get(&s->kv, "logfile"))
		return err_set(e, EINVAL, "chardev: %s: logappend without logfile", class->name);
	return class->check ? class->check(s, e) : 0;
}

const char *char_spec_get(const struct char_spec *s, const char *key)
{
	return keyval_get(&s->kv, key);
}

bool char_spec_bool(const struct char_spec *s, const char *key, bool def)
{
	const char *v = keyval_get(&s->kv, key);
	return v ? !strcmp(v, "on") : def;
}

int64_t char_spec_number(const struct char_spec *s, const char *key, int64_t def)
{
	const char *v = keyval_get(&s->kv, key);
	return v ? strtoll(v, NULL, 0) : def;
}

/* ---- -chardev ---- */

static void drop_pair(struct keyval *kv, unsigned i)
{
	free(kv->key[i]);
	free(kv->value[i]);
	memmove(kv->key + i, kv->key + i + 1, (kv->count - i - 1) * sizeof *kv->key);
	memmove(kv->value + i, kv->value + i + 1, (kv->count - i - 1) * sizeof *kv->value);
	kv->count--;
}

/* What is common to all back ends leaves the list; delay and nodelay are one property. */
static int take_common(struct char_spec *s, struct err *e)
{
	const char *backend = NULL;

	for (unsigned i = 0; i < s->kv.count;) {
		char *key = s->kv.key[i], *value = s->kv.value[i];
		if (!strcmp(key, "id")) {
			free(s->id);
			s->id = strdup(value);
			if (check_id(value, e) < 0)
				return -e->code;
		} else if (!strcmp(key, "mux")) {
			if (parse_bool(key, value, &s->mux, e) < 0)
				return -e->code;
		} else if (!strcmp(key, "backend")) {
			s->class = char_class_find(value);
			if (!s->class) {
				err_set(e, EINVAL, "'%.100s' is not a valid char driver name", value);
				return err_hint(e, "-chardev help lists them.");
			}
			backend = s->class->name;
		} else {
			if (!strcmp(key, "nodelay")) {
				bool on;
				if (parse_bool(key, value, &on, e) < 0)
					return -e->code;
				free(key);
				free(value);
				s->kv.key[i] = strdup("delay");
				s->kv.value[i] = strdup(on ? "off" : "on");
				if (!s->kv.key[i] || !s->kv.value[i])
					return err_set(e, ENOMEM, "out of memory");
			}
			i++;
			continue;
		}
		drop_pair(&s->kv, i);
	}
	return backend ? 0 : err_set(e, EINVAL, "chardev: no backend given");
}

static int flatten(struct keyval *kv, json_t *o, struct err *e)
{
	const char *key;
	json_t *v;

	json_object_foreach(o, key, v) {
		char number[32], *k, *t;
		const char *text = json_is_string(v) ? json_string_value(v) : json_is_boolean(v) ? (json_is_true(v) ? "on" : "off") : NULL;
		char **keys, **values;
		if (json_is_integer(v)) {
			snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
			text = number;
		}
		if (!text)
			return err_set(e, EINVAL, "'%.100s' is no string, number or boolean", key);
		keys = realloc(kv->key, (kv->count + 1) * sizeof *keys);
		if (keys)
			kv->key = keys;
		values = realloc(kv->value, (kv->count + 1) * sizeof *values);
		if (values)
			kv->value = values;
		k = keys && values ? strdup(key) : NULL;
		t = k ? strdup(text) : NULL;
		if (!t) {
			free(k);
			return err_set(e, ENOMEM, "out of memory");
		}
		kv->key[kv->count] = k;
		kv->value[kv->count++] = t;
	}
	return 0;
}

static int finish(struct char_spec *s, struct err *e)
{
	int r = take_common(s, e);

	if (r == 0)
		r = check_spec(s, e);
	if (r < 0)
		char_spec_free(s);
	return r;
}

int char_spec_parse(const char *text, struct char_spec *s, struct err *e)
{
	int r;

	*s = (struct char_spec){0};
	if (text[0] == '{') {
		json_t *o = keyval_parse_object(text, NULL, e);
		r = o ? flatten(&s->kv, o, e) : -e->code;
		json_decref(o);
	} else {
		r = keyval_parse(text, "backend", &s->kv, e);
	}
	if (r < 0) {
		char_spec_free(s);
		return r;
	}
	r = finish(s, e);
	if (r == 0 && !s->id) {
		char_spec_free(s);
		return err_set(e, EINVAL, "chardev: no id specified");
	}
	return r;
}

char *char_spec_print(const struct char_spec *s)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	fputs(s->class ? s->class->name : "none", f);
	if (s->id)
		fprintf(f, ",id=%s", s->id);
	for (unsigned i = 0; i < s->kv.count; i++) {
		char *value = keyval_quote(s->kv.value[i]);
		fprintf(f, ",%s=%s", s->kv.key[i], value ? value : "");
		free(value);
	}
	if (s->mux)
		fputs(",mux=on", f);
	fclose(f);
	return text;
}

void char_spec_free(struct char_spec *s)
{
	keyval_free(&s->kv);
	free(s->id);
	free(s->reference);
	*s = (struct char_spec){0};
}

/* ---- QMP ---- */

/* Members of QMP's data under the names of the list: "addr" is {"type":…,"data":{…}}; out, device and in are paths. */
static int qmp_data(json_t *to, const char *type, const json_t *data, struct err *e)
{
	const char *key;
	json_t *v;
	bool udp = !strcmp(type, "udp");

	json_object_foreach((json_t *)data, key, v) {
		const char *as = !strcmp(key, "out") || !strcmp(key, "device") ? "path" : key;
		if (!strcmp(key, "addr") || !strcmp(key, "remote") || !strcmp(key, "local")) {
			const char *kind = json_string_value(json_object_get(v, "type")), *k;
			json_t *inner = json_object_get(v, "data"), *w;
			bool local = !strcmp(key, "local");
			if (!kind || !json_is_object(inner) || (strcmp(kind, "inet") && strcmp(kind, "unix") && strcmp(kind, "fd")) ||
			    (udp && strcmp(kind, "inet")))
				return err_set(e, EINVAL, "%s: {\"type\":\"inet\"|\"unix\"|\"fd\",\"data\":{...}} is expected", key);
			json_object_foreach(inner, k, w) {
				const char *name = local && !strcmp(k, "host") ? "localaddr" : local && !strcmp(k, "port") ? "localport"
						   : !strcmp(kind, "fd") && !strcmp(k, "str") ? "fd" : k;
				json_object_set(to, name, w);
			}
		} else {
			json_object_set(to, as, v);
		}
	}
	/* A listener is QMP's default. */
	if (!strcmp(type, "socket") && !json_object_get(to, "server") && !json_object_get(to, "reconnect"))
		json_object_set_new(to, "server", json_true());
	return 0;
}

int char_spec_from_qmp(const char *id, const json_t *backend, struct char_spec *s, struct err *e)
{
	const char *type = json_string_value(json_object_get(backend, "type"));
	const json_t *data = json_object_get(backend, "data");
	json_t *flat = json_object();
	int r;

	*s = (struct char_spec){0};
	if (!type)
		r = err_set(e, EINVAL, "Parameter 'backend.type' is missing");
	else if (!char_class_find(type) && strcmp(type, "mux"))
		r = err_set(e, EINVAL, "Invalid parameter '%.100s'", type);
	else if (!strcmp(type, "mux"))
		r = err_set(e, ENOTSUP, "a multiplexer over a back end that exists cannot be added; give the back end mux=on");
	else if (data && !json_is_object(data))
		r = err_set(e, EINVAL, "Invalid parameter type for 'backend.data', expected: object");
	else
		r = data ? qmp_data(flat, type, data, e) : 0;
	if (r == 0) {
		json_object_set_new(flat, "backend", json_string(type));
		json_object_set_new(flat, "id", json_string(id));
		r = flatten(&s->kv, flat, e);
	}
	json_decref(flat);
	if (r < 0) {
		char_spec_free(s);
		return r;
	}
	return finish(s, e);
}
