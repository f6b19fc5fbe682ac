/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: regions form a tree; a space keeps a *view* of its root, the flattened list of memory-view.c, which is immutable.
 * A change of the tree makes new views of the spaces that differ and publishes each with one store. Whoever dispatches under the machine
 * lock simply uses the present view; processors that fill their TLBs without the lock hold their reader slot while they look, and the old
 * view is freed after every slot has been free once.
 */
#include "memory.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "memory-internal.h"

/* ---- readers ---- */

struct reader_slot *memory_read_begin(struct machine *m)
{
	/* The thread's own number spreads the readers; any slot is right. */
	unsigned n = (unsigned)((uintptr_t)pthread_self() >> 12 ^ (uintptr_t)pthread_self() >> 22) % READER_SLOTS;
	struct reader_slot *r = &memory_of(m)->reader[n];

	while (atomic_exchange_explicit(&r->held, 1, memory_order_acquire))
		sched_yield();
	return r;
}

static void wait_for_readers(struct machine *m)
{
	for (unsigned i = 0; i < READER_SLOTS; i++) {
		struct reader_slot *r = &memory_of(m)->reader[i];
		while (atomic_exchange_explicit(&r->held, 1, memory_order_seq_cst))
			sched_yield();
		memory_read_end(r);
	}
}

/* ---- changes ---- */

/* New views of all spaces; tells who listens to those that differ. */
static void update(struct machine *m)
{
	struct memory_core *mc = memory_of(m);
	struct view **old;
	unsigned count = 0, n = 0;

	for (struct space *s = mc->spaces; s; s = s->next)
		count++;
	old = calloc(count ? count : 1, sizeof *old);
	if (!old)
		return;
	for (struct space *s = mc->spaces; s; s = s->next, n++) {
		struct region *root = view_root(s->root);
		struct view *fresh = NULL;

		for (struct space *o = mc->spaces; o != s && !fresh; o = o->next)
			if (((struct view *)o->view)->root == root) {
				fresh = o->view;
				fresh->refs++;
			}
		if (!fresh)
			fresh = view_new(root);
		if (!fresh) {
			/* Without memory the machine goes on with what it saw before. */
			log_printf(LOG_GUEST_ERROR, "memory: out of memory for the view of %s\n", s->name);
			continue;
		}
		if (fresh != s->view && view_same(fresh, s->view) && ((struct view *)s->view)->root == root && fresh->refs == 1) {
			view_free(fresh);
			continue;
		}
		old[n] = atomic_exchange(&s->view, fresh);
		if (old[n] == fresh) {
			view_free(fresh);
			old[n] = NULL;
		}
	}
	wait_for_readers(m);
	n = 0;
	for (struct space *s = mc->spaces; s; s = s->next, n++) {
		bool differs = old[n] && !view_same(old[n], s->view);
		if (!differs)
			continue;
		for (struct listener *l = s->listeners; l; l = l->next)
			l->fn(l->opaque);
	}
	for (n = 0; n < count; n++)
		view_free(old[n]);
	free(old);
}

void memory_changed(struct machine *m)
{
	struct memory_core *mc = memory_of(m);

	if (mc->batch) {
		mc->changed = true;
		return;
	}
	mc->changed = false;
	update(m);
}

void memory_begin(struct machine *m)
{
	memory_of(m)->batch++;
}

void memory_commit(struct machine *m)
{
	struct memory_core *mc = memory_of(m);

	if (--mc->batch == 0 && mc->changed)
		memory_changed(m);
}

/* ---- makers ---- */

static struct region *region_new(struct machine *m, const char *name, uint64_t size, enum region_kind kind)
{
	struct region *r = calloc(1, sizeof *r);
	char *copy = strdup(name);

	if (!r || !copy)
		die(1, "out of memory for the region %s", name);
	*r = (struct region){.machine = m, .name = copy, .kind = kind, .last = size - 1, .enabled = true, .reads_ram = true,
			      .all_next = memory_of(m)->regions, .all_prev = &memory_of(m)->regions};
	if (r->all_next)
		r->all_next->all_prev = &r->all_next;
	memory_of(m)->regions = r;
	return r;
}

static void set_ops(struct region *r, const struct region_ops *ops, void *opaque)
{
	r->ops = ops;
	r->opaque = opaque;
	if (!ops)
		return;
	r->min = ops->min ? ops->min : 1;
	r->max = ops->max ? ops->max : 4;
	r->impl_min = ops->impl_min ? ops->impl_min : r->min;
	r->impl_max = ops->impl_max ? ops->impl_max : r->max;
}

struct region *region_new_container(struct machine *m, const char *name, uint64_t size)
{
	return region_new(m, name, size, REGION_CONTAINER);
}

struct region *region_new_io(struct machine *m, const char *name, uint64_t size, const struct region_ops *ops, void *opaque)
{
	struct region *r = region_new(m, name, size, REGION_IO);

	set_ops(r, ops, opaque);
	return r;
}

struct region *region_new_block(struct machine *m, const char *name, struct ram_block *b, struct err *e)
{
	struct region *r;

	if (!b)
		return NULL;
	(void)e;
	r = region_new(m, name, b->size, REGION_RAM);
	r->ram = b;
	return r;
}

struct region *region_new_ram(struct machine *m, const char *name, uint64_t size, struct err *e)
{
	return region_new_block(m, name, ram_block_new(m, name, size, e), e);
}

struct region *region_new_rom(struct machine *m, const char *name, uint64_t size, const struct region_ops *ops, void *opaque,
			      struct err *e)
{
	struct region *r = region_new_ram(m, name, size, e);

	if (!r)
		return NULL;
	r->kind = REGION_ROM;
	set_ops(r, ops, opaque);
	return r;
}

