/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All front ends may write; one has the keyboard. Input goes through a small store, so that the escape keys work while the front end is
 * slow; when the store is full the back end is not read. After the escape key: h or ? help, x leave, s commit the disks, b break,
 * c the next front end, t time stamps, and the escape key itself for one of it.
 */
#include "char/mux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "char/core.h"

struct mux *mux_new(void)
{
	struct mux *m = calloc(1, sizeof *m);

	if (m) {
		m->focus = -1;
		m->line_start = true;
	}
	return m;
}

static void set_focus(struct mux *m, int to)
{
	struct char_user *from = m->focus >= 0 ? m->user[m->focus] : NULL;

	m->focus = to;
	if (from)
		char_user_event(from, CHAR_MUX_OUT);
	if (m->focus >= 0 && m->user[m->focus])
		char_user_event(m->user[m->focus], CHAR_MUX_IN);
}

static int next_user(const struct mux *m, int from)
{
	for (int i = 1; i <= CHAR_MUX_USERS; i++)
		if (m->user[(from + i) % CHAR_MUX_USERS])
			return (from + i) % CHAR_MUX_USERS;
	return -1;
}

int mux_add(struct chardev *c, struct char_user *u, struct err *e)
{
	struct mux *m = c->mux;

	for (int i = 0; i < CHAR_MUX_USERS; i++)
		if (!m->user[i]) {
			m->user[i] = u;
			if (m->focus < 0)
				set_focus(m, i); /* the first to come has the keyboard */
			return 0;
		}
	return err_set(e, EBUSY, "chardev '%s' has %d front ends already", c->id, CHAR_MUX_USERS);
}

void mux_remove(struct chardev *c, struct char_user *u)
{
	struct mux *m = c->mux;

	for (int i = 0; i < CHAR_MUX_USERS; i++)
		if (m->user[i] == u) {
			m->user[i] = NULL;
			if (m->focus == i) {
				m->focus = -1;
				set_focus(m, next_user(m, i));
			}
		}
}

size_t mux_room(const struct chardev *c)
{
	const struct mux *m = c->mux;
	return m->focus < 0 ? 0 : MUX_HOLD - m->held;
}

/* ---- output ---- */

static size_t print(struct chardev *c, const char *text)
{
	return char_core_output(c, (const uint8_t *)text, strlen(text));
}

static void stamp(struct chardev *c)
{
	struct mux *m = c->mux;
	uint64_t ms = (loop_now() - m->stamps_from) / 1000000;
	char text[64];

	snprintf(text, sizeof text, "[%02u:%02u:%02u.%03u] ", (unsigned)(ms / 3600000), (unsigned)(ms / 60000 % 60), (unsigned)(ms / 1000 % 60),
		 (unsigned)(ms % 1000));
	print(c, text);
	m->line_start = false;
}

size_t mux_output(struct chardev *c, const uint8_t *data, size_t n)
{
	struct mux *m = c->mux;
	size_t done = 0;

	if (!m->stamps)
		return char_core_output(c, data, n);
	while (done < n) {
		const uint8_t *end = memchr(data + done, '\n', n - done);
		size_t line = end ? (size_t)(end - data) + 1 - done : n - done, took;
		if (m->line_start)
			stamp(c);
		took = char_core_output(c, data + done, line);
		done += took;
		if (took < line)
			break;
		m->line_start = end != NULL;
	}
	return done;
}

/* ---- input ---- */

static void help(struct chardev *c)
{
	static const struct {
		const char *key, *text;
	} keys[] = {{"h", "   print this help"}, {"x", "   exit emulator"}, {"s", "   save disk data back to file (if -snapshot)"},
		    {"t", "   toggle console timestamps"}, {"b", "   send break (magic sysrq)"}, {"c", "   switch between console and monitor"}};
	int key = c->registry->escape;
	char name[16], line[96];

	if (key > 0 && key < 27)
		snprintf(name, sizeof name, "C-%c", key - 1 + 'a');
	else
		snprintf(name, sizeof name, "0x%02x", (unsigned)key);
	print(c, "\n\r");
	for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
		snprintf(line, sizeof line, "%s %s %s\n\r", name, keys[i].key, keys[i].text);
		print(c, line);
	}
	snprintf(line, sizeof line, "%s %s  sends %s\n\r", name, name, name);
	print(c, line);
}

/* True: the byte is the front end's after all. */
static bool command(struct chardev *c, uint8_t key)
{
	struct chardevs *cs = c->registry;
	struct mux *m = c->mux;
	char line[200];

	if (key == cs->escape)
		return true;
	switch (key) {
	case 'h':
	case '?':
		help(c);
		break;
	case 'x':
		if (!cs->hooks.quit)
			break;
		snprintf(line, sizeof line, "%s: Terminated\n\r", err_program());
		print(c, line);
		cs->hooks.quit(cs->hooks.opaque);
		break;
	case 's':
		if (cs->hooks.commit)
			cs->hooks.commit(cs->hooks.opaque);
		break;
	case 'b':
		char_core_break(c);
		break;
	case 'c':
		set_focus(m, next_user(m, m->focus));
		break;
	case 't':
		m->stamps = !m->stamps;
		m->stamps_from = loop_now();
		break;
	}
	return false;
}

void mux_pump(struct chardev *c)
{
	int escape = c->registry->escape ? c->registry->escape : -1;
	struct mux *m = c->mux;

	while (m->held && m->focus >= 0) {
		struct char_user *u = m->user[m->focus];
		size_t room = u ? char_user_room(u) : 0, n = 0;
		uint8_t run[MUX_HOLD];

		/* A run of plain bytes, up to the next escape key. */
		while (n < m->held && n < room && m->hold[n] != escape && !m->escaped)
			n++;
		if (n) {
			memcpy(run, m->hold, n);
			m->held -= (unsigned)n;
			memmove(m->hold, m->hold + n, m->held);
			u->ops->receive(u->opaque, run, n);
			continue;
		}
		if (!m->escaped && m->hold[0] != escape)
			return; /* no room */
		if (m->escaped && m->hold[0] == escape && !room)
			return;
		uint8_t key = m->hold[0];
		memmove(m->hold, m->hold + 1, --m->held);
		if (!m->escaped) {
			m->escaped = true;
			continue;
		}
		m->escaped = false;
		if (command(c, key))
			u->ops->receive(u->opaque, &key, 1);
	}
}

void mux_input(struct chardev *c, const uint8_t *data, size_t n)
{
	struct mux *m = c->mux;

	if (n > MUX_HOLD - m->held)
		n = MUX_HOLD - m->held;
	memcpy(m->hold + m->held, data, n);
	m->held += (unsigned)n;
	mux_pump(c);
}
