/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device tree: types, buses, creation, reset, -device, -global and -set. */
#include "device.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include "base/keyval.h"
#include "base/log.h"
#include "core.h"
#include "plugs.h"

extern const struct device_type *const __start_device_types[] __attribute__((weak));
extern const struct device_type *const __stop_device_types[] __attribute__((weak));

struct global {
	char *driver, *property, *value;
	bool used;
	struct global *next;
};

struct set_option {
	char *group, *id, *arg, *value;
	struct set_option *next;
};

struct reset_hook {
	void (*fn)(void *opaque);
	void *opaque;
	struct reset_hook *next;
};

struct device_core {
	struct device *first; /* in order of creation */
	struct bus *buses;    /* the board's */
	struct global *globals;
	struct set_option *sets;
	struct reset_hook *hooks;
};

static struct device_core *core(const struct machine *m)
{
	return m->parts->devices;
}

/* ---- types ---- */

static unsigned type_count(void)
{
	return (unsigned)(__stop_device_types - __start_device_types);
}

const struct device_type *device_type_find(const char *name)
{
	for (unsigned i = 0; i < type_count(); i++) {
		const struct device_type *t = __start_device_types[i];
		if (!strcmp(t->name, name) || (t->alias && !strcmp(t->alias, name)))
			return t;
	}
	return NULL;
}

const struct device_type *device_type_at(unsigned n)
{
	/* The n-th by name: the one with n names before it. */
	for (unsigned i = 0; i < type_count(); i++) {
		unsigned below = 0;
		for (unsigned k = 0; k < type_count(); k++)
			below += strcmp(__start_device_types[k]->name, __start_device_types[i]->name) < 0;
		if (below == n)
			return __start_device_types[i];
	}
	return NULL;
}

static int unknown_type(const char *name, struct err *e)
{
	char near[300] = "";
	size_t n = strlen(name), len = 0;

	for (unsigned i = 0; i < type_count(); i++) {
		const struct device_type *t = __start_device_types[i];
		if (t->user && len < sizeof near - 60 && n >= 2 &&
		    (strstr(t->name, name) || strstr(name, t->name) || !strncmp(t->name, name, n < 4 ? n : 4)))
			len += (size_t)snprintf(near + len, sizeof near - len, "%s%s", len ? ", " : "", t->name);
	}
	err_set(e, ENOENT, "'%s' is not a valid device model name", name);
	return len ? err_hint(e, "similar names: %s; -device help lists all", near) : err_hint(e, "-device help lists all");
}

/* ---- buses ---- */

void bus_init(struct bus *b, const char *kind, const char *name, struct device *owner, struct machine *m)
{
	struct bus **p = owner ? &owner->buses : &core(m)->buses;

	b->kind = kind;
	snprintf(b->name, sizeof b->name, "%s", name);
	b->owner = owner;
	b->machine = m;
	b->children = NULL;
	b->next = NULL;
	while (*p)
		p = &(*p)->next;
	*p = b;
}

/* Every bus: the board's, then the devices' in order of creation. prev NULL: the first. */
static struct bus *bus_next(struct machine *m, struct bus *prev)
{
	struct device *d;

	if (!prev && core(m)->buses)
		return core(m)->buses;
	if (prev && prev->next)
		return prev->next;
	for (d = prev && prev->owner ? prev->owner->later : core(m)->first; d; d = d->later)
		if (d->buses)
			return d->buses;
	return NULL;
}

struct bus *bus_find(struct machine *m, const char *name)
{
	for (struct bus *b = NULL; (b = bus_next(m, b));)
		if (!strcmp(b->name, name) || (b->owner && b->owner->id && !strcmp(b->owner->id, name)))
			return b;
	return NULL;
}

static struct bus *bus_of_kind(struct machine *m, const char *kind, struct bus *after)
{
	for (struct bus *b = after; (b = bus_next(m, b));)
		if (!strcmp(b->kind, kind))
			return b;
	return NULL;
}

static void bus_append(struct bus *b, struct device *d)
{
	struct device **p = &b->children;

	while (*p)
		p = &(*p)->next;
	*p = d;
	d->next = NULL;
	d->parent = b;
}

static void bus_take(struct device *d)
{
	struct device **p;

	if (!d->parent)
		return;
	for (p = &d->parent->children; *p && *p != d; p = &(*p)->next)
		;
	if (*p)
		*p = d->next;
	d->next = NULL;
}

/* ---- devices ---- */