struct region *region_new_alias(struct machine *m, const char *name, struct region *of, uint64_t offset, uint64_t size)
{
	struct region *r = region_new(m, name, size, REGION_ALIAS);

	r->of = of;
	r->alias_offset = offset;
	return r;
}

static void release(struct region *r)
{
	*r->all_prev = r->all_next;
	if (r->all_next)
		r->all_next->all_prev = r->all_prev;
	if (r->ram && !r->borrowed)
		ram_block_free(r->ram);
	free(r->name);
	free(r);
}

void region_free(struct region *r)
{
	if (!r)
		return;
	region_remove(r);
	memory_begin(r->machine);
	while (r->children)
		region_remove(r->children);
	memory_commit(r->machine);
	release(r);
}

/* ---- the tree ---- */

static void link_child(struct region *container, struct region *r)
{
	struct region **p = &container->children;

	/* Of equal priorities the one added later wins, so it stands first. */
	while (*p && (*p)->priority > r->priority)
		p = &(*p)->sibling;
	r->sibling = *p;
	*p = r;
	r->container = container;
}

static void unlink_child(struct region *r)
{
	struct region **p = &r->container->children;

	while (*p != r)
		p = &(*p)->sibling;
	*p = r->sibling;
	r->container = NULL;
}

void region_add(struct region *container, uint64_t offset, struct region *r, int priority)
{
	if (r->container)
		unlink_child(r);
	r->at = offset;
	r->priority = priority;
	link_child(container, r);
	memory_changed(r->machine);
}

void region_remove(struct region *r)
{
	if (!r || !r->container)
		return;
	unlink_child(r);
	memory_changed(r->machine);
}

void region_move(struct region *r, uint64_t offset)
{
	if (r->at == offset)
		return;
	r->at = offset;
	if (r->container)
		memory_changed(r->machine);
}

void region_enable(struct region *r, bool on)
{
	if (r->enabled == on)
		return;
	r->enabled = on;
	memory_changed(r->machine);
}

void region_readonly(struct region *r, bool on)
{
	if (r->readonly == on)
		return;
	r->readonly = on;
	memory_changed(r->machine);
}

void region_rom_device(struct region *r, bool reads_ram)
{
	if (r->reads_ram == reads_ram)
		return;
	r->reads_ram = reads_ram;
	/* The ranges stay the same, but processors may have the page in their TLBs. */
	for (struct space *s = memory_of(r->machine)->spaces; s; s = s->next)
		for (struct listener *l = s->listeners; l; l = l->next)
			l->fn(l->opaque);
}

void region_alias_set(struct region *r, uint64_t offset)
{
	if (r->alias_offset == offset)
		return;
	r->alias_offset = offset;
	memory_changed(r->machine);
}

uint64_t region_size(const struct region *r)
{
	return r->last + 1;
}

const char *region_name(const struct region *r)
{
	return r->name;
}

uint8_t *region_ram(struct region *r)
{
	return r->ram ? r->ram->host : NULL;
}

int region_ram_fd(struct region *r, uint64_t *offset)
{
	*offset = 0;
	return r->ram ? r->ram->fd : -1;
}

/* ---- spaces ---- */

struct space *space_new(struct machine *m, const char *name, struct region *root)
{
	struct memory_core *mc = memory_of(m);
	struct space *s = calloc(1, sizeof *s), **p;
	char *copy = strdup(name);
	struct view *v = NULL;
	struct region *top = view_root(root);

	if (!s || !copy)
		die(1, "out of memory for the space %s", name);
	for (struct space *o = mc->spaces; o && !v; o = o->next)
		if (!mc->changed && ((struct view *)o->view)->root == top) {
			v = o->view;
			v->refs++;
		}
	if (!v)
		v = view_new(top);
	if (!v)
		die(1, "out of memory for the space %s", name);
	*s = (struct space){.machine = m, .name = copy, .root = root};
	s->view = v;
	for (p = &mc->spaces; *p; p = &(*p)->next)
		;
	*p = s;
	return s;
}

void space_free(struct space *s)
{
	struct space **p;

	if (!s)
		return;
	for (p = &memory_of(s->machine)->spaces; *p != s; p = &(*p)->next)
		;
	*p = s->next;
	wait_for_readers(s->machine);
	view_free(s->view);
	while (s->listeners) {
		struct listener *l = s->listeners;
		s->listeners = l->next;
		free(l);
	}
	free(s->name);
	free(s);
}

struct region *space_root(struct space *s)
{
	return s->root;
}

void space_on_change(struct space *s, void (*fn)(void *opaque), void *opaque)
{
	struct listener *l = calloc(1, sizeof *l);

	if (!l)
		die(1, "out of memory");
	*l = (struct listener){fn, opaque, s->listeners};
	s->listeners = l;
}

void memory_on_processors(struct machine *m, const struct memory_processors *p)
{
	memory_of(m)->processors = p ? *p : (struct memory_processors){0};
}

int memory_core_init(struct machine *m, struct err *e)
{
	struct memory_core *mc = aligned_alloc(64, (sizeof *mc + 63) & ~(size_t)63);

	if (!mc)
		return err_set(e, ENOMEM, "out of memory");
	memset(mc, 0, sizeof *mc);
	pthread_rwlock_init(&mc->blocks_lock, NULL);
	m->parts->memory = mc;
	return 0;
}

void memory_core_free(struct machine *m)
{
	struct memory_core *mc = memory_of(m);

	if (!mc)
		return;
	while (mc->spaces)
		space_free(mc->spaces);
	/* What boards and devices made and left to the machine. */
	while (mc->regions)
		release(mc->regions);
	pthread_rwlock_destroy(&mc->blocks_lock);
	free(mc);
	m->parts->memory = NULL;
}
