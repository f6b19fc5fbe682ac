/* SPDX-License-Identifier: GPL-2.0-or-later */
/* emu-nbd (and the name qemu-nbd): opens images and serves them over NBD. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "base/opt.h"
#include "crypto/object.h"
#include "crypto/tls.h"
#include "nbd/client.h"
#include "nbd/kernel.h"
#include "proto/nbd.h"
#include "settings.h"

/* ---- listing ---- */

static const struct {
	unsigned bit;
	const char *name;
} flag_names[] = {
	{NBD_FLAG_READ_ONLY, "readonly"}, {NBD_FLAG_SEND_FLUSH, "flush"}, {NBD_FLAG_SEND_FUA, "fua"},
	{NBD_FLAG_ROTATIONAL, "rotational"}, {NBD_FLAG_SEND_TRIM, "trim"}, {NBD_FLAG_SEND_WRITE_ZEROES, "zeroes"},
	{NBD_FLAG_SEND_DF, "df"}, {NBD_FLAG_CAN_MULTI_CONN, "multi"}, {NBD_FLAG_SEND_RESIZE, "resize"},
	{NBD_FLAG_SEND_CACHE, "cache"}, {NBD_FLAG_SEND_FAST_ZERO, "fast-zero"},
};

struct listing {
	char *text;
	size_t size;
	FILE *out;
	unsigned count;
	const struct nbd_target *target;
};

static void list_one(void *opaque, const char *name, const char *description, const struct nbd_export_info *info)
{
	struct listing *l = opaque;

	l->count++;
	fprintf(l->out, " export: '%s'\n", name);
	if (*description)
		fprintf(l->out, "  description: %s\n", description);
	if (!info)
		return;
	fprintf(l->out, "  size:  %llu\n", (unsigned long long)info->size);
	if (info->flags & NBD_FLAG_HAS_FLAGS) {
		fprintf(l->out, "  flags: 0x%x (", info->flags);
		for (unsigned i = 0; i < sizeof flag_names / sizeof *flag_names; i++)
			if (info->flags & flag_names[i].bit)
				fprintf(l->out, " %s", flag_names[i].name);
		fprintf(l->out, " )\n");
	}
	fprintf(l->out, "  min block: %u\n  opt block: %u\n  max block: %u\n", info->min_block, info->preferred_block,
		info->max_block);
	for (unsigned i = 0; i < info->context_count; i++) {
		if (i == 0)
			fprintf(l->out, "  available meta contexts: %u\n", info->context_count);
		fprintf(l->out, "   %s\n", info->contexts[i]);
	}
}

static int list_exports(const struct settings *set, struct tls_creds *tls, struct err *e)
{
	struct nbd_target t = {.path = set->socket, .host = set->bind ? set->bind : "127.0.0.1", .port = set->port, .tls = tls,
			       .tls_hostname = set->tls_hostname};
	struct listing l = {0};
	int r;

	l.out = open_memstream(&l.text, &l.size);
	if (!l.out)
		return err_set(e, ENOMEM, "out of memory");
	r = nbd_client_list(&t, list_one, &l, e);
	fclose(l.out);
	if (r == 0)
		printf("exports available: %u\n%s", l.count, l.text);
	free(l.text);
	return r;
}

int main(int argc, char **argv)
{
	struct settings set = SETTINGS_INIT;
	struct objects *objects;
	struct tls_creds *tls = NULL;
	struct err e = ERR_INIT;
	int first, r;

	err_set_program(argc > 0 ? argv[0] : "emu-nbd");
	signal(SIGPIPE, SIG_IGN);
	objects = objects_new();
	r = objects ? opt_parse(&settings_table, argc, argv, &set, &first, &e) : err_set(&e, ENOMEM, "out of memory");
	for (unsigned i = 0; r == 0 && i < set.objects.count; i++)
		r = objects_add_text(objects, set.objects.item[i], &e);
	if (r == 0)
		r = settings_check(&set, argc - first, &e);
	if (r == 0 && set.disconnect) {
		int index = nbd_kernel_index(set.disconnect, &e), nl = index < 0 ? index : nbd_kernel_open(&e);
		r = nl < 0 ? nl : nbd_kernel_disconnect(nl, (unsigned)index, &e);
	} else if (r == 0 && set.list) {
		if (set.tls_creds) {
			tls = objects_tls_creds(objects, set.tls_creds, &e);
			r = tls ? tls_creds_check_endpoint(tls, false, &e) : -EINVAL;
		}
		if (r == 0)
			r = list_exports(&set, tls, &e);
	} else if (r == 0) {
		r = serve(&set, objects, first < argc ? argv[first] : NULL, &e);
	}
	if (r < 0 && e.code)
		err_report(&e);
	tls_creds_unref(tls);
	opt_list_free(&set.objects);
	opt_list_free(&set.exports);
	objects_free(objects);
	return r < 0 ? 1 : 0;
}