static const struct prop *prop_find(const struct device_type *t, const char *name)
{
	for (const struct prop *p = t->props; p && p->name; p++) {
		/* Old spellings have underscores. */
		const char *a = p->name, *b = name;
		while (*a && (*a == *b || (*a == '-' && *b == '_')))
			a++, b++;
		if (!*a && !*b)
			return p;
	}
	return NULL;
}

struct device *device_new(struct machine *m, const char *type, struct bus *bus, struct err *e)
{
	const struct device_type *t = device_type_find(type);
	struct device *d, **p;
	bool any = !bus;

	if (!t) {
		unknown_type(type, e);
		return NULL;
	}
	if (!bus)
		bus = t->bus ? bus_of_kind(m, t->bus, NULL) : m->system_bus;
	if (!bus) {
		err_set(e, ENOENT, "No '%s' bus found for device '%s'", t->bus, t->name);
		return NULL;
	}
	if (t->bus && strcmp(bus->kind, t->bus)) {
		err_set(e, EINVAL, "Device '%s' can't go on %s bus", t->name, bus->kind);
		return NULL;
	}
	d = calloc(1, t->size);
	if (!d) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	d->type = t;
	d->machine = m;
	d->any_bus = any;
	bus_append(bus, d);
	for (p = &core(m)->first; *p; p = &(*p)->later)
		;
	*p = d;
	for (const struct prop *q = t->props; q && q->name; q++)
		prop_default(d, q);
	for (struct global *g = core(m)->globals; g; g = g->next)
		if (!strcmp(g->driver, t->name) || (t->alias && !strcmp(g->driver, t->alias))) {
			g->used = true;
			if (device_set(d, g->property, g->value, e) < 0) {
				err_prefix(e, "-global %s.%s=%s", g->driver, g->property, g->value);
				device_free(d);
				return NULL;
			}
		}
	return d;
}

int device_set(struct device *d, const char *name, const char *value, struct err *e)
{
	const struct prop *p = prop_find(d->type, name);

	if (!p) {
		err_set(e, ENOENT, "Property '%s.%s' not found", d->type->name, name);
		return err_hint(e, "-device %s,help lists them", d->type->name);
	}
	return prop_set(d, d->type->name, p, value, d->machine, e);
}

void device_set_int(struct device *d, const char *name, int64_t value)
{
	const struct prop *p = prop_find(d->type, name);
	void *to = (uint8_t *)d + (p ? p->offset : 0);

	if (!p)
		die(1, "%s has no property '%s'", d->type->name, name);
	switch ((enum prop_kind)p->kind) {
	case PROP_BOOL: *(bool *)to = value != 0; break;
	case PROP_U8: *(uint8_t *)to = (uint8_t)value; break;
	case PROP_U16: *(uint16_t *)to = (uint16_t)value; break;
	case PROP_U32: *(uint32_t *)to = (uint32_t)value; break;
	case PROP_I32:
	case PROP_ADDR: *(int32_t *)to = (int32_t)value; break;
	case PROP_CHOICE: *(int *)to = (int)value; break;
	case PROP_U64:
	case PROP_SIZE: *(uint64_t *)to = (uint64_t)value; break;
	default: die(1, "%s.%s is no number", d->type->name, name);
	}
}

void device_set_ptr(struct device *d, const char *name, void *value)
{
	const struct prop *p = prop_find(d->type, name);

	if (!p || p->kind < PROP_DRIVE || p->kind > PROP_MEMDEV)
		die(1, "%s has no property '%s' that refers to something", d->type->name, name);
	*(void **)((uint8_t *)d + p->offset) = value;
}

static struct device *find_path(struct machine *m, const char *path)
{
	for (struct device *d = core(m)->first; d; d = d->later)
		if (!strcmp(d->path, path))
			return d;
	return NULL;
}

/* The name of its section in saved state: the same in every machine that is built by the same options. */
static int make_path(struct device *d, struct err *e)
{
	const struct bus *b = d->parent;
	char place[32] = "", base[80], path[sizeof d->path];
	int n;

	if (b->place)
		b->place(d, place, sizeof place);
	if (b == d->machine->system_bus)
		n = snprintf(base, sizeof base, "/%s", d->type->name);
	else
		n = snprintf(base, sizeof base, "/%s/%s%s%s", b->name, place, *place ? "/" : "", d->type->name);
	if (n >= (int)sizeof base)
		return err_set(e, ENAMETOOLONG, "the name of bus '%s' is too long for a device on it", b->name);
	snprintf(path, sizeof path, "%s", base);
	for (unsigned i = 1; find_path(d->machine, path); i++)
		snprintf(path, sizeof path, "%s[%u]", base, i);
	memcpy(d->path, path, sizeof path);
	return 0;
}

