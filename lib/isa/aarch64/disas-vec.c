/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Vector and floating-point operands of the disassembler. */
#include <stdio.h>
#include <string.h>
#include "isa/aarch64/disas.h"
#include "isa/aarch64/translate-vec.h"

static unsigned field_of(char c, uint32_t i)
{
	return c == 'd' ? RD(i) : c == 'n' ? RN(i) : c == 'm' ? RM(i) : c == 'a' ? RA(i) : RT(i);
}

/* Arrangement of elements of 1 << log2 bytes in 8 or 16 bytes. */
static int arranged(char *to, size_t size, unsigned reg, unsigned log2, unsigned q)
{
	return snprintf(to, size, "v%u.%u%c", reg, (q ? 16u : 8u) >> (log2 & 3), "bhsd"[log2 & 3]);
}

static unsigned immh_size(uint32_t i)
{
	unsigned immh = a64_field(i, 19, 4);
	return immh ? 31u - (unsigned)__builtin_clz(immh) : 0;
}

static int element(char *to, size_t size, uint32_t i, unsigned log2)
{
	unsigned h = i >> 11 & 1, l = i >> 21 & 1, m = i >> 20 & 1, rm = RM(i);
	unsigned n = log2 == 1 ? h << 2 | l << 1 | m : log2 == 2 ? h << 1 | l : h;
	return snprintf(to, size, "v%u.%c[%u]", log2 == 1 ? rm & 15 : rm, "bhsd"[log2 & 3], n);
}

static int vector(char *to, size_t size, const char *k, uint32_t i)
{
	unsigned reg = field_of(k[1], i), q = i >> 30 & 1, log2 = a64_field(i, 22, 2), imm5 = a64_field(i, 16, 5);
	unsigned low = imm5 & 15 ? (unsigned)__builtin_ctz(imm5) : 0, f = 2 + (log2 & 1);
	const char *s = k + 2;
	static const struct { char name[5]; int8_t log2, q; } fixed[] = { /* -1: by q; log2 fixed */
		{"B", 0, -1}, {"S", 2, -1}, {"H", 1, -1}, {"4S", 2, 1}, {"2D", 3, 1}, {"16", 0, 1}, {"T128", 3, 1},
	};

	for (unsigned r = 0; r < sizeof fixed / sizeof fixed[0]; r++)
		if (!strcmp(s, fixed[r].name))
			return arranged(to, size, reg, (unsigned)fixed[r].log2, fixed[r].q < 0 ? q : 1);
	if (!strcmp(s, "T")) return arranged(to, size, reg, log2, q);
	if (!strcmp(s, "F")) return arranged(to, size, reg, f, q);
	if (!strcmp(s, "P")) return arranged(to, size, reg, log2 + 1, q);
	if (!strcmp(s, "W")) return arranged(to, size, reg, log2 + 1, 1);
	if (!strcmp(s, "FW")) return arranged(to, size, reg, f, 1);
	if (!strcmp(s, "FN")) return arranged(to, size, reg, f - 1, q);
	if (!strcmp(s, "I")) return arranged(to, size, reg, immh_size(i), q);
	if (!strcmp(s, "IW")) return arranged(to, size, reg, immh_size(i) + 1, 1);
	if (!strcmp(s, "5")) return arranged(to, size, reg, low, q);
	if (!strcmp(s, "Q")) return snprintf(to, size, "v%u.1q", reg);
	if (!strcmp(s, "Hh")) return snprintf(to, size, "v%u.%uh", reg, q ? 4 : 2);
	if (!strcmp(s, "Fp")) return snprintf(to, size, "v%u.2%c", reg, "sd"[log2 & 1]);
	if (!strcmp(s, "Hp")) return snprintf(to, size, "v%u.2h", reg);
	if (!strcmp(s, "D1")) return snprintf(to, size, "v%u.d[1]", reg);
	if (!strcmp(s, "Si")) return snprintf(to, size, "v%u.s[%u]", reg, a64_field(i, 12, 2));
	if (!strcmp(s, "E")) return element(to, size, i, log2);
	if (!strcmp(s, "EF")) return element(to, size, i, f);
	if (!strcmp(s, "EH")) return element(to, size, i, 1);
	if (!strcmp(s, "EC")) return snprintf(to, size, "v%u.%c[%u]", reg, "bhsd"[log2], log2 == 1 ? (i >> 11 & 1) << 1 | (i >> 21 & 1) : i >> 11 & 1);
	if (!strcmp(s, "E4B")) return snprintf(to, size, "v%u.4b[%u]", reg, (i >> 11 & 1) << 1 | (i >> 21 & 1));
	if (!strcmp(s, "E5")) return snprintf(to, size, "v%u.%c[%u]", reg, "bhsd"[low & 3], imm5 >> (low + 1));
	if (!strcmp(s, "E5b")) return snprintf(to, size, "v%u.%c[%u]", reg, "bhsd"[low & 3], a64_field(i, 11, 4) >> low);
	return -1;
}

static int list(char *to, size_t size, unsigned first, unsigned n, const char *how)
{
	size_t at = (size_t)snprintf(to, size, "{");
	for (unsigned k = 0; k < n && at < size; k++)
		at += (size_t)snprintf(to + at, size - at, "%sv%u.%s", k ? ", " : "", (first + k) & 31, how);
	return at < size ? (int)at + snprintf(to + at, size - at, "}") : (int)size;
}

