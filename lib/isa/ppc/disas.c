/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See disas.h. An operand's name in a row is a row of the table here. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "isa/ppc/disas.h"
#include "isa/ppc/rows.h"
#include "isa/ppc/translate.h"

struct out {
	char *at;
	size_t left;
	uint64_t pc;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	int n = vsnprintf(o->at, o->left, format, ap);
	va_end(ap);
	if (n > 0) {
		size_t k = (size_t)n < o->left ? (size_t)n : o->left - 1;
		o->at += k;
		o->left -= k;
	}
}

/* A number at bits at .. at + width - 1, behind a prefix. */
static const struct {
	char name[6], prefix[4];
	uint8_t at, width;
} fields[] = {
	{"RT", "r", 6, 5}, {"RS", "r", 6, 5}, {"RA", "r", 11, 5}, {"RB", "r", 16, 5}, {"RC", "r", 21, 5}, {"FRT", "f", 6, 5}, {"FRA", "f", 11, 5},
	{"FRB", "f", 16, 5}, {"FRC", "f", 21, 5}, {"VRT", "v", 6, 5}, {"VRA", "v", 11, 5}, {"VRB", "v", 16, 5}, {"VRC", "v", 21, 5},
	{"BF", "cr", 6, 3}, {"BFA", "cr", 11, 3}, {"L", "", 10, 1}, {"BO", "", 6, 5}, {"BI", "", 11, 5}, {"BH", "", 19, 2}, {"BT", "", 6, 5},
	{"BA", "", 11, 5}, {"BB", "", 16, 5}, {"BC", "", 21, 5}, {"TO", "", 6, 5}, {"SH", "", 16, 5}, {"MB", "", 21, 5}, {"ME", "", 26, 5},
	{"NB", "", 16, 5}, {"UI", "", 16, 16}, {"UIM", "", 11, 5}, {"UIM2", "", 14, 2}, {"SHB", "", 22, 4}, {"ST", "", 16, 1}, {"SIX", "", 17, 4},
	{"PS", "", 22, 1}, {"DM", "", 22, 2}, {"IMM8", "", 13, 8}, {"DCMX", "", 9, 7}, {"FXM", "", 12, 8}, {"CY", "", 21, 2}, {"L2", "", 14, 2},
	{"SYNC", "", 9, 2}, {"TH", "", 6, 5}, {"CT", "", 7, 4}, {"STRM", "", 9, 2}, {"U", "", 16, 4}, {"W", "", 15, 1}, {"FLM", "", 7, 8},
	{"L15", "", 6, 1}, {"DRM", "", 18, 3}, {"RM", "", 19, 2}, {"DCM", "", 16, 6}, {"UIM6", "", 10, 6}, {"RMC", "", 21, 2},
	{"R", "", 15, 1}, {"SP", "", 11, 2}, {"S", "", 11, 1}, {"SH22", "", 16, 6},
};

static void based(struct out *o, long disp, uint32_t i)
{
	put(o, RA(i) ? "%ld(r%u)" : "%ld(%u)", disp, RA(i));
}

static void operand(struct out *o, const char *k, uint32_t i)
{
	for (unsigned n = 0; n < sizeof fields / sizeof fields[0]; n++)
		if (!strcmp(fields[n].name, k)) {
			put(o, "%s%u", fields[n].prefix, ppc_field(i, fields[n].at, fields[n].width));
			return;
		}
	if (!strcmp(k, "RA0"))
		put(o, RA(i) ? "r%u" : "%u", RA(i));
	else if (!strcmp(k, "SI"))
		put(o, "%ld", (long)SI(i));
	else if (!strcmp(k, "SIM"))
		put(o, "%d", (int)(RA(i) ^ 16) - 16);
	else if (!strcmp(k, "TE"))
		put(o, "%d", (int)(RA(i) ^ 16) - 16);
	else if (!strcmp(k, "DX"))
		put(o, "%d", (int16_t)(ppc_field(i, 16, 10) << 6 | RA(i) << 1 | (i & 1)));
	else if (!strcmp(k, "D"))
		based(o, (long)SI(i), i);
	else if (!strcmp(k, "DS"))
		based(o, (int16_t)(i & 0xfffc), i);
	else if (!strcmp(k, "DQ"))
		based(o, (int16_t)(i & 0xfff0), i);
	else if (!strcmp(k, "SH6"))
		put(o, "%u", RB(i) | (i >> 1 & 1) << 5);
	else if (!strcmp(k, "MB6"))
		put(o, "%u", RC(i) | (i >> 5 & 1) << 5);
	else if (!strcmp(k, "SPR"))
		put(o, "%u", RA(i) | RB(i) << 5);
	else if (!strcmp(k, "XT") || !strcmp(k, "XS"))
		put(o, "vs%u", XT(i));
	else if (!strcmp(k, "XTQ"))
		put(o, "vs%u", RT(i) | (i >> 3 & 1) << 5);
	else if (!strcmp(k, "XA"))
		put(o, "vs%u", XA(i));
	else if (!strcmp(k, "XB"))
		put(o, "vs%u", XB(i));
	else if (!strcmp(k, "XC"))
		put(o, "vs%u", XC(i));
	else if (!strcmp(k, "DCMXV"))
		put(o, "%u", (i >> 6 & 1) << 6 | (i >> 2 & 1) << 5 | RA(i));
	else if (!strcmp(k, "LI"))
		put(o, "0x%llx", (unsigned long long)((i & 2 ? 0 : o->pc) + (uint64_t)((int64_t)((uint64_t)(i & 0x3fffffc) << 38) >> 38)));
	else if (!strcmp(k, "BD"))
		put(o, "0x%llx", (unsigned long long)((i & 2 ? 0 : o->pc) + (uint64_t)(int64_t)(int16_t)(i & 0xfffc)));
}

/* '.' and ';': a dot where Rc (bit 31, of vectors bit 21) is set; '^': an o where OE is, '`' where bit 31 is (to odd); '@': l and a where LK and AA are. */
static void mnemonic(struct out *o, const char *name, uint32_t i)
{
	bool rc_fixed = i >> 26 == 13 || i >> 26 == 28 || i >> 26 == 29 || strstr(name, "cx.") || !strncmp(name, "bcd", 3);

	if (*name == '@') {
		put(o, "%s%s%s", name + 1, i & 1 ? "l" : "", i >> 26 != 19 && i & 2 ? "a" : "");
		return;
	}
	for (; *name; name++) {
		if (*name == '^')
			put(o, "%s", i >> 10 & 1 ? "o" : "");
		else if (*name == '`')
			put(o, "%s", i & 1 ? "o" : "");
		else if (*name == '.')
			put(o, "%s", rc_fixed || i & 1 ? "." : "");
		else if (*name == ';')
			put(o, "%s", i >> 10 & 1 ? "." : "");
		else
			put(o, "%c", *name);
	}
}

void ppc_disassemble(uint32_t i, uint64_t pc, char *buf, size_t size)
{
	struct out o = {buf, size, pc};
	const char *name, *operands;
	char word[16];
	int row = ppc_decode(i);

	if (!size)
		return;
	*buf = 0;
	if (row < 0) {
		put(&o, ".long 0x%x", i);
		return;
	}
	ppc_row_text((unsigned)row, &name, &operands);
	mnemonic(&o, name, i);
	for (bool first = true; *operands; first = false) {
		size_t n = strcspn(operands, ",");
		snprintf(word, sizeof word, "%.*s", (int)n, operands);
		operands += n;
		operands += strspn(operands, ", ");
		put(&o, first ? " " : ",");
		operand(&o, word, i);
	}
}