int device_realize(struct device *d, struct err *e)
{
	struct bus *b = d->parent;
	int r;

	for (;;) {
		r = b->plug ? b->plug(b, d, e) : 0;
		if (r >= 0 || !d->any_bus || (r != -ENOSPC && r != -EBUSY))
			break;
		/* Full: the next of its kind, where the device was told no bus. */
		do
			b = bus_of_kind(d->machine, d->type->bus, b);
		while (b && d->hotplugged && !b->hotplug);
		if (!b)
			return r;
		bus_take(d);
		bus_append(b, d);
	}
	if (r < 0)
		return r;
	r = make_path(d, e);
	if (r == 0 && d->type->realize)
		r = d->type->realize(d, e);
	if (r < 0) {
		if (b->unplug)
			b->unplug(b, d);
		d->path[0] = '\0';
		return r;
	}
	d->realized = true;
	if (d->hotplugged && d->type->reset)
		d->type->reset(d);
	if (d->hotplugged && b->added)
		b->added(b, d);
	return 0;
}

void device_free(struct device *d)
{
	struct device **p;

	if (!d)
		return;
	for (struct bus *b = d->buses; b; b = b->next)
		while (b->children)
			device_free(b->children);
	if (d->realized) {
		if (d->type->unrealize)
			d->type->unrealize(d);
		if (d->parent->unplug)
			d->parent->unplug(d->parent, d);
	}
	bus_take(d);
	for (p = &core(d->machine)->first; *p && *p != d; p = &(*p)->later)
		;
	if (*p)
		*p = d->later;
	for (const struct prop *q = d->type->props; q && q->name; q++)
		prop_free(d, q);
	free(d->id);
	free(d);
}

/* Disks that were added for it go too. */
static void release_drives(struct device *d)
{
	for (const struct prop *p = d->type->props; p && p->name; p++) {
		struct drive *drive = p->kind == PROP_DRIVE ? *(struct drive **)((uint8_t *)d + p->offset) : NULL;
		if (drive)
			drive_release(drive);
	}
	for (struct bus *b = d->buses; b; b = b->next)
		for (struct device *c = b->children; c; c = c->next)
			release_drives(c);
}

void device_gone(struct device *d)
{
	struct machine *m = d->machine;
	json_t *data = json_pack("{s:s}", "path", d->path);

	if (d->id)
		json_object_set_new(data, "device", json_string(d->id));
	machine_event(m, "DEVICE_DELETED", data);
	release_drives(d);
	device_free(d);
	drives_sweep(m);
}

struct device *device_find(struct machine *m, const char *id_or_path)
{
	for (struct device *d = core(m)->first; d; d = d->later)
		if ((d->id && !strcmp(d->id, id_or_path)) || !strcmp(d->path, id_or_path))
			return d;
	return NULL;
}

void device_each(struct machine *m, bool (*fn)(void *opaque, struct device *d), void *opaque)
{
	struct device *next;

	for (struct device *d = core(m)->first; d; d = next) {
		next = d->later;
		if (!fn(opaque, d))
			return;
	}
}

int device_del(struct machine *m, const char *id, struct err *e)
{
	struct device *d = device_find(m, id);
	struct bus *b;

	if (!d)
		return err_set(e, ENODEV, "Device '%s' not found", id);
	b = d->parent;
	if (!d->type->hotplug)
		return err_set(e, EINVAL, "Device '%s' does not support hotplugging", d->type->name);
	if (!b->hotplug)
		return err_set(e, EINVAL, "Bus '%s' does not support hotplugging", b->name);
	if (b->eject) {
		d->leaving = true;
		return b->eject(b, d, e);
	}
	device_gone(d);
	return 0;
}

/* ---- -device ---- */

/* Names of -device's list that are no properties of the type. */
static bool own_key(const char *key)
{
	return !strcmp(key, "driver") || !strcmp(key, "id") || !strcmp(key, "bus");
}