static int scalar(char *to, size_t size, const char *k, uint32_t i)
{
	static const char by_type[] = "sd?h", by_size[] = "bhsd";
	unsigned log2 = a64_field(i, 22, 2);

	if (k[0] == 'F' && k[1] == 'S') return snprintf(to, size, "%c%u", "sd"[log2 & 1], field_of(k[2], i));
	if (!strcmp(k, "FdO")) return snprintf(to, size, "%c%u", by_type[a64_field(i, 15, 2)], RD(i));
	if (k[0] == 'F') return snprintf(to, size, "%c%u", by_type[log2], field_of(k[1], i));
	if (k[0] == 'H' || k[0] == 'Q') return snprintf(to, size, "%c%u", k[0] + 32, field_of(k[1], i));
	if (!strcmp(k, "Ss")) return snprintf(to, size, "s%u", RD(i));
	if (!strcmp(k, "Sdn")) return snprintf(to, size, "d%u", RN(i));
	if (!strcmp(k, "S5d")) return snprintf(to, size, "%c%u", by_size[__builtin_ctz(a64_field(i, 16, 5) | 8)], RD(i));
	if (!strncmp(k, "S_", 2)) return snprintf(to, size, "s%u", field_of(k[2], i));
	if (!strncmp(k, "SIW", 3)) return snprintf(to, size, "%c%u", by_size[(immh_size(i) + 1) & 3], field_of(k[3], i));
	if (!strncmp(k, "SI", 2)) return snprintf(to, size, "%c%u", by_size[immh_size(i) & 3], field_of(k[2], i));
	if (!strncmp(k, "SW", 2)) return snprintf(to, size, "%c%u", by_size[(log2 + 1) & 3], field_of(k[2], i));
	return snprintf(to, size, "%c%u", by_size[log2], field_of(k[1], i));
}

bool a64_vector_text(const char *k, uint32_t i, char *to, size_t size)
{
	unsigned q = i >> 30 & 1, z = a64_field(i, 10, 2), imm5 = a64_field(i, 16, 5);
	char how[16];

	if (k[0] == 'V')
		return vector(to, size, k, i) > 0;
	if (strchr("FSHQ", k[0]) && k[0])
		return scalar(to, size, k, i) > 0;
	if (!strcmp(k, "Rn5") || !strcmp(k, "Rd30")) {
		unsigned n = k[1] == 'n' ? RN(i) : RD(i);
		bool wide = k[1] == 'n' ? imm5 & 8 && !(imm5 & 7) : q;
		snprintf(to, size, n == 31 ? "%czr" : "%c%u", wide ? 'x' : 'w', n);
	} else if (!strncmp(k, "vlist", 5) || !strncmp(k, "rlist", 5)) {
		snprintf(how, sizeof how, "%u%c", (q ? 16u : 8u) >> z, "bhsd"[z]);
		list(to, size, RT(i), (unsigned)(k[5] - '0'), how);
	} else if (!strncmp(k, "slist", 5)) {
		unsigned class = a64_field(i, 14, 2), s = i >> 12 & 1, at = class == 0 ? q << 3 | s << 2 | z : class == 1 ? q << 2 | s << 1 | z >> 1 : z & 1 ? q : q << 1 | s;
		size_t n;
		list(to, size, RT(i), (unsigned)(k[5] - '0'), class == 0 ? "b" : class == 1 ? "h" : z & 1 ? "d" : "s");
		n = strlen(to);
		snprintf(to + n, size - n, "[%u]", at);
	} else if (!strcmp(k, "tbl")) {
		list(to, size, RN(i), a64_field(i, 13, 2) + 1, "16b");
	} else if (!strcmp(k, "fbits")) {
		snprintf(to, size, "#%u", 64 - a64_field(i, 10, 6));
	} else if (!strcmp(k, "shl")) {
		snprintf(to, size, "#%u", a64_field(i, 16, 7) - (8u << immh_size(i)));
	} else if (!strcmp(k, "shr")) {
		snprintf(to, size, "#%u", (16u << immh_size(i)) - a64_field(i, 16, 7));
	} else if (!strcmp(k, "shll")) {
		snprintf(to, size, "#%u", 8u << a64_field(i, 22, 2));
	} else if (!strcmp(k, "ext")) {
		snprintf(to, size, "#%u", a64_field(i, 11, 4));
	} else if (!strncmp(k, "rot", 3)) {
		snprintf(to, size, "#%u", !strcmp(k, "rot1") ? i >> 12 & 1 ? 270u : 90u : 90 * a64_field(i, k[4] ? 13 : 11, 2));
	} else if (!strncmp(k, "fpimm", 5)) {
		unsigned imm8 = k[5] ? a64_field(i, 16, 3) << 5 | a64_field(i, 5, 5) : a64_field(i, 13, 8);
		uint64_t bits = a64_fp_imm(imm8, 3);
		double d;
		memcpy(&d, &bits, 8);
		snprintf(to, size, "#%.18e", d);
	} else if (!strcmp(k, "modimm")) {
		snprintf(to, size, "v%u, #0x%x, cmode %u", RD(i), a64_field(i, 16, 3) << 5 | a64_field(i, 5, 5), a64_field(i, 12, 4));
	} else {
		return false;
	}
	return true;
}
