// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SMBIOS structures; see smbios.h. Section numbers are of DSP0134 2.8. What a user may set is one row a field: the option's name, where
 * it goes in the structure and whether it is a string. The firmware adds its own type 0 when none was given.
 */
#include "smbios.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/keyval.h"
#include "base/uuid.h"
#include "x86-parts.h"

enum { TYPE_BIOS = 0, TYPE_SYSTEM = 1, TYPE_BOARD = 2, TYPE_CHASSIS = 3, TYPE_PROCESSOR = 4, TYPE_OEM_STRINGS = 11, TYPE_MEMORY_ARRAY = 16,
       TYPE_MEMORY = 17, TYPE_MAPPED = 19, TYPE_BOOT = 32, TYPE_END = 127, TYPES = 128 };
enum { FILE_MAX = 64 << 10, OEM_STRINGS = 64, TABLE_MAX = 0xffff };

enum row_kind { TEXT, UUID, FLAG, NUMBER, RELEASE, REPEATED };
struct row {
	uint8_t type;
	const char *name;
	uint8_t kind, at; /* kind: enum row_kind; at: offset of the string's number in the structure */
	const char *def;  /* NULL: the board's, or nothing */
};

static const struct row rows[] = {
	{TYPE_BIOS, "vendor", TEXT, 4, NULL},
	{TYPE_BIOS, "version", TEXT, 5, NULL},
	{TYPE_BIOS, "date", TEXT, 8, NULL},
	{TYPE_BIOS, "release", RELEASE, 20, NULL},
	{TYPE_BIOS, "uefi", FLAG, 19, NULL},
	{TYPE_SYSTEM, "manufacturer", TEXT, 4, "QEMU"}, /* operating systems tell virtual machines of this kind by it */
	{TYPE_SYSTEM, "product", TEXT, 5, NULL},
	{TYPE_SYSTEM, "version", TEXT, 6, NULL},
	{TYPE_SYSTEM, "serial", TEXT, 7, NULL},
	{TYPE_SYSTEM, "uuid", UUID, 8, NULL},
	{TYPE_SYSTEM, "sku", TEXT, 25, NULL},
	{TYPE_SYSTEM, "family", TEXT, 26, NULL},
	{TYPE_BOARD, "manufacturer", TEXT, 4, "QEMU"},
	{TYPE_BOARD, "product", TEXT, 5, NULL},
	{TYPE_BOARD, "version", TEXT, 6, NULL},
	{TYPE_BOARD, "serial", TEXT, 7, NULL},
	{TYPE_BOARD, "asset", TEXT, 8, NULL},
	{TYPE_BOARD, "location", TEXT, 10, NULL},
	{TYPE_CHASSIS, "manufacturer", TEXT, 4, "QEMU"},
	{TYPE_CHASSIS, "version", TEXT, 6, NULL},
	{TYPE_CHASSIS, "serial", TEXT, 7, NULL},
	{TYPE_CHASSIS, "asset", TEXT, 8, NULL},
	{TYPE_CHASSIS, "sku", TEXT, 21, NULL},
	{TYPE_PROCESSOR, "sock_pfx", TEXT, 4, "CPU"},
	{TYPE_PROCESSOR, "manufacturer", TEXT, 7, "QEMU"},
	{TYPE_PROCESSOR, "version", TEXT, 16, NULL},
	{TYPE_PROCESSOR, "serial", TEXT, 32, NULL},
	{TYPE_PROCESSOR, "asset", TEXT, 33, NULL},
	{TYPE_PROCESSOR, "part", TEXT, 34, NULL},
	{TYPE_OEM_STRINGS, "value", REPEATED, 0, NULL},
	{TYPE_MEMORY, "loc_pfx", TEXT, 16, "DIMM"},
	{TYPE_MEMORY, "bank", TEXT, 17, NULL},
	{TYPE_MEMORY, "manufacturer", TEXT, 23, "QEMU"},
	{TYPE_MEMORY, "serial", TEXT, 24, NULL},
	{TYPE_MEMORY, "asset", TEXT, 25, NULL},
	{TYPE_MEMORY, "part", TEXT, 26, NULL},
	{TYPE_MEMORY, "speed", NUMBER, 21, NULL},
};
#define ROWS (sizeof rows / sizeof rows[0])

