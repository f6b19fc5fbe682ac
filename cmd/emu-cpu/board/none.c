/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The empty machine: no processors, no devices; memory only if it was asked for by -m. For tools that want to ask about types. */
#include "../machine.h"

static int none_init(struct machine *m, struct err *e)
{
	struct region *top = region_new_container(m, "system", 0);

	m->memory = space_new(m, "memory", top);
	m->ports = space_new(m, "I/O", region_new_container(m, "io", 65536));
	if (!machine_ram(m, "ram", e))
		return -e->code;
	region_add(top, 0, m->ram, 0);
	return 0;
}

static const char *const isas[] = {"x86_64", "i386", NULL};
static const struct board none = {.name = "none", .desc = "empty machine", .max_cpus = 1, .isas = isas, .init = none_init};
BOARD(none);
