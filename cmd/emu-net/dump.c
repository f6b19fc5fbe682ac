/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Captures: every frame that is on the network (or comes from or goes to one port) into a pcap file, as tcpdump and wireshark read them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/size.h"
#include "net.h"

#define PCAP_MAGIC 0xa1b2c3d4u
#define LINK_ETHERNET 1

struct dump {
	char *id, *netdev; /* netdev NULL: everything */
	FILE *file;
	uint32_t most;
	bool dirty;
	struct dump *next;
};

static void free_dump(struct dump *d)
{
	if (!d)
		return;
	if (d->file)
		fclose(d->file);
	free(d->id);
	free(d->netdev);
	free(d);
}

int dump_add(struct net *n, const char *text, struct err *e)
{
	static const char *const known[] = {"file", "fd", "maxlen", "netdev", "status", "queue", NULL};
	struct keyval kv = {0};
	struct dump *d = NULL;
	uint64_t most = 65536;
	int64_t fd = -1;
	int r = keyval_parse(text, "file", &kv, e);

	if (r == 0)
		r = backend_check(&kv, known, e);
	const char *file = r ? NULL : keyval_get(&kv, "file"), *number = r ? NULL : keyval_get(&kv, "fd"), *id = r ? NULL : keyval_get(&kv, "id");
	const char *length = r ? NULL : keyval_get(&kv, "maxlen"), *netdev = r ? NULL : keyval_get(&kv, "netdev");
	if (r == 0 && !file == !number)
		r = err_set(e, EINVAL, "--dump '%s': file=PATH is missing", text);
	if (r == 0 && length)
		r = size_parse(length, 'B', &most, e);
	if (r == 0 && (most < 16 || most > UINT32_MAX))
		r = err_set(e, EINVAL, "maxlen: 16 to 4294967295 bytes");
	if (r == 0 && !(d = calloc(1, sizeof *d)))
		r = err_set(e, ENOMEM, "out of memory");
	if (r == 0 && number)
		r = number_parse("fd", number, 0, INT32_MAX, &fd, e);
	if (r == 0 && file) {
		fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (fd < 0)
			r = err_errno(e, errno, "cannot write %s", file);
	}
	if (r == 0) {
		const uint32_t head[6] = {PCAP_MAGIC, 2 | 4 << 16, 0, 0, (uint32_t)most, LINK_ETHERNET};
		d->id = strdup(id ? id : "dump");
		d->netdev = netdev ? strdup(netdev) : NULL;
		d->most = (uint32_t)most;
		d->file = fdopen((int)fd, "w");
		if (!d->file || fwrite(head, sizeof head, 1, d->file) != 1 || fflush(d->file) != 0)
			r = err_errno(e, errno, "cannot write %s", file ? file : "the capture");
	}
	keyval_free(&kv);
	if (r < 0) {
		free_dump(d);
		return r;
	}
	d->next = n->dumps;
	n->dumps = d;
	return 0;
}

/* Does the frame pass the port? It does if it comes from there, and goes to all others. */
void dump_frame(struct net *n, const struct port *from, const uint8_t *frame, size_t size)
{
	struct timespec now;

	(void)from;
	clock_gettime(CLOCK_REALTIME, &now);
	for (struct dump *d = n->dumps; d; d = d->next) {
		const struct port *p = d->netdev ? port_find(n, d->netdev) : NULL;
		uint32_t kept = size < d->most ? (uint32_t)size : d->most;
		const uint32_t head[4] = {(uint32_t)now.tv_sec, (uint32_t)(now.tv_nsec / 1000), kept, (uint32_t)size};

		if (d->netdev && (!p || p->down))
			continue;
		fwrite(head, sizeof head, 1, d->file);
		fwrite(frame, kept, 1, d->file);
		d->dirty = true;
	}
}

void dump_flush(struct net *n)
{
	for (struct dump *d = n->dumps; d; d = d->next)
		if (d->dirty) {
			d->dirty = false;
			if (fflush(d->file) != 0) {
				err_print("capture '%s': %s", d->id, strerror(errno));
				clearerr(d->file);
			}
		}
}

bool dump_remove(struct net *n, const char *id)
{
	for (struct dump **at = &n->dumps; *at; at = &(*at)->next) {
		struct dump *d = *at;
		if (strcmp(d->id, id))
			continue;
		*at = d->next;
		free_dump(d);
		return true;
	}
	return false;
}

void dump_free(struct net *n)
{
	while (n->dumps) {
		struct dump *d = n->dumps;
		n->dumps = d->next;
		free_dump(d);
	}
}