struct smbios {
	char *value[ROWS];
	bool given[TYPES];       /* a -smbios type= was there */
	bool from_file[TYPES];
	uint8_t *file;           /* structures of file= options, one after the other */
	size_t file_size;
	unsigned file_count;
	char *oem[OEM_STRINGS];
	unsigned oems;
	uint8_t *data;
	size_t size, room, largest;
	unsigned count;
	/* the structure that is being made */
	size_t at;
	unsigned strings;
	bool failed;
};

/* ---- options ---- */

static int take_file(struct smbios *s, const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;
	if (fd < 0)
		return err_errno(e, errno, "-smbios file=%s: cannot open it", path);
	struct stat st;
	if (fstat(fd, &st) || st.st_size < 6 || st.st_size > FILE_MAX) {
		close(fd);
		return err_set(e, EINVAL, "-smbios file=%s: one structure has 6 bytes to %u KiB", path, FILE_MAX >> 10);
	}
	size_t n = (size_t)st.st_size, got = 0;
	uint8_t *p = realloc(s->file, s->file_size + n);
	if (!p) {
		close(fd);
		return err_set(e, ENOMEM, "-smbios file=%s: out of memory", path);
	}
	s->file = p;
	p += s->file_size;
	while (got < n) {
		ssize_t k = read(fd, p + got, n - got);
		if (k <= 0) {
			r = err_set(e, EIO, "-smbios file=%s: it ends early", path);
			break;
		}
		got += (size_t)k;
	}
	close(fd);
	if (r)
		return r;
	/* Formatted part, then strings up to two zeros, and nothing behind. */
	if (p[1] < 4 || (size_t)p[1] + 2 > n || p[n - 1] || p[n - 2])
		return err_set(e, EINVAL, "-smbios file=%s: a structure is its header of %u bytes or more, its strings, and two zero bytes at its end",
			       path, 4);
	if (p[0] >= TYPES || p[0] == TYPE_END)
		return err_set(e, EINVAL, "-smbios file=%s: type %u cannot be given", path, p[0]);
	if (s->given[p[0]])
		return err_set(e, EINVAL, "-smbios file=%s: type %u has fields given by another -smbios", path, p[0]);
	s->from_file[p[0]] = true;
	s->file_size += n;
	s->file_count++;
	return 0;
}

static int take_field(struct smbios *s, unsigned type, const char *key, const char *value, struct err *e)
{
	char accepted[256] = "";
	for (unsigned i = 0; i < ROWS; i++) {
		if (rows[i].type != type)
			continue;
		if (strcmp(rows[i].name, key)) {
			size_t n = strlen(accepted);
			snprintf(accepted + n, sizeof accepted - n, "%s%s", n ? ", " : "", rows[i].name);
			continue;
		}
		if (strlen(value) > 1024)
			return err_set(e, EINVAL, "-smbios type=%u,%s: at most 1024 characters", type, key);
		if (rows[i].kind == REPEATED) {
			if (s->oems == OEM_STRINGS)
				return err_set(e, EINVAL, "-smbios type=%u: at most %u values", type, OEM_STRINGS);
			s->oem[s->oems] = strdup(value);
			return s->oem[s->oems++] ? 0 : err_set(e, ENOMEM, "-smbios: out of memory");
		}
		unsigned a, b;
		char end;
		if (rows[i].kind == RELEASE && (sscanf(value, "%u.%u%c", &a, &b, &end) != 2 || a > 255 || b > 255))
			return err_set(e, EINVAL, "-smbios type=%u,release=%s: MAJOR.MINOR, each 0 to 255", type, value);
		if (rows[i].kind == FLAG && strcmp(value, "on") && strcmp(value, "off"))
			return err_set(e, EINVAL, "-smbios type=%u,%s=%s: on or off", type, key, value);
		if (rows[i].kind == NUMBER && (sscanf(value, "%u%c", &a, &end) != 1 || a > 0xffff))
			return err_set(e, EINVAL, "-smbios type=%u,%s=%s: a number from 0 to 65535", type, key, value);
		free(s->value[i]);
		s->value[i] = strdup(value);
		return s->value[i] ? 0 : err_set(e, ENOMEM, "-smbios: out of memory");
	}
	if (!*accepted)
		return err_set(e, EINVAL, "-smbios type=%u: fields of types 0, 1, 2, 3, 4, 11 and 17 can be given; others with file=", type);
	return err_set(e, EINVAL, "-smbios type=%u has no field '%s' (it has %s)", type, key, accepted);
}

