/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What HMP and QMP sessions have in common. */
#ifndef EMU_MON_SESSIONS_H
#define EMU_MON_SESSIONS_H
#include "mon.h"

struct mon_session_ops {
	void (*input)(struct mon_session *s, const char *data, size_t size, const int *fds, unsigned count);
	void (*show)(struct mon_session *s);   /* may be NULL */
	void (*width)(struct mon_session *s, unsigned columns); /* may be NULL */
	void (*close)(struct mon_session *s);  /* frees it, now or when its command has ended */
	bool (*busy)(const struct mon_session *s);
};

struct mon_session {
	const struct mon_session_ops *ops;
	struct monitor *monitor;
	struct mon_stream stream;
	struct mon_session *next;
};

void session_add(struct mon_session *s);
void session_idle(struct mon_session *s); /* tells the owner if that is so */
/* Words that could stand at the end of `text`, one a line to t->out. */
void hmp_complete(struct task *t, const char *text);
#endif
