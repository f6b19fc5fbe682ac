/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saved state: fields of all kinds, growth, and refusal of everything that is not right, with nothing touched. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../../cmd/emu-cpu/core.h"
#include "../../cmd/emu-cpu/save-internal.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

struct inner {
	uint16_t a;
	bool b;
};

struct box {
	struct device dev;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32, length;
	uint64_t u64, list[3];
	bool flag;
	uint8_t raw[5];
	struct inner inner[2];
	struct timer *timer;
	uint8_t *buffer;
	uint32_t added;
	bool refuse;
};

static const struct field inner_fields[] = {F_UINT(struct inner, a), F_BOOL(struct inner, b), F_END};
#define COMMON \
	F_UINT(struct box, u8), F_UINT(struct box, u16), F_UINT(struct box, u32), F_UINT(struct box, u64), F_UINTS(struct box, list), \
	F_BOOL(struct box, flag), F_BYTES(struct box, raw), F_STRUCTS(struct box, inner, inner_fields), F_TIMER(struct box, timer), \
	F_BUFFER(struct box, buffer, length, 64)
static const struct field box_fields[] = {COMMON, F_END};
static const struct field new_fields[] = {
	COMMON, {.name = "added", .offset = offsetof(struct box, added), .width = 4, .count = 1, .kind = FIELD_UINT, .since = 2}, F_END};
static const struct field long_fields[] = {COMMON, F_UINT(struct box, added), F_END};

static int loaded(void *state, struct err *e)
{
	struct box *b = state;

	return b->u8 == 99 ? err_set(e, 22, "99 is impossible") : 0;
}

static const struct state_table box_state = {.name = "box", .version = 1, .oldest = 1, .fields = box_fields, .loaded = loaded},
				new_state = {.name = "box", .version = 2, .oldest = 1, .fields = new_fields},
				newer_only = {.name = "box", .version = 3, .oldest = 3, .fields = box_fields},
				long_state = {.name = "box", .version = 1, .oldest = 1, .fields = long_fields};

static void ring(void *opaque)
{
	(void)opaque;
}

static int box_realize(struct device *d, struct err *e)
{
	(void)e;
	((struct box *)d)->timer = timer_new(d->machine, CLOCK_VIRT, ring, d);
	return 0;
}

static void box_unrealize(struct device *d)
{
	timer_free(((struct box *)d)->timer);
	free(((struct box *)d)->buffer);
}

static void box_reset(struct device *d)
{
	((struct box *)d)->u8 = 1;
}

static const struct device_type box_type = {.name = "test-box", .bus = "System", .size = sizeof(struct box), .state = &box_state, .realize = box_realize,
					    .unrealize = box_unrealize, .reset = box_reset};
DEVICE(box_type);

static void fill(struct box *b)
{
	b->u8 = 8;
	b->u16 = 0x1234;
	b->u32 = 0x12345678;
	b->u64 = 0x123456789abcdef0;
	b->list[2] = 42;
	b->flag = true;
	memcpy(b->raw, "hello", 5);
	b->inner[1] = (struct inner){77, true};
	timer_set(b->timer, 5000);
	b->buffer = malloc(3);
	memcpy(b->buffer, "abc", 3);
	b->length = 3;
}

static void tables(void)
{
	struct machine *m = machine_new_test();
	struct box *a = (struct box *)test_device(m, "test-box", NULL), *b = (struct box *)test_device(m, "test-box", NULL);
	struct save_buf s = {0};
	struct err e = ERR_INIT;
	struct load_buf in;
	unsigned wrong = 0;

	fill(a);
	save_state(&s, &box_state, a);
	in = (struct load_buf){s.data, s.size};
	ok(load_state(in, &box_state, b, 1, &e) == 0, "a state is loaded");
	ok(b->u8 == 8 && b->u16 == 0x1234 && b->u32 == 0x12345678 && b->u64 == 0x123456789abcdef0 && b->list[2] == 42 && b->flag, "numbers");
	ok(!memcmp(b->raw, "hello", 5) && b->inner[1].a == 77 && b->inner[1].b && b->length == 3 && !memcmp(b->buffer, "abc", 3), "bytes, structs, buffers");
	ok_eq(timer_at(b->timer), 5000, "timers");
	ok_str(test_round_trip(&a->dev, &b->dev), "", "and saved again it is the same");
	b->added = 5;
	ok(load_state(in, &new_state, b, 1, &e) == 0 && b->added == 5, "a field that came later keeps its value");
	ok(load_state(in, &new_state, b, 2, &e) < 0 && strstr(e.msg, "'added' is missing"), "but must be there in its own version");
	ok(load_state(in, &box_state, b, 2, &e) < 0 && strstr(e.msg, "newer"), "a newer version is refused");
	ok(load_state(in, &newer_only, b, 1, &e) < 0 && strstr(e.msg, "older"), "and one that is too old");
	struct save_buf big = {0};
	save_state(&big, &long_state, a);
	ok(load_state((struct load_buf){big.data, big.size}, &box_state, b, 1, &e) < 0 && strstr(e.msg, "unknown field 'added'"), "an unknown field is refused");
	free(big.data);
	/* Cut anywhere and turned over anywhere, it never does harm; cut it is never accepted. */
	b->u16 = 4711;
	for (size_t n = 0; n < s.size; n++)
		wrong += load_check((struct load_buf){s.data, n}, &box_state, b, 1, &e) == 0;
	ok(wrong == 0 && b->u16 == 4711, "a truncated one is refused, whatever the length, and nothing is touched");
	unsigned seed = 1;
	for (unsigned i = 0; i < 20000; i++) {
		size_t at = (unsigned)rand_r(&seed) % s.size;
		uint8_t old = s.data[at];
		s.data[at] ^= (uint8_t)(1 + rand_r(&seed) % 255);
		load_state(in, &box_state, b, 1, &e);
		s.data[at] = old;
	}
	ok(b->length <= 64, "damaged ones are refused or are possible states");
	free(s.data);
	machine_free_test(m);
}