static int take_option(struct smbios *s, const char *text, struct err *e)
{
	struct keyval kv = {0};
	int r = keyval_parse(text, NULL, &kv, e);
	if (r)
		return err_prefix(e, "-smbios");
	const char *file = keyval_get(&kv, "file"), *type = keyval_get(&kv, "type");
	unsigned t;
	char end;
	if (file) {
		r = kv.count == 1 ? take_file(s, file, e) : err_set(e, EINVAL, "-smbios file=%s: nothing can be given beside a file", file);
	} else if (!type || sscanf(type, "%u%c", &t, &end) != 1 || t >= TYPES) {
		r = err_set(e, EINVAL, "-smbios %s: type=0 to 127 and its fields, or file=PATH", text);
	} else if (s->from_file[t]) {
		r = err_set(e, EINVAL, "-smbios type=%u: a file gave this type already", t);
	} else {
		s->given[t] = true;
		for (unsigned i = 0; !r && i < kv.count; i++)
			if (strcmp(kv.key[i], "type"))
				r = take_field(s, t, kv.key[i], kv.value[i], e);
	}
	keyval_free(&kv);
	return r;
}

struct smbios *smbios_new(const char *const *options, unsigned count, struct err *e)
{
	struct smbios *s = calloc(1, sizeof *s);
	if (!s) {
		err_set(e, ENOMEM, "-smbios: out of memory");
		return NULL;
	}
	for (unsigned i = 0; i < count; i++)
		if (take_option(s, options[i], e)) {
			smbios_free(s);
			return NULL;
		}
	return s;
}

void smbios_free(struct smbios *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < ROWS; i++)
		free(s->value[i]);
	for (unsigned i = 0; i < s->oems; i++)
		free(s->oem[i]);
	free(s->file);
	free(s->data);
	free(s);
}

/* ---- structures (6.1): a header, a formatted part, then strings that the part names by number ---- */

static void append(struct smbios *s, const void *p, size_t n)
{
	if (s->failed || !n)
		return;
	if (s->size + n > s->room) {
		size_t to = s->room ? s->room * 2 : 2048;
		while (to < s->size + n)
			to *= 2;
		uint8_t *q = realloc(s->data, to);
		if (!q) {
			s->failed = true;
			return;
		}
		s->data = q;
		s->room = to;
	}
	memcpy(s->data + s->size, p, n);
	s->size += n;
}

static void put(struct smbios *s, unsigned at, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes && !s->failed; i++)
		s->data[s->at + at + i] = (uint8_t)(v >> (8 * i));
}

static void text(struct smbios *s, unsigned at, const char *value)
{
	if (!value || !*value)
		return;
	append(s, value, strlen(value) + 1);
	put(s, at, ++s->strings, 1);
}

/* The value of a row, or its default. */
static const char *value_of(const struct smbios *s, unsigned type, const char *name)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (rows[i].type == type && !strcmp(rows[i].name, name))
			return s->value[i] ? s->value[i] : rows[i].def;
	return NULL;
}

static void begin(struct smbios *s, unsigned type, unsigned length, uint16_t handle)
{
	static const uint8_t zero[64];
	s->at = s->size;
	s->strings = 0;
	append(s, zero, length);
	put(s, 0, type, 1);
	put(s, 1, length, 1);
	put(s, 2, handle, 2);
}

