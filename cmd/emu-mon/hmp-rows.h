/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files with HMP's rows share. */
#ifndef EMU_MON_HMP_ROWS_H
#define EMU_MON_HMP_ROWS_H
#include <string.h>
#include "mon.h"

static inline const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static inline long long int_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static inline bool true_of(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

/* An error without "Error: " before it, as some commands have it. */
static inline void complain(struct task *t, const struct err *e)
{
	fprintf(t->out, "%s\n", e->msg);
	if (*e->hint)
		fprintf(t->out, "%s\n", e->hint);
	t->failed = true;
}

/* A file that a command writes: made in this process and handed to the part. -1 with e filled. */
int file_create(struct task *t, const char *path, struct err *e);
/* A new descriptor for /dev/fdset/ID, or -errno with e filled. */
int fdset_open(struct task *t, const char *path, bool write, struct err *e);
void file_close(int fd); /* -1 is allowed */

void hmp_log_items(FILE *out);
/* Names of keys that begin so, one a line. */
void hmp_key_names(FILE *out, const char *typed);

extern const struct hmp_row hmp_own_rows[], hmp_machine_rows[], hmp_machine_info_rows[], hmp_cpu_rows[], hmp_cpu_info_rows[], hmp_memory_rows[],
	hmp_device_rows[], hmp_device_info_rows[], hmp_block_rows[], hmp_block_info_rows[], hmp_job_rows[], hmp_job_info_rows[], hmp_net_rows[], hmp_net_info_rows[],
	hmp_char_rows[], hmp_char_info_rows[], hmp_input_rows[], hmp_input_info_rows[], hmp_snapshot_rows[], hmp_snapshot_info_rows[], hmp_missing_rows[], hmp_missing_info_rows[];
#endif