/* JSON to the flat list that the text form gives. */
static int from_json(const char *spec, struct keyval *kv, struct err *e)
{
	json_t *o = keyval_parse_object(spec, NULL, e), *value;
	const char *key;

	*kv = (struct keyval){0};
	if (!o)
		return -e->code;
	json_object_foreach(o, key, value) {
		char number[32], **k = realloc(kv->key, (kv->count + 1) * sizeof *k), **v;
		const char *text = json_string_value(value);
		if (k)
			kv->key = k;
		v = realloc(kv->value, (kv->count + 1) * sizeof *v);
		if (v)
			kv->value = v;
		if (json_is_boolean(value))
			text = json_is_true(value) ? "on" : "off";
		if (json_is_integer(value)) {
			snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
			text = number;
		}
		if (!k || !v || !text) {
			err_set(e, EINVAL, "'%s' must be a string, a number or a boolean", key);
			json_decref(o);
			keyval_free(kv);
			return -EINVAL;
		}
		kv->key[kv->count] = strdup(key);
		kv->value[kv->count++] = strdup(text);
	}
	json_decref(o);
	return 0;
}

static struct device *add_list(struct machine *m, const struct keyval *kv, struct err *e)
{
	const char *driver = keyval_get(kv, "driver"), *id = keyval_get(kv, "id"), *bus_name = keyval_get(kv, "bus"), *arg, *value;
	const struct device_type *t;
	struct bus *bus = NULL;
	struct device *d;

	if (!driver) {
		err_set(e, EINVAL, "Parameter 'driver' is missing");
		return NULL;
	}
	t = device_type_find(driver);
	if (!t) {
		unknown_type(driver, e);
		return NULL;
	}
	if (!t->user) {
		err_set(e, EINVAL, "Parameter 'driver' expects pluggable device type: '%s' belongs to the board", driver);
		return NULL;
	}
	if (id && device_find(m, id)) {
		err_set(e, EEXIST, "Duplicate ID '%s' for device", id);
		return NULL;
	}
	if (bus_name && !(bus = bus_find(m, bus_name))) {
		err_set(e, ENOENT, "Bus '%s' not found", bus_name);
		return NULL;
	}
	if (m->built && !t->hotplug) {
		err_set(e, EINVAL, "Device '%s' does not support hotplugging", t->name);
		return NULL;
	}
	d = device_new(m, driver, bus, e);
	if (!d)
		return NULL;
	if (m->built && !d->parent->hotplug) {
		err_set(e, EINVAL, "Bus '%s' does not support hotplugging", d->parent->name);
		goto fail;
	}
	d->hotplugged = m->built;
	d->id = id ? strdup(id) : NULL;
	for (unsigned i = 0; i < kv->count; i++)
		if (!own_key(kv->key[i]) && device_set(d, kv->key[i], kv->value[i], e) < 0)
			goto fail;
	for (unsigned n = 0; id && (value = device_set_option_get(m, "device", id, n, &arg)); n++)
		if (device_set(d, arg, value, e) < 0)
			goto fail;
	if (device_realize(d, e) < 0)
		goto fail;
	return d;
fail:
	device_free(d);
	return NULL;
}

struct device *device_add(struct machine *m, const char *spec, struct err *e)
{
	struct keyval kv;
	struct device *d;

	if ((*spec == '{' ? from_json(spec, &kv, e) : keyval_parse(spec, "driver", &kv, e)) < 0)
		return NULL;
	d = add_list(m, &kv, e);
	keyval_free(&kv);
	return d;
}

/* ---- -global, -set ---- */

int device_global(struct machine *m, const char *text, struct err *e)
{
	const char *dot = strchr(text, '.'), *eq = strchr(text, '=');
	struct global *g = calloc(1, sizeof *g), **p;

	if (!g)
		return err_set(e, ENOMEM, "out of memory");
	if (dot && eq && dot < eq) {
		g->driver = strndup(text, (size_t)(dot - text));
		g->property = strndup(dot + 1, (size_t)(eq - dot - 1));
		g->value = strdup(eq + 1);
	} else {
		struct keyval kv;
		const char *v[3];
		if (keyval_parse(text, NULL, &kv, e) < 0) {
			free(g);
			return -e->code;
		}
		v[0] = keyval_get(&kv, "driver");
		v[1] = keyval_get(&kv, "property");
		v[2] = keyval_get(&kv, "value");
		if (!v[0] || !v[1] || !v[2]) {
			free(g);
			keyval_free(&kv);
			return err_set(e, EINVAL, "'%s': DRIVER.PROPERTY=VALUE or driver=DRIVER,property=PROPERTY,value=VALUE expected", text);
		}
		g->driver = strdup(v[0]);
		g->property = strdup(v[1]);
		g->value = strdup(v[2]);
		keyval_free(&kv);
	}
	for (p = &core(m)->globals; *p; p = &(*p)->next)
		;
	*p = g;
	return 0;
}

