/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections between parts. The supervisor makes the pair and gives each end away when its part starts; of a link that is kept it has
 * both ends for good, and a part that is started again gets the same one. Of others a new pair is made then, whose other end travels over
 * the control connection once the part is ready.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/sock.h"
#include "supervise-own.h"

static int make_pair(struct sup_link *l, struct err *e)
{
	return sock_pair(l->plan->type, l->fd, e) < 0 ? err_prefix(e, "link %s", l->plan->id) : 0;
}

static void drop_end(struct sup_link *l, int end)
{
	if (l->fd[end] >= 0)
		close(l->fd[end]);
	l->fd[end] = -1;
}

int link_make(struct sup *s, unsigned n, struct err *e)
{
	struct sup_link *l = &s->link[n];

	l->plan = &s->plan->link[n];
	l->attach[0] = l->attach[1] = false;
	for (int k = 0; k < 2; k++)
		l->part[k] = &s->part[plan_find_part(s->plan, l->plan->end[k]) - s->plan->part];
	return make_pair(l, e);
}

void link_drop(struct sup *s, unsigned n)
{
	struct sup_link *l = &s->link[n];

	drop_end(l, 0);
	drop_end(l, 1);
	l->part[0] = l->part[1] = NULL;
}

int links_init(struct sup *s, struct err *e)
{
	s->link = calloc(PLAN_LINKS, sizeof *s->link);
	if (!s->link)
		return err_set(e, ENOMEM, "out of memory");
	for (unsigned i = 0; i < PLAN_LINKS; i++)
		s->link[i].fd[0] = s->link[i].fd[1] = -1;
	for (unsigned i = 0; i < s->plan->links; i++)
		if (link_make(s, i, e) < 0)
			return -e->code;
	return 0;
}

int links_prepare(struct sup *s, struct sup_part *p, struct err *e)
{
	for (unsigned i = 0; i < s->plan->links; i++) {
		struct sup_link *l = &s->link[i];
		int end = l->part[0] == p ? 0 : l->part[1] == p ? 1 : -1;
		if (end < 0 || l->fd[end] >= 0)
			continue;
		drop_end(l, !end);
		if (make_pair(l, e) < 0)
			return -e->code;
		l->attach[!end] = true;
	}
	return 0;
}

void links_given(struct sup *s, struct sup_part *p)
{
	for (unsigned i = 0; i < s->plan->links; i++)
		for (int k = 0; k < 2; k++)
			if (s->link[i].part[k] == p && !s->link[i].plan->keep)
				drop_end(&s->link[i], k);
}

static void attached(void *opaque, const struct ctl_answer *a)
{
	const struct sup_link *l = opaque;

	if (!a->result && a->e)
		sup_say("link %s could not be attached again: %s", l->plan->id, a->e->msg);
}

void links_attach(struct sup *s, struct sup_part *p)
{
	for (unsigned i = 0; i < s->plan->links; i++) {
		struct sup_link *l = &s->link[i];
		int other = l->part[0] == p ? 1 : l->part[1] == p ? 0 : -1;
		if (other < 0 || !l->attach[other])
			continue;
		/* A part that is started later, or again, inherits its end. */
		if (l->part[other]->state != SUP_READY)
			continue;
		l->attach[other] = false;
		if (l->plan->attach[other] && l->part[other]->ctl && l->fd[other] >= 0)
			ctl_client_call(l->part[other]->ctl, l->plan->attach[other], json_pack("{s:s}", "id", l->plan->id), &l->fd[other], 1, attached, l);
		drop_end(l, other);
	}
}

void links_abandon(struct sup *s, struct sup_part *p)
{
	for (unsigned i = 0; i < s->plan->links; i++)
		for (int k = 0; k < 2; k++)
			if (s->link[i].part[k] == p) {
				drop_end(&s->link[i], k);
				/* The other's end of a kept pair would keep a hang-up from it. */
				if (s->link[i].part[!k]->state >= SUP_STARTING)
					drop_end(&s->link[i], !k);
			}
}

int link_fd(const struct sup *s, const struct sup_part *p, const char *name)
{
	for (unsigned i = 0; i < s->plan->links; i++)
		for (int k = 0; k < 2; k++)
			if (s->link[i].part[k] == p && !strcmp(s->link[i].plan->id, name))
				return s->link[i].fd[k];
	return -1;
}

void links_free(struct sup *s)
{
	for (unsigned i = 0; s->link && i < s->plan->links; i++) {
		drop_end(&s->link[i], 0);
		drop_end(&s->link[i], 1);
	}
	free(s->link);
	s->link = NULL;
}
