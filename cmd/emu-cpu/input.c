/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and pointers: who takes them, and events on their way there. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "core.h"
#include "display.h"

struct input {
	struct machine *machine;
	char *name;
	const struct input_ops *ops;
	void *opaque;
	bool touched; /* since the last sync */
	unsigned index; /* for people, in order of attaching */
	struct input *next;
};

struct input_core {
	struct input *list; /* the one attached last is first */
	unsigned leds, attached;
};

static struct input_core *core(const struct machine *m)
{
	return m->parts->inputs;
}

struct input *input_attach(struct machine *m, const char *name, const struct input_ops *ops, void *opaque)
{
	struct input *i = calloc(1, sizeof *i);

	if (!i || !(i->name = strdup(name)))
		die(1, "out of memory for the input device %s", name);
	i->machine = m;
	i->ops = ops;
	i->opaque = opaque;
	i->index = core(m)->attached++;
	i->next = core(m)->list;
	core(m)->list = i;
	return i;
}

void input_detach(struct input *i)
{
	struct input **p;

	if (!i)
		return;
	for (p = &core(i->machine)->list; *p != i; p = &(*p)->next)
		;
	*p = i->next;
	free(i->name);
	free(i);
}

#define SEND(m, op, ...) \
	do { \
		for (struct input *i_ = core(m)->list; i_; i_ = i_->next) \
			if (i_->ops->op) { \
				i_->touched = true; \
				i_->ops->op(i_->opaque, __VA_ARGS__); \
				return true; \
			} \
		return false; \
	} while (0)

bool input_key(struct machine *m, unsigned code, bool down)
{
	SEND(m, key, code, down);
}

bool input_motion(struct machine *m, int dx, int dy)
{
	SEND(m, motion, dx, dy);
}

bool input_position(struct machine *m, unsigned x, unsigned y)
{
	SEND(m, position, x, y);
}

bool input_button(struct machine *m, unsigned code, bool down)
{
	SEND(m, button, code, down);
}

bool input_wheel(struct machine *m, int dz)
{
	SEND(m, wheel, dz);
}

bool input_takes_keys(const struct machine *m)
{
	for (const struct input *i = core(m)->list; i; i = i->next)
		if (i->ops->key)
			return true;
	return false;
}

static bool is_pointer(const struct input *i)
{
	return i->ops->motion || i->ops->position;
}

const char *input_pointer(struct machine *m, unsigned n, unsigned *index, bool *absolute)
{
	for (const struct input *i = core(m)->list; i; i = i->next)
		if (is_pointer(i) && n-- == 0) {
			*index = i->index;
			*absolute = i->ops->position != NULL;
			return i->name;
		}
	return NULL;
}

int input_choose(struct machine *m, unsigned index)
{
	for (struct input **p = &core(m)->list; *p; p = &(*p)->next) {
		struct input *i = *p;
		if (i->index != index || !is_pointer(i))
			continue;
		*p = i->next;
		i->next = core(m)->list;
		core(m)->list = i;
		return 0;
	}
	return -ENOENT;
}

bool input_takes_position(const struct machine *m)
{
	for (const struct input *i = core(m)->list; i; i = i->next)
		if (i->ops->position)
			return true;
	return false;
}

void input_sync(struct machine *m)
{
	for (struct input *i = core(m)->list; i; i = i->next) {
		if (i->touched && i->ops->sync)
			i->ops->sync(i->opaque);
		i->touched = false;
	}
}

void input_leds(struct machine *m, unsigned leds)
{
	if (core(m)->leds == leds)
		return;
	core(m)->leds = leds;
	machine_event(m, "KEYBOARD_LEDS", json_pack("{s:b, s:b, s:b}", "scroll", (int)(leds & 1), "num", (int)(leds >> 1 & 1), "caps", (int)(leds >> 2 & 1)));
}

unsigned input_leds_now(const struct machine *m)
{
	return core(m)->leds;
}

int input_core_init(struct machine *m, struct err *e)
{
	m->parts->inputs = calloc(1, sizeof *m->parts->inputs);
	return m->parts->inputs ? 0 : err_set(e, ENOMEM, "out of memory");
}

void input_core_free(struct machine *m)
{
	struct input_core *c = core(m);

	while (c && c->list)
		input_detach(c->list);
	free(c);
	m->parts->inputs = NULL;
}
