/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: memory and ports, seen as numbers, characters and instructions. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hmp-rows.h"

#define CHUNK 4096u
#define INSN_MAX 15u

/* ---- registers in expressions ---- */

static json_t *registers(struct task *t, struct err *e)
{
	return part_call(t, PART_CPU, NULL, "x-registers", json_pack("{s:i}", "cpu-index", (int)t->context->cpu), e);
}

int hmp_register(void *opaque, const char *name, long long *value)
{
	struct task *t = opaque;
	struct err e = ERR_INIT;
	json_t *r = t->monitor ? registers(t, &e) : NULL;
	const json_t *list = json_object_get(r, "registers"), *v = json_object_get(list, name);
	bool half = false;
	char other[8];

	if (!v && (*name == 'e' || *name == 'r') && strlen(name) == 3) { /* $eip of a machine that has rip, and the other way round */
		snprintf(other, sizeof other, "%c%s", *name == 'e' ? 'r' : 'e', name + 1);
		v = json_object_get(list, other);
		half = true;
	}
	for (const char *const *w = (const char *const[]){"sp", "rsp", "esp", "fp", "rbp", "ebp", NULL}; !v && *w; w += 3)
		if (!strcmp(name, w[0]))
			v = json_object_get(list, w[1]) ? json_object_get(list, w[1]) : json_object_get(list, w[2]);
	int result = !r ? -ENODEV : !v ? -ENOENT : 0;

	if (v)
		*value = half ? (long long)(uint32_t)json_integer_value(v) : json_integer_value(v);
	json_decref(r);
	return result;
}

/* ---- printing ---- */

static void print_char(FILE *out, int c)
{
	fputc('\'', out);
	switch (c) {
	case '\'': fputs("\\'", out); break;
	case '\\': fputs("\\\\", out); break;
	case '\n': fputs("\\n", out); break;
	case '\r': fputs("\\r", out); break;
	default:
		if (c >= 32 && c <= 126)
			fputc(c, out);
		else
			fprintf(out, "\\x%02x", (unsigned)c);
	}
	fputc('\'', out);
}

static unsigned column(char format, unsigned size)
{
	static const struct { char format; unsigned char width[9]; } widths[] = {
		{'o', {[1] = 4, [2] = 6, [4] = 11, [8] = 22}}, {'x', {[1] = 2, [2] = 4, [4] = 8, [8] = 16}},
		{'u', {[1] = 3, [2] = 5, [4] = 10, [8] = 20}}, {'d', {[1] = 3, [2] = 5, [4] = 10, [8] = 20}}};

	for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
		if (widths[i].format == format)
			return widths[i].width[size];
	return 0;
}

static void print_item(FILE *out, char format, unsigned size, uint64_t v)
{
	int width = (int)column(format, size);

	fputc(' ', out);
	switch (format) {
	case 'o': fprintf(out, "%#*" PRIo64, width, v); break;
	case 'x': fprintf(out, "0x%0*" PRIx64, width, v); break;
	case 'u': fprintf(out, "%*" PRIu64, width, v); break;
	case 'c': print_char(out, (int)v); break;
	default: fprintf(out, "%*" PRId64, width, (int64_t)v); break;
	}
}

/* ---- reading ---- */

static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* n bytes (at most CHUNK) into data; 0 or -1. */
static int fetch(struct task *t, bool physical, uint64_t addr, unsigned char *data, size_t n)
{
	struct err e = ERR_INIT;
	json_t *r = part_call(t, PART_CPU, NULL, "x-memory-read",
			      json_pack("{s:I, s:I, s:b, s:i, s:b}", "addr", (json_int_t)addr, "size", (json_int_t)n, "virtual", !physical, "cpu-index",
					(int)t->context->cpu, "strict", 1), &e);
	const char *hex = text_of(r, "data");
	bool whole = r && strlen(hex) == 2 * n;

	for (size_t i = 0; whole && i < n; i++)
		data[i] = (unsigned char)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
	json_decref(r);
	return whole ? 0 : -1;
}

