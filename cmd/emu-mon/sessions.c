/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions of either kind, as their owners see them. */
#include <unistd.h>
#include "mon-own.h"
#include "sessions.h"

void session_add(struct mon_session *s)
{
	s->next = s->monitor->sessions;
	s->monitor->sessions = s;
}

void session_idle(struct mon_session *s)
{
	if (s->stream.idle && !s->ops->busy(s))
		s->stream.idle(s->stream.opaque);
}

void mon_session_input(struct mon_session *s, const char *data, size_t size, const int *fds, unsigned count)
{
	s->ops->input(s, data, size, fds, count);
}

void mon_session_show(struct mon_session *s)
{
	if (s->ops->show)
		s->ops->show(s);
}

void mon_session_width(struct mon_session *s, unsigned columns)
{
	if (s->ops->width)
		s->ops->width(s, columns);
}

bool mon_session_busy(const struct mon_session *s)
{
	return s->ops->busy(s);
}

void mon_session_close(struct mon_session *s)
{
	struct mon_session **p;

	if (!s)
		return;
	for (p = &s->monitor->sessions; *p && *p != s; p = &(*p)->next)
		;
	if (*p)
		*p = s->next;
	s->ops->close(s);
}

/* Their owners keep what they have; it only says nothing any more. */
void sessions_close(struct monitor *m)
{
	while (m->sessions)
		mon_session_close(m->sessions);
}