int device_set_option(struct machine *m, const char *text, struct err *e)
{
	const char *a = strchr(text, '.'), *b = a ? strchr(a + 1, '.') : NULL, *eq = b ? strchr(b + 1, '=') : NULL;
	struct set_option *s, **p;

	if (!eq || a == text || b == a + 1 || eq == b + 1)
		return err_set(e, EINVAL, "can't parse: \"%s\": GROUP.ID.ARGUMENT=VALUE expected", text);
	s = calloc(1, sizeof *s);
	if (!s)
		return err_set(e, ENOMEM, "out of memory");
	s->group = strndup(text, (size_t)(a - text));
	s->id = strndup(a + 1, (size_t)(b - a - 1));
	s->arg = strndup(b + 1, (size_t)(eq - b - 1));
	s->value = strdup(eq + 1);
	for (p = &core(m)->sets; *p; p = &(*p)->next)
		;
	*p = s;
	return 0;
}

const char *device_set_option_get(struct machine *m, const char *group, const char *id, unsigned n, const char **arg)
{
	for (struct set_option *s = core(m)->sets; s; s = s->next)
		if (!strcmp(s->group, group) && !strcmp(s->id, id) && n-- == 0) {
			*arg = s->arg;
			return s->value;
		}
	return NULL;
}

void device_globals_check(struct machine *m)
{
	for (struct global *g = core(m)->globals; g; g = g->next) {
		if (g->used)
			continue;
		if (!device_type_find(g->driver))
			err_print("warning: global %s.%s has invalid class name", g->driver, g->property);
		else
			err_print("warning: global %s.%s=%s not used", g->driver, g->property, g->value);
	}
}

/* ---- reset ---- */

void machine_on_reset(struct machine *m, void (*fn)(void *opaque), void *opaque)
{
	struct reset_hook *h = calloc(1, sizeof *h), **p;

	if (!h)
		die(1, "out of memory");
	*h = (struct reset_hook){fn, opaque, NULL};
	for (p = &core(m)->hooks; *p; p = &(*p)->next)
		;
	*p = h;
}

void machine_reset(struct machine *m)
{
	memory_begin(m);
	for (struct device *d = core(m)->first; d; d = d->later)
		if (d->realized && d->type->reset)
			d->type->reset(d);
	memory_commit(m);
	for (struct reset_hook *h = core(m)->hooks; h; h = h->next)
		h->fn(h->opaque);
}

/* ---- logs ---- */

static void log_line(unsigned item, const struct device *d, const char *fmt, va_list ap)
{
	char text[512];

	if (!(log_mask & item))
		return;
	vsnprintf(text, sizeof text, fmt, ap);
	log_printf(item, "%s: %s\n", d ? d->type->name : "machine", text);
}

void guest_error(const struct device *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_GUEST_ERROR, d, fmt, ap);
	va_end(ap);
}

void unimplemented(const struct device *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_UNIMP, d, fmt, ap);
	va_end(ap);
}

/* ---- set-up ---- */

int device_core_init(struct machine *m, struct err *e)
{
	struct bus *system = calloc(1, sizeof *system);

	m->parts->devices = calloc(1, sizeof *m->parts->devices);
	if (!m->parts->devices || !system) {
		free(system);
		return err_set(e, ENOMEM, "out of memory");
	}
	bus_init(system, "System", "main-system-bus", NULL, m);
	m->system_bus = system;
	return 0;
}

void device_core_free(struct machine *m)
{
	struct device_core *c = core(m);

	if (!c)
		return;
	/* The last made first: buses outlive what is plugged into them. */
	while (c->first) {
		struct device *d = c->first;
		while (d->later)
			d = d->later;
		device_free(d);
	}
	while (c->buses) {
		struct bus *b = c->buses;
		c->buses = b->next;
		if (b->allocated)
			free(b);
	}
	while (c->globals) {
		struct global *g = c->globals;
		c->globals = g->next;
		free(g->driver);
		free(g->property);
		free(g->value);
		free(g);
	}
	while (c->sets) {
		struct set_option *s = c->sets;
		c->sets = s->next;
		free(s->group);
		free(s->id);
		free(s->arg);
		free(s->value);
		free(s);
	}
	while (c->hooks) {
		struct reset_hook *h = c->hooks;
		c->hooks = h->next;
		free(h);
	}
	free(m->system_bus);
	free(c);
	m->parts->devices = NULL;
}

int device_finish(struct device *d, struct err *e)
{
	int r = device_realize(d, e);

	if (r)
		device_free(d);
	return r;
}