/* Strings that are nothing but a row each; those that the board or a counter makes are put by the caller. */
static void texts(struct smbios *s, unsigned type, const char *const skip[])
{
	for (unsigned i = 0; i < ROWS; i++) {
		bool mine = rows[i].type == type && rows[i].kind == TEXT;
		for (unsigned k = 0; mine && skip && skip[k]; k++)
			mine = strcmp(rows[i].name, skip[k]) != 0;
		if (mine)
			text(s, rows[i].at, s->value[i] ? s->value[i] : rows[i].def);
	}
}

static void finish(struct smbios *s)
{
	static const uint8_t zero[2];
	append(s, zero, s->strings ? 1 : 2);
	if (s->size - s->at > s->largest)
		s->largest = s->size - s->at;
	s->count++;
}

static void bios(struct smbios *s)
{
	const char *release = value_of(s, TYPE_BIOS, "release"), *uefi = value_of(s, TYPE_BIOS, "uefi");
	unsigned major = 0, minor = 0;
	begin(s, TYPE_BIOS, 24, 0);
	put(s, 6, 0xe800, 2);  /* where the runtime part begins */
	put(s, 10, 8, 8);      /* characteristics are not supported */
	put(s, 19, uefi && !strcmp(uefi, "on") ? 0x1c : 0x14, 1); /* virtual machine; targeted content; UEFI */
	if (release)
		sscanf(release, "%u.%u", &major, &minor);
	put(s, 20, major, 1);
	put(s, 21, minor, 1);
	put(s, 22, 0xffff, 2); /* embedded controller: none */
	texts(s, TYPE_BIOS, NULL);
	finish(s);
}

static int system_info(struct smbios *s, const struct smbios_board *b, struct err *e)
{
	const char *product = value_of(s, TYPE_SYSTEM, "product"), *version = value_of(s, TYPE_SYSTEM, "version");
	const char *uuid = value_of(s, TYPE_SYSTEM, "uuid");
	static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}; /* 7.2.1: the first three fields are little-endian */
	uint8_t bytes[16] = {0}, wire[16];
	if (uuid && !uuid_parse(uuid, bytes))
		return err_set(e, EINVAL, "-smbios type=1,uuid=%s: it has 32 hexadecimal digits, as 8-4-4-4-12", uuid);
	for (unsigned i = 0; i < 16; i++)
		wire[order[i]] = !uuid && b->uuid ? b->uuid[i] : bytes[i];
	begin(s, TYPE_SYSTEM, 27, 0x100);
	for (unsigned i = 0; i < 16; i++)
		put(s, 8 + i, wire[i], 1);
	put(s, 24, 6, 1); /* woken by the power switch */
	text(s, 5, product ? product : b->product);
	text(s, 6, version ? version : b->version);
	texts(s, TYPE_SYSTEM, (const char *const[]){"product", "version", NULL});
	finish(s);
	return 0;
}

static void board(struct smbios *s, const struct smbios_board *b)
{
	const char *product = value_of(s, TYPE_BOARD, "product"), *version = value_of(s, TYPE_BOARD, "version");
	begin(s, TYPE_BOARD, 15, 0x200);
	put(s, 9, 1, 1);       /* hosting board */
	put(s, 11, 0x300, 2);  /* in the chassis */
	put(s, 13, 10, 1);     /* motherboard */
	text(s, 5, product ? product : b->product);
	text(s, 6, version ? version : b->version);
	texts(s, TYPE_BOARD, (const char *const[]){"product", "version", NULL});
	finish(s);
}

static void chassis(struct smbios *s, const struct smbios_board *b)
{
	const char *version = value_of(s, TYPE_CHASSIS, "version");
	begin(s, TYPE_CHASSIS, 22, 0x300);
	put(s, 5, 1, 1); /* other */
	put(s, 9, 3, 1), put(s, 10, 3, 1), put(s, 11, 3, 1), put(s, 12, 2, 1); /* safe; security unknown */
	text(s, 6, version ? version : b->version);
	texts(s, TYPE_CHASSIS, (const char *const[]){"version", NULL});
	finish(s);
}