static int save_to_file(struct machine *m)
{
	int fd = memfd_create("state", 0);
	struct err e = ERR_INIT;

	if (fd < 0 || machine_save(m, fd, &e) < 0)
		die(1, "cannot save: %s", e.msg);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void machines(void)
{
	struct machine *m = machine_new_test(), *other = machine_new_test(), *poor = machine_new_test();
	struct box *a = (struct box *)test_device(m, "test-box", NULL), *b = (struct box *)test_device(other, "test-box", NULL);
	struct err e = ERR_INIT;
	int fd, again;
	off_t size;
	unsigned wrong = 0;

	fill(a);
	clock_step(m, 1000);
	space_st_le32(m->memory, 0x123456, 0xfeedface);
	space_st_le32(other->memory, 0x700000, 0x11111111);
	fd = save_to_file(m);
	ok(machine_load(other, fd, &e) == 0, "a machine's state goes into another%s%s", *e.msg ? ": " : "", e.msg);
	ok(b->u64 == a->u64 && timer_at(b->timer) == 5000, "its devices");
	ok_eq(space_le32(other->memory, 0x123456), 0xfeedface, "its memory");
	ok_eq(space_le32(other->memory, 0x700000), 0, "and what was zero is zero");
	ok_eq(clock_ns(other, CLOCK_VIRT), 1000, "its clock");
	again = save_to_file(other);
	size = lseek(fd, 0, SEEK_END);
	ok_eq(lseek(again, 0, SEEK_END), size, "saved again it is as long");
	char *x = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *y = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, again, 0);
	ok(!memcmp(x, y, (size_t)size), "and byte for byte the same");

	lseek(fd, 0, SEEK_SET);
	ok(machine_load(poor, fd, &e) < 0 && strstr(e.msg, "unknown section '/test-box'"), "a machine without the device refuses it");
	ok_eq(space_le32(poor->memory, 0x123456), 0, "and was not touched");
	/* Cut at many places, damaged at many places. */
	b->u16 = 4711;
	space_st_le32(other->memory, 0x123456, 1);
	for (off_t n = 0; n < size; n += n < 500 ? 1 : 97) {
		int cut = memfd_create("cut", 0);
		if (write(cut, x, (size_t)n) != n)
			die(1, "cannot write");
		lseek(cut, 0, SEEK_SET);
		wrong += machine_load(other, cut, &e) == 0;
		close(cut);
	}
	ok_eq(wrong, 0, "a truncated state is refused");
	ok(b->u16 == 4711 && space_le32(other->memory, 0x123456) == 1, "and nothing was touched");
	unsigned seed = 1;
	for (unsigned i = 0; i < 3000; i++) {
		size_t at = (unsigned)rand_r(&seed) % (size_t)size;
		char old = x[at];
		x[at] ^= (char)(1 + rand_r(&seed) % 255);
		lseek(fd, 0, SEEK_SET);
		wrong += machine_load(other, fd, &e) == 0;
		x[at] = old;
	}
	ok_eq(wrong, 0, "every damage is found");
	ok(b->u16 == 4711 && space_le32(other->memory, 0x123456) == 1, "and nothing was touched");
	/* Values that the device calls impossible. */
	a->u8 = 99;
	close(fd);
	fd = save_to_file(m);
	ok(machine_load(other, fd, &e) < 0 && strstr(e.msg, "99 is impossible"), "what the device refuses is refused");
	ok(b->u16 == 4711 && b->u8 == 8 && space_le32(other->memory, 0x123456) == 1, "and everything is as it was");
	/* Through a pipe. */
	a->u8 = 3;
	int p[2];
	if (pipe(p) < 0)
		die(1, "no pipe");
	fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
	if (machine_save(m, p[1], &e) < 0)
		die(1, "cannot save: %s", e.msg);
	close(p[1]);
	ok(machine_load(other, p[0], &e) == 0 && b->u8 == 3, "a pipe does as well");
	close(p[0]);
	close(fd);
	close(again);
	munmap(x, (size_t)size);
	munmap(y, (size_t)size);
	machine_free_test(m);
	machine_free_test(other);
	machine_free_test(poor);
}

int main(void)
{
	tables();
	machines();
	return tap_done();
}
