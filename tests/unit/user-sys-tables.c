/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of emu-user's system calls: numbers against the kernel's headers, layouts against the host's types. */
#include <stdlib.h>
#include <string.h>
#include "tap.h"
#include "../cmd/emu-user/linux/linux.h"

/* Every "#define __NR_name number" of a header must be in the table, under that name. */
static void check_header(const char *header, const struct sys_table *table)
{
	FILE *f = fopen(header, "r");
	char line[256], name[128];
	unsigned number, seen = 0, wrong = 0;
	if (!f) {
		ok(1, "# SKIP no %s (package linux-libc-dev)", header);
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "#define __NR_%127s %u", name, &number) != 2)
			continue;
		seen++;
		const char *ours = number < table->count ? linux_calls[table->ids[number]].name : "nothing";
		if (strcmp(ours, name)) {
			wrong++;
			printf("# %u is %s, the table says %s\n", number, name, ours);
		}
	}
	fclose(f);
	ok(seen > 300 && wrong == 0, "all %u numbers of %s are known by their names", seen, header);
}

/* A value in every field, to the guest and back: what the fields can hold must return. */
static void check_round_trip(const char *abi, const struct layout_abi *form, bool expect_same)
{
	struct layouts *l = layouts_new(form, 0);
	unsigned bad = 0, differ = 0, too_large = 0;
	for (unsigned id = ST_NONE + 1; id < ST_COUNT; id++) {
		const struct layout *lo = &l->by_id[id];
		uint8_t host[LAYOUT_MAX], guest[LAYOUT_MAX], again[LAYOUT_MAX];
		if (lo->size > LAYOUT_MAX || lo->host_size > LAYOUT_MAX) {
			too_large++;
			continue;
		}
		for (unsigned i = 0; i < lo->size; i++)
			guest[i] = (uint8_t)(i % 61 + 1); /* below 0x40: no sign, no all ones */
		layout_to_host(l, id, host, guest);
		int r = layout_to_guest(l, id, again, host);
		/* Only named fields come back. Fields that two places of the guest share (st_ino) are last in the list. */
		for (unsigned n = 0; n < lo->count; n++) {
			const struct layout_op *op = &lo->ops[n];
			bool shared = false;
			for (unsigned m = n + 1; m < lo->count; m++)
				shared |= lo->ops[m].host_size && lo->ops[m].host == op->host;
			if (!op->host_size || shared || op->guest_size > op->host_size)
				continue;
			for (unsigned k = n; k-- > 0;)
				shared |= lo->ops[k].host_size && lo->ops[k].host == op->host;
			if (!shared && memcmp(guest + op->guest, again + op->guest, op->guest_size * op->count)) {
				bad++;
				printf("# %s: field %u at %u\n", layout_name(id), n, op->guest);
			}
		}
		if (r < 0) {
			bad++;
			printf("# %s: %d\n", layout_name(id), r);
		}
		differ += !lo->same;
		if (expect_same && !lo->same)
			printf("# %s has %u bytes, the host's type %u\n", layout_name(id), lo->size, lo->host_size);
	}
	ok_eq(too_large, 0, "%s: every structure fits the buffers", abi);
	ok_eq(bad, 0, "%s: every structure survives the way to the host and back", abi);
	if (expect_same)
		ok(differ <= 4, "%s: all structures but those of 32-bit programs are the host's own (%u differ)", abi, differ);
	layouts_free(l);
}

static void check_values(void)
{
	static const struct layout_abi big = {.big_endian = true, .word = 4, .align64 = 8, .align_max = 8};
	struct layouts *l = layouts_new(&big, 0);
	struct timespec ts = {-2, 999999999};
	uint8_t raw[16];
	layout_to_guest(l, ST_timespec, raw, &ts);
	ok(!memcmp(raw, "\xff\xff\xff\xfe\x3b\x9a\xc9\xff", 8), "a big-endian 32-bit timespec");
	memset(&ts, 0, sizeof(ts));
	layout_to_host(l, ST_timespec, &ts, raw);
	ok(ts.tv_sec == -2 && ts.tv_nsec == 999999999, "and back, with its sign");
	uint64_t limit[2] = {UINT64_MAX, 5000000000ULL};
	layout_to_guest(l, ST_rlimit, raw, limit);
	ok(!memcmp(raw, "\xff\xff\xff\xff\xff\xff\xff\xff", 8), "a limit that 32 bits cannot hold is no limit");
	layout_to_host(l, ST_rlimit, limit, raw);
	ok(limit[0] == UINT64_MAX, "and no limit stays none");
	int64_t fl[4] = {0, 5000000000LL, 0, 0};
	ok_eq(layout_to_guest(l, ST_flock, raw, fl), -EOVERFLOW, "a lock beyond 32 bits overflows");
	ok_eq(layout_to_guest(l, ST_flock64, (uint8_t[64]){0}, fl), 0, "but not in the large form");
	ok_eq(l->by_id[ST_epoll_event].size, 16, "epoll_event is aligned but on x86");
	layouts_free(l);
	char text[128];
	names_print_flags(text, sizeof(text), NAMES_open, 02000101);
	ok_str(text, "O_WRONLY|O_CREAT|O_CLOEXEC", "flags by name");
	names_print_flags(text, sizeof(text), NAMES_open, 0);
	ok_str(text, "O_RDONLY", "a flag of value 0");
	names_print_flags(text, sizeof(text), NAMES_prot, 0x800001);
	ok_str(text, "PROT_READ|0x800000", "a bit without a name");
	names_print_flags(text, sizeof(text), NAMES_futex, 129);
	ok_str(text, "FUTEX_PRIVATE_FLAG|FUTEX_WAKE", "an operation among flags");
	names_print_flags(text, 8, NAMES_open, 02000101);
	ok_str(text, "O_WRONL", "a short buffer cuts the text");
	names_print_value(text, sizeof(text), NAMES_clock, 1);
	ok_str(text, "CLOCK_MONOTONIC", "a value by name");
	names_print_value(text, sizeof(text), NAMES_ioctl, 0x5401);
	ok_str(text, "TCGETS", "an ioctl request by name");
}

int main(void)
{
	check_header("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", &sys_table_x86_64);
	check_header("/usr/include/x86_64-linux-gnu/asm/unistd_32.h", &sys_table_i386);
	check_round_trip("x86-64", &sys_table_x86_64.layout, true);
	check_round_trip("i386", &sys_table_i386.layout, false);
	check_round_trip("big-endian 64 bits", &(struct layout_abi){true, 8, 8, 8, NULL}, false);
	check_round_trip("big-endian 32 bits", &(struct layout_abi){true, 4, 8, 8, NULL}, false);
	check_round_trip("m68k", &(struct layout_abi){true, 4, 2, 2, NULL}, false);
	check_values();
	return tap_done();
}