static void processor(struct smbios *s, const struct smbios_board *b, unsigned n)
{
	const char *version = value_of(s, TYPE_PROCESSOR, "version"), *prefix = value_of(s, TYPE_PROCESSOR, "sock_pfx");
	char socket[1100];
	unsigned cores = b->cores > 255 ? 255 : b->cores, threads = b->cores * b->threads > 255 ? 255 : b->cores * b->threads;
	begin(s, TYPE_PROCESSOR, 42, (uint16_t)(0x400 + n));
	put(s, 5, 3, 1);    /* central processor */
	put(s, 6, 1, 1);    /* family: other */
	put(s, 8, b->processor_id, 4);
	put(s, 12, b->features, 4);
	put(s, 20, 2000, 2); /* maximum and present speed in MHz */
	put(s, 22, 2000, 2);
	put(s, 24, 0x41, 1); /* socket populated, processor enabled */
	put(s, 25, 1, 1);    /* upgrade: other */
	put(s, 26, 0xffff, 2), put(s, 28, 0xffff, 2), put(s, 30, 0xffff, 2); /* no cache structures */
	put(s, 35, cores, 1), put(s, 36, cores, 1), put(s, 37, threads, 1);
	put(s, 38, 2, 2); /* characteristics unknown */
	put(s, 40, 1, 2);
	snprintf(socket, sizeof socket, "%s%2x", prefix, n);
	text(s, 4, socket);
	text(s, 16, version ? version : b->version);
	texts(s, TYPE_PROCESSOR, (const char *const[]){"sock_pfx", "version", NULL});
	finish(s);
}

static void oem_strings(struct smbios *s)
{
	begin(s, TYPE_OEM_STRINGS, 5, 0xe00);
	put(s, 4, s->oems, 1);
	for (unsigned i = 0; i < s->oems; i++) {
		append(s, *s->oem[i] ? s->oem[i] : " ", *s->oem[i] ? strlen(s->oem[i]) + 1 : 2);
		s->strings++;
	}
	finish(s);
}

/* ---- memory: modules of at most 16 GiB each, and the two ranges where they show ---- */

enum { MODULES_MAX = 512 };
#define MODULE_SIZE (16ull << 30)

static void memory_array(struct smbios *s, uint64_t ram, unsigned modules)
{
	begin(s, TYPE_MEMORY_ARRAY, 23, 0x1000);
	put(s, 4, 1, 1); /* other location */
	put(s, 5, 3, 1); /* system memory */
	put(s, 6, 6, 1); /* multi-bit error correction */
	uint64_t kib = ram >> 10;
	put(s, 7, kib >= 0x80000000u ? 0x80000000u : kib, 4);
	put(s, 11, 0xfffe, 2); /* no error information structure */
	put(s, 13, modules, 2);
	put(s, 15, kib >= 0x80000000u ? ram : 0, 8);
	finish(s);
}

static void memory_module(struct smbios *s, unsigned n, uint64_t size)
{
	const char *prefix = value_of(s, TYPE_MEMORY, "loc_pfx"), *speed = value_of(s, TYPE_MEMORY, "speed");
	char locator[1100];
	unsigned mhz = 0;
	uint64_t mib = size >> 20;
	begin(s, TYPE_MEMORY, 40, (uint16_t)(0x1100 + n));
	put(s, 4, 0x1000, 2);
	put(s, 6, 0xfffe, 2);
	put(s, 8, 0xffff, 2), put(s, 10, 0xffff, 2); /* widths unknown */
	put(s, 12, mib < 0x7fff ? mib : 0x7fff, 2);
	put(s, 14, 9, 1); /* DIMM */
	put(s, 18, 7, 1); /* RAM */
	put(s, 19, 2, 2); /* other */
	if (speed)
		sscanf(speed, "%u", &mhz);
	put(s, 21, mhz, 2);
	put(s, 28, mib < 0x7fff ? 0 : mib, 4);
	put(s, 32, mhz, 2);
	snprintf(locator, sizeof locator, "%s %u", prefix, n);
	text(s, 16, locator);
	texts(s, TYPE_MEMORY, (const char *const[]){"loc_pfx", NULL});
	finish(s);
}