static void dump_code(struct task *t, bool physical, uint64_t addr, unsigned count, int size)
{
	struct err e = ERR_INIT;
	json_t *r = registers(t, &e);
	struct disassembler *d;
	unsigned bits;

	if (!r) {
		hmp_error(t, &e);
		return;
	}
	/* A size names the kind of code: h 16 bits, w 32. */
	bits = size == 2 ? 16 : size == 4 ? 32 : (unsigned)int_of(r, "code-bits");
	d = disas_open(text_of(r, "arch"), bits, &e);
	json_decref(r);
	if (!d) {
		hmp_error(t, &e);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		unsigned char code[INSN_MAX];
		char text[160];
		size_t n = 0, len;

		/* As much as can be read: an instruction may end where memory does. */
		if (fetch(t, physical, addr, code, INSN_MAX) == 0)
			n = INSN_MAX;
		else
			while (n < INSN_MAX && fetch(t, physical, addr + n, code + n, 1) == 0)
				n++;
		len = n ? disas_one(d, addr, code, n, text, sizeof text) : 0;
		if (!n || (!len && n < INSN_MAX)) {
			fprintf(t->out, "0x%08" PRIx64 ": unable to read memory\n", addr);
			break;
		}
		fprintf(t->out, "0x%08" PRIx64 ": ", addr);
		if (!len) {
			len = 1;
			snprintf(text, sizeof text, ".byte    0x%02x", code[0]);
		}
		for (size_t k = 0; k < len; k++) {
			if (k && k % 8 == 0)
				fprintf(t->out, "\n0x%08" PRIx64 ": ", addr + k);
			fprintf(t->out, " %02x", code[k]);
			if (k == 7 || k == len - 1) {
				if (k < 8)
					fprintf(t->out, "%*s  %s", (int)(3 * (7 - k)), "", text);
			}
		}
		fputc('\n', t->out);
		addr += len;
	}
	disas_close(d);
}

static void dump(struct task *t, const struct hmp_args *a, bool physical)
{
	uint64_t addr = (uint64_t)arg_int(a, "addr", 0), left;
	unsigned count = (unsigned)arg_int(a, "count", 1), line, step;
	char format = (char)arg_int(a, "format", 'x');
	int size = (int)arg_int(a, "size", 4);
	unsigned char data[16];

	if (format == 'i') {
		dump_code(t, physical, addr, count, size);
		return;
	}
	line = size == 1 ? 8 : 16;
	step = format == 'c' ? 1 : (unsigned)size;
	for (left = (uint64_t)count * (unsigned)size; left;) {
		unsigned n = left < line ? (unsigned)left : line;
		fprintf(t->out, "%016" PRIx64 ":", addr);
		if (fetch(t, physical, addr, data, n) < 0) {
			fprintf(t->out, " Cannot access memory\n");
			break;
		}
		for (unsigned i = 0; i + step <= n; i += step) {
			uint64_t v = 0;
			for (unsigned k = step; k--;)
				v = v << 8 | data[i + k];
			print_item(t->out, format, step, v);
		}
		fputc('\n', t->out);
		addr += n;
		left -= n;
		/* Someone asked for far more than a person reads. */
		if (ftell(t->out) > 64 << 20) {
			fprintf(t->out, "(no more than 64 MiB of text)\n");
			break;
		}
	}
}

static void x(struct task *t, const struct hmp_args *a)
{
	dump(t, a, false);
}

static void xp(struct task *t, const struct hmp_args *a)
{
	dump(t, a, true);
}

static void print(struct task *t, const struct hmp_args *a)
{
	long long v = arg_int(a, "val", 0);

	switch ((char)arg_int(a, "format", 'x')) {
	case 'o': fprintf(t->out, "%#llo", v); break;
	case 'x': fprintf(t->out, "%#llx", v); break;
	case 'u': fprintf(t->out, "%llu", v); break;
	case 'c': print_char(t->out, (int)v); break;
	default: fprintf(t->out, "%lld", v); break;
	}
	fputc('\n', t->out);
}

