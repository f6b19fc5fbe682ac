/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The NBD client: the input is what a server sends. All of it is there from the start, so that no thread is needed; what the client sends stays in
 * the socket. The first byte says whether exports are listed or one is used, and whether a second context is asked for. Buffers of requests lie at
 * the end of their memory, where a sanitizer sees a byte too much.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "crypto/object.h"
#include "crypto/tls.h"
#include "nbd/client.h"
#include "proto/nbd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	int ours, theirs;
	const uint8_t *data;
	size_t size;
};

static int dial(void *opaque, struct err *e)
{
	struct world *w = opaque;
	int pair[2], big = 1 << 20;

	if (w->ours >= 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(e, ECONNREFUSED, "once only");
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
	w->ours = pair[1];
	if (w->size && send(pair[1], w->data, w->size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		w->size = 0;
	shutdown(pair[1], SHUT_WR);
	return pair[0];
}

static void seen(void *opaque, const char *name, const char *description, const struct nbd_export_info *info)
{
	size_t *sum = opaque;

	*sum += strlen(name) + strlen(description);
	for (unsigned i = 0; info && i < info->context_count; i++)
		*sum += strlen(info->contexts[i]);
}

static void use(struct nbd_client *c)
{
	static const uint32_t lengths[] = {512, 4096, 1, 8192};
	struct nbd_export_info info;
	uint32_t state, run;

	nbd_client_info(c, &info);
	if (info.size > INT64_MAX || !info.min_block || info.max_block < info.min_block)
		abort();
	for (unsigned i = 0; i < 4; i++) {
		uint8_t *buf = malloc(lengths[i]);
		if (!buf)
			return;
		memset(buf, 0, lengths[i]);
		nbd_client_read(c, i * 4096, lengths[i], buf);
		if (nbd_client_status(c, i & 1, i * 4096, lengths[i], &state, &run) == 0 && (!run || run > lengths[i]))
			abort();
		free(buf);
	}
	nbd_client_write(c, 0, 16, "0123456789abcdef", true);
	nbd_client_zero(c, 0, 4096, NBD_CMD_FLAG_FAST_ZERO);
	nbd_client_trim(c, 0, 4096);
	nbd_client_cache(c, 0, 4096);
	nbd_client_flush(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct objects *objects;
	struct err e = ERR_INIT;
	struct nbd_client *c = NULL;
	struct world w = {.ours = -1, .data = data + 1, .size = size - 1};
	struct nbd_target t = {.dial = dial, .dial_opaque = &w, .export_name = size && *data & 4 ? "a" : NULL, .connections = 2,
			       .meta_context = size && *data & 2 ? "qemu:allocation-depth" : NULL};
	size_t sum = 0;

	if (!size || size > 32768)
		return 0;
	if (!objects && (!(objects = objects_new()) || objects_add_text(objects, "tls-creds-anon,id=t,endpoint=client", &e) < 0))
		abort();
	if (*data & 8)
		t.tls = objects_tls_creds(objects, "t", &e);
	if (*data & 1) {
		nbd_client_list(&t, seen, &sum, &e);
	} else if (nbd_client_open(&t, &c, &e) == 0) {
		use(c);
		nbd_client_close(c);
	} else if (!e.code || !*e.msg) {
		abort(); /* a failure has its sentence */
	}
	tls_creds_unref(t.tls);
	if (w.ours >= 0)
		close(w.ours);
	return 0;
}