static void mapped_range(struct smbios *s, unsigned n, uint64_t start, uint64_t size)
{
	uint64_t first = start >> 10, last = ((start + size) >> 10) - 1;
	bool wide = last >= 0xffffffffu;
	begin(s, TYPE_MAPPED, 31, (uint16_t)(0x1300 + n));
	put(s, 4, wide ? 0xffffffffu : first, 4);
	put(s, 8, wide ? 0xffffffffu : last, 4);
	put(s, 12, 0x1000, 2);
	put(s, 14, 1, 1);
	put(s, 15, wide ? start : 0, 8);
	put(s, 23, wide ? start + size - 1 : 0, 8);
	finish(s);
}

static void memory(struct smbios *s, const struct smbios_board *b)
{
	uint64_t ram = b->ram_below + b->ram_above;
	unsigned modules = (unsigned)((ram + MODULE_SIZE - 1) / MODULE_SIZE);
	if (modules > MODULES_MAX)
		modules = MODULES_MAX;
	memory_array(s, ram, modules);
	for (unsigned n = 0; n < modules; n++)
		memory_module(s, n, n + 1 < modules ? MODULE_SIZE : ram - n * MODULE_SIZE);
	mapped_range(s, 0, 0, b->ram_below);
	if (b->ram_above)
		mapped_range(s, 1, 1ull << 32, b->ram_above);
}

int smbios_build(struct smbios *s, const struct smbios_board *b, const uint8_t **tables, size_t *size, uint8_t anchor[31], struct err *e)
{
	s->size = s->largest = s->count = 0;
	append(s, s->file, s->file_size);
	s->count = s->file_count;
	for (size_t at = 0; at < s->file_size;) {
		size_t n = s->file[at + 1];
		while (s->file[at + n] || s->file[at + n + 1])
			n++;
		n += 2;
		if (n > s->largest)
			s->largest = n;
		at += n;
	}
	if (s->given[TYPE_BIOS])
		bios(s);
	if (!s->from_file[TYPE_SYSTEM] && system_info(s, b, e))
		return -e->code;
	if (s->given[TYPE_BOARD])
		board(s, b);
	if (!s->from_file[TYPE_CHASSIS])
		chassis(s, b);
	for (unsigned n = 0; n < b->sockets && !s->from_file[TYPE_PROCESSOR]; n++)
		processor(s, b, n);
	if (s->oems)
		oem_strings(s);
	if (!s->from_file[TYPE_MEMORY] && !s->from_file[TYPE_MEMORY_ARRAY])
		memory(s, b);
	begin(s, TYPE_BOOT, 11, 0x2000); /* no errors detected */
	finish(s);
	begin(s, TYPE_END, 4, 0x7f00);
	finish(s);
	if (s->failed)
		return err_set(e, ENOMEM, "SMBIOS tables: out of memory");
	if (s->size > TABLE_MAX)
		return err_set(e, EINVAL, "SMBIOS tables of %zu bytes: they have at most %u; give fewer or shorter -smbios values", s->size, TABLE_MAX);
	/* Entry point (5.2.1); the firmware fills in the address and both checksums. */
	memset(anchor, 0, 31);
	memcpy(anchor, "_SM_", 4);
	anchor[5] = 31;
	anchor[6] = 2;
	anchor[7] = 8;
	anchor[8] = (uint8_t)s->largest;
	anchor[9] = (uint8_t)(s->largest >> 8);
	memcpy(anchor + 16, "_DMI_", 5);
	anchor[22] = (uint8_t)s->size;
	anchor[23] = (uint8_t)(s->size >> 8);
	anchor[28] = (uint8_t)s->count;
	anchor[29] = (uint8_t)(s->count >> 8);
	anchor[30] = 0x28;
	*tables = s->data;
	*size = s->size;
	return 0;
}

int smbios_publish(struct smbios *s, struct machine *m, const struct smbios_board *b, struct err *e)
{
	const uint8_t *tables;
	size_t size;
	uint8_t anchor[31];
	int r = smbios_build(s, b, &tables, &size, anchor, e);
	if (!r)
		r = fw_cfg_add_file(m, "etc/smbios/smbios-tables", tables, size, e);
	if (!r)
		r = fw_cfg_add_file(m, "etc/smbios/smbios-anchor", anchor, sizeof anchor, e);
	return r;
}