static void sum(struct task *t, const struct hmp_args *a)
{
	uint64_t addr = (uint64_t)arg_int(a, "start", 0), left = (uint64_t)arg_int(a, "size", 0);
	unsigned char data[CHUNK];
	uint16_t s = 0;

	while (left) {
		size_t n = left < CHUNK ? (size_t)left : CHUNK;
		if (fetch(t, true, addr, data, n) < 0) {
			fprintf(t->out, "Cannot access memory at 0x%" PRIx64 "\n", addr);
			t->failed = true;
			return;
		}
		for (size_t i = 0; i < n; i++)
			s = (uint16_t)((s >> 1 | s << 15) + data[i]); /* BSD's sum */
		addr += n;
		left -= n;
	}
	fprintf(t->out, "%05d\n", s);
}

/* ---- addresses ---- */

static void gva2gpa(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	json_t *r = part_call(t, PART_CPU, NULL, "x-translate",
			      json_pack("{s:I, s:i}", "addr", (json_int_t)arg_int(a, "addr", 0), "cpu-index", (int)t->context->cpu), &e);

	if (!r)
		complain(t, &e);
	else if (!json_object_get(r, "physical"))
		fprintf(t->out, "Unmapped\n");
	else
		fprintf(t->out, "gpa: %#llx\n", (unsigned long long)int_of(r, "physical"));
	json_decref(r);
}

/* emu-cpu may open nothing; who may see page frames may look into its page map from here (proc(5), pagemap). */
static int page_frame(int pid, uint64_t *addr, struct err *e)
{
	uint64_t entry = 0;
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "Cannot open %s", path);
	if (pread(fd, &entry, sizeof entry, (off_t)(*addr / 4096 * 8)) != (ssize_t)sizeof entry)
		err_set(e, EIO, "Cannot read %s", path);
	else if (!(entry >> 63))
		err_set(e, EFAULT, "Page not present");
	else if (!(entry & ((1ull << 55) - 1)))
		err_set(e, EPERM, "the kernel shows no page frames without CAP_SYS_ADMIN");
	else
		*addr = (entry & ((1ull << 55) - 1)) * 4096 + (*addr & 4095);
	close(fd);
	return e->code ? -e->code : 0;
}

static void host_address(struct task *t, const struct hmp_args *a, bool physical)
{
	unsigned long long addr = (unsigned long long)arg_int(a, "addr", 0);
	struct err e = ERR_INIT;
	json_t *r = part_call(t, PART_CPU, NULL, "x-host-address", json_pack("{s:I}", "addr", (json_int_t)addr), &e);
	uint64_t at = (uint64_t)int_of(r, "address");

	if (!r || (physical && page_frame((int)int_of(r, "pid"), &at, &e) < 0))
		complain(t, &e);
	else
		fprintf(t->out, "Host %s address for 0x%llx (%s) is 0x%" PRIx64 "\n", physical ? "physical" : "virtual", addr, text_of(r, "region"), at);
	json_decref(r);
}

static void gpa2hva(struct task *t, const struct hmp_args *a)
{
	host_address(t, a, false);
}

static void gpa2hpa(struct task *t, const struct hmp_args *a)
{
	host_address(t, a, true);
}

static void save(struct task *t, const struct hmp_args *a, const char *command)
{
	json_t *args = json_pack("{s:I, s:I, s:s}", "val", (json_int_t)arg_int(a, "val", 0), "size", (json_int_t)arg_int(a, "size", 0), "filename",
				 arg_str(a, "filename"));

	if (!args) {
		struct err e = ERR_INIT;
		err_set(&e, EINVAL, "a file's name is UTF-8");
		hmp_error(t, &e);
		return;
	}
	if (*command == 'm')
		json_object_set_new(args, "cpu-index", json_integer((json_int_t)t->context->cpu));
	hmp_call(t, command, args, NULL);
}

