/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control socket of the monitor as a part: mon.ctl (serve-ctl.c). */
#ifndef EMU_MON_SERVE_OWN_H
#define EMU_MON_SERVE_OWN_H
#include "base/ctl.h"
#include "char/char.h"

struct serve_hooks {
	void (*stop)(void *opaque); /* the control connection has ended */
	void (*go)(void *opaque);   /* the supervisor says that every part is ready */
	/* It wants a snapshot of the whole machine back; done is called once, with the complaint if it failed. */
	void (*load)(void *opaque, const char *tag, void (*done)(void *call, const char *words, bool failed), void *call);
};
struct ctl_server *serve_ctl_new(struct loop *l, struct chardevs *chars, const struct serve_hooks *hooks, void *opaque, struct err *e);
/* serve.c: the back end is another one now (NULL: it was removed), also for a monitor that is started again. opaque: serve_ctl_new()'s. */
void serve_note(void *opaque, const char *id, const struct char_spec *spec);
/* serve.c: gdbserver of the monitor; "none": nobody is let in any more. opaque: the same. 0 or -errno with the sentence. */
int serve_debugger(void *opaque, const char *device, struct err *e);
/* serve.c: a stream for one more device at the back end (ports_open() in serve-ports.h). opaque: the same. */
json_t *serve_port(void *opaque, struct chardev *c, const json_t *streams, int *fd, struct err *e);
/* serve.c: who has the socket of nbd-server-start (qmp-nbd.c); NULL: nobody. *fd: the socket itself while no disk has it, borrowed. opaque: the same. */
const json_t *serve_nbd(void *opaque, int *fd);
void serve_nbd_set(void *opaque, json_t *what, int fd); /* what is borrowed; the fd (-1: none) is taken */
int serve_ctl_listen(struct ctl_server *s, const char *run_dir, struct err *e);
#endif
