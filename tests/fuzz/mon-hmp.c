/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The line editor's keys, and lines of HMP against every row's arguments. The first byte says which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "../../cmd/emu-mon/edit.h"
#include "../../cmd/emu-mon/mon.h"

static void on_line(void *opaque, const char *text)
{
	if (strlen(text) > 4095)
		abort();
	(void)opaque;
}

static void on_output(void *opaque, const char *text, size_t n)
{
	(void)opaque, (void)text, (void)n;
}

static void on_complete(void *opaque, const char *text)
{
	(void)text;
	editor_complete(*(struct editor **)opaque, "info\ninfinite\nquit\n/tmp/\nid=\n");
}

static void keys(const uint8_t *data, size_t size)
{
	struct editor *ed = NULL;
	struct editor_config config = {.prompt = "(qemu) ", .line = on_line, .output = on_output, .complete = on_complete, .opaque = &ed};

	ed = editor_new(&config);
	if (!ed)
		return;
	editor_width(ed, size ? data[0] : 80);
	for (size_t at = 0; at < size;)
		at += editor_input(ed, (const char *)data + at, size - at);
	editor_free(ed);
}

/* Without a monitor there are no registers, which is an answer too. */
static void one_line(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *out = NULL;
	size_t n = 0;
	struct task_context context;
	struct task t = {.context = &context};
	const struct hmp_row *row;

	task_context_init(&context);
	t.out = open_memstream(&out, &n);
	if (text && t.out && size > 1) {
		memcpy(text, data + 2, size - 2);
		text[size - 2] = '\0';
		row = hmp_row_at(data[0] & 1, data[1]);
		if (row)
			hmp_args_free(hmp_args_parse(&t, row, "typed", text));
	}
	if (t.out)
		fclose(t.out);
	free(out);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && data[0] & 0x80)
		keys(data + 1, size - 1);
	else if (size > 1)
		one_line(data, size);
	return 0;
}