static void memsave(struct task *t, const struct hmp_args *a)
{
	save(t, a, "memsave");
}

static void pmemsave(struct task *t, const struct hmp_args *a)
{
	save(t, a, "pmemsave");
}

/* ---- ports ---- */

static unsigned port_size(const struct hmp_args *a, char *letter)
{
	int size = (int)arg_int(a, "size", 1);

	*letter = size == 2 ? 'w' : size == 4 ? 'l' : 'b';
	return *letter == 'b' ? 1 : (unsigned)size;
}

static void in(struct task *t, const struct hmp_args *a)
{
	unsigned port = (unsigned)arg_int(a, "addr", 0) & 0xffff, size;
	struct err e = ERR_INIT;
	char letter;
	json_t *r;

	size = port_size(a, &letter);
	if (arg_has(a, "index")) {
		r = part_call(t, PART_CPU, NULL, "x-port-write",
			      json_pack("{s:i, s:i, s:I}", "port", (int)port, "size", 1, "value", (json_int_t)(arg_int(a, "index", 0) & 0xff)), &e);
		if (!r) {
			hmp_error(t, &e);
			return;
		}
		json_decref(r);
		port = (port + 1) & 0xffff;
	}
	r = part_call(t, PART_CPU, NULL, "x-port-read", json_pack("{s:i, s:i}", "port", (int)port, "size", (int)size), &e);
	if (r)
		fprintf(t->out, "port%c[0x%04x] = 0x%0*llx\n", letter, port, (int)arg_int(a, "size", 1) * 2, (unsigned long long)int_of(r, "value"));
	else
		hmp_error(t, &e);
	json_decref(r);
}

static void out(struct task *t, const struct hmp_args *a)
{
	struct err e = ERR_INIT;
	char letter;
	unsigned size = port_size(a, &letter);
	json_t *r = part_call(t, PART_CPU, NULL, "x-port-write",
			      json_pack("{s:i, s:i, s:I}", "port", (int)(arg_int(a, "addr", 0) & 0xffff), "size", (int)size, "value",
					(json_int_t)arg_int(a, "val", 0)), &e);

	if (!r)
		hmp_error(t, &e);
	json_decref(r);
}

const struct hmp_row hmp_memory_rows[] = {
	{.name = "x", .args = "fmt:/,addr:l", .params = "/fmt addr", .help = "show virtual memory from 'addr' on", .run = x},
	{.name = "xp", .args = "fmt:/,addr:l", .params = "/fmt addr", .help = "show physical memory from 'addr' on", .run = xp},
	{.name = "print|p", .args = "fmt:/,val:l", .params = "/fmt expr", .help = "show an expression's value ($reg is a processor's register)",
	 .run = print},
	{.name = "sum", .args = "start:l,size:l", .params = "addr size", .help = "show a checksum of physical memory", .run = sum},
	{.name = "gva2gpa", .args = "addr:l", .params = "addr", .help = "show which physical address a virtual one leads to", .run = gva2gpa},
	{.name = "gpa2hva", .args = "addr:l", .params = "addr", .help = "show where a physical address is in emu-cpu's memory", .run = gpa2hva},
	{.name = "gpa2hpa", .args = "addr:l", .params = "addr", .help = "show where a physical address is in the host's memory", .run = gpa2hpa},
	{.name = "memsave", .args = "val:l,size:i,filename:s", .params = "addr size file", .help = "write virtual memory to a file", .run = memsave},
	{.name = "pmemsave", .args = "val:l,size:l,filename:s", .params = "addr size file", .help = "write physical memory to a file", .run = pmemsave},
	{.name = "i", .args = "fmt:/,addr:i,index:.", .params = "/fmt addr", .help = "read a port", .run = in},
	{.name = "o", .args = "fmt:/,addr:i,val:i", .params = "/fmt addr value", .help = "write a port", .run = out},
	{0}};
