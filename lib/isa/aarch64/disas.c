/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See disas.h. An operand's name in a row is a row of the table here. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "isa/aarch64/disas.h"
#include "isa/aarch64/rows.h"
#include "isa/aarch64/translate.h"

struct out {
	char *at;
	size_t left;
	uint64_t pc;
	const char *name;
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

static void reg(struct out *o, bool wide, unsigned n, bool sp)
{
	if (n == 31)
		put(o, sp ? wide ? "sp" : "wsp" : wide ? "xzr" : "wzr");
	else
		put(o, "%c%u", wide ? 'x' : 'w', n);
}

static const char conditions[16][3] = {"eq", "ne", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "al", "nv"};

static void immediate(struct out *o, const char *k, uint32_t i)
{
	uint64_t mask;

	if (!strcmp(k, "i12"))
		put(o, "#0x%x%s", a64_field(i, 10, 12), i >> 22 & 1 ? ", lsl #12" : "");
	else if (!strcmp(k, "bitmask"))
		put(o, "#0x%llx", a64_bit_mask(i >> 22 & 1, a64_field(i, 10, 6), a64_field(i, 16, 6), i >> 31, &mask) ? (unsigned long long)mask : 0);
	else if (!strcmp(k, "mov16") && a64_field(i, 21, 2))
		put(o, "#0x%x, lsl #%u", a64_field(i, 5, 16), a64_field(i, 21, 2) * 16);
	else if (!strcmp(k, "mov16") || !strcmp(k, "imm16"))
		put(o, "#0x%x", a64_field(i, 5, 16));
	else if (!strcmp(k, "immr"))
		put(o, "#%u", a64_field(i, 16, 6));
	else if (!strcmp(k, "imms"))
		put(o, "#%u", a64_field(i, 10, 6));
	else if (!strcmp(k, "imm5"))
		put(o, "#0x%x", a64_field(i, 16, 5));
	else if (!strcmp(k, "imm1"))
		put(o, "#0x%x", a64_field(i, 8, 1));
	else if (!strcmp(k, "nzcv") || !strcmp(k, "mask4"))
		put(o, "#0x%x", a64_field(i, 0, 4));
	else if (!strcmp(k, "rmif"))
		put(o, "#%u", a64_field(i, 15, 6));
	else if (!strcmp(k, "hint"))
		put(o, "#0x%x", a64_field(i, 5, 7));
	else if (!strcmp(k, "barrier") || !strcmp(k, "barrier4")) {
		static const char names[16][6] = {"#0x0", "oshld", "oshst", "osh", "#0x4", "nshld", "nshst", "nsh",
						  "#0x8", "ishld", "ishst", "ish", "#0xc", "ld", "st", "sy"};
		if (strcmp(k, "barrier4"))
			put(o, "%s", names[a64_field(i, 8, 4)]);
		else if (a64_field(i, 8, 4) != 15)
			put(o, "#0x%x", a64_field(i, 8, 4));
	} else if (!strcmp(k, "cond"))
		put(o, "%s", conditions[a64_field(i, 12, 4)]);
	else if (!strcmp(k, "adr"))
		put(o, "%llx", (unsigned long long)(o->pc + ((uint64_t)a64_sfield(i, 5, 19) << 2 | a64_field(i, 29, 2))));
	else if (!strcmp(k, "adrp"))
		put(o, "%llx", (unsigned long long)((o->pc & ~4095ull) + (((uint64_t)a64_sfield(i, 5, 19) << 2 | a64_field(i, 29, 2)) << 12)));
	else if (!strcmp(k, "label19"))
		put(o, "%llx", (unsigned long long)(o->pc + (uint64_t)a64_sfield(i, 5, 19) * 4));
	else if (!strcmp(k, "label26"))
		put(o, "%llx", (unsigned long long)(o->pc + (uint64_t)a64_sfield(i, 0, 26) * 4));
	else if (!strcmp(k, "label14"))
		put(o, "%llx", (unsigned long long)(o->pc + (uint64_t)a64_sfield(i, 5, 14) * 4));
	else if (!strcmp(k, "tbit")) {
		reg(o, i >> 31, RT(i), false);
		put(o, ", #%u", (i >> 31) << 5 | a64_field(i, 19, 5));
	} else if (!strcmp(k, "prfop")) {
		unsigned p = RT(i);
		static const char type[3][4] = {"pld", "pli", "pst"};
		if (p >> 3 < 3 && (p >> 1 & 3) < 3)
			put(o, "%sl%u%s", type[p >> 3], (p >> 1 & 3) + 1, p & 1 ? "strm" : "keep");
		else
			put(o, "#0x%02x", p);
	} else
		put(o, "%s", strcmp(k, "nzcv_reg") ? k : "nzcv"); /* a word of the instruction itself */
}

static void shifted(struct out *o, uint32_t i)
{
	static const char how[4][4] = {"lsl", "lsr", "asr", "ror"};
	unsigned type = a64_field(i, 22, 2), n = a64_field(i, 10, 6);

	reg(o, i >> 31, RM(i), false);
	if (type || n)
		put(o, ", %s #%u", how[type], n);
}

static const char extends[8][5] = {"uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx"};

static void extended(struct out *o, uint32_t i)
{
	unsigned option = a64_field(i, 13, 3), n = a64_field(i, 10, 3);
	bool sp = (!(i >> 29 & 1) && RD(i) == 31) || RN(i) == 31, lsl = sp && option == (i >> 31 ? 3u : 2u);

	reg(o, i >> 31 && (option & 3) == 3, RM(i), false);
	if (lsl && n)
		put(o, ", lsl #%u", n);
	else if (!lsl)
		put(o, n ? ", %s #%u" : ", %s", extends[option], n);
}

/* Bytes of a structure access; kind: v several elements, s one, r one to all lanes. */
static unsigned transferred(uint32_t i, char kind)
{
	static const uint8_t registers[16] = {4, 0, 4, 0, 3, 0, 3, 1, 2, 0, 2};
	unsigned structure = ((i >> 13 & 1) << 1 | (i >> 21 & 1)) + 1, class = a64_field(i, 14, 2), z = a64_field(i, 10, 2);

	if (kind == 'v')
		return registers[a64_field(i, 12, 4)] * (i >> 30 & 1 ? 16u : 8u);
	return structure << (kind == 'r' ? z : class < 2 ? class : z & 1 ? 3 : 2);
}

static void memory(struct out *o, const char *k, uint32_t i)
{
	unsigned log2 = i >> 30, n = RN(i);
	long imm = (long)a64_sfield(i, 12, 9);

	if (*k && k[strlen(k) - 1] == 'f' && strncmp(k, "mem_pair", 8) && i >> 23 & 1)
		log2 = 4;
	put(o, "[");
	reg(o, true, n, true);
	if (!strcmp(k, "mem_s9")) {
		put(o, imm ? ", #%ld]" : "]", imm);
	} else if (!strcmp(k, "mem_post")) {
		put(o, "], #%ld", imm);
	} else if (!strcmp(k, "mem_pre")) {
		put(o, ", #%ld]!", imm);
	} else if (!strncmp(k, "mem_u12", 7)) {
		unsigned u = a64_field(i, 10, 12) << log2;
		put(o, u ? ", #%u]" : "]", u);
	} else if (!strncmp(k, "mem_reg", 7)) {
		unsigned option = a64_field(i, 13, 3);
		put(o, ", ");
		reg(o, option & 1, RM(i), false);
		if (option != 3)
			put(o, i >> 12 & 1 ? ", %s #%u]" : ", %s]", extends[option], log2);
		else
			put(o, i >> 12 & 1 ? ", lsl #%u]" : "]", log2);
	} else if (!strncmp(k, "mem_pair", 8)) {
		unsigned form = a64_field(i, 23, 2);
		log2 = !k[8] ? i >> 31 ? 3 : 2 : k[8] == '4' ? 2 : (i >> 30) + 2;
		imm = (long)a64_sfield(i, 15, 7) * (1 << log2);
		put(o, form == 1 ? "], #%ld" : form == 3 ? ", #%ld]!" : imm ? ", #%ld]" : "]", imm);
	} else if (!strncmp(k, "mem_pac", 7)) {
		imm = (long)((int64_t)((uint64_t)(a64_field(i, 12, 9) | (i >> 22 & 1) << 9) << 54) >> 51);
		put(o, k[7] ? ", #%ld]!" : imm ? ", #%ld]" : "]", imm);
	} else if (!strcmp(k, "mem_vpost") || !strcmp(k, "mem_spost") || !strcmp(k, "mem_rpost")) {
		if (RM(i) != 31)
			put(o, "], x%u", RM(i));
		else
			put(o, "], #%u", transferred(i, k[4]));
	} else {
		put(o, "]");
	}
}

static bool general(struct out *o, const char *k, uint32_t i)
{
	static const struct {
		char name[6];
		uint8_t at, width; /* width: 0 w, 1 x, 2 by bit 31, 3 by bit 30, 4 x when bits 31..30 are 3 */
		bool sp;
	} rows[] = {
		{"Rd", 0, 2, false}, {"Rn", 5, 2, false}, {"Rm", 16, 2, false}, {"Ra", 10, 2, false}, {"RdS", 0, 2, true},
		{"RnS", 5, 2, true}, {"Xd", 0, 1, false}, {"Xn", 5, 1, false}, {"Xm", 16, 1, false}, {"Xa", 10, 1, false},
		{"XdS", 0, 1, true}, {"XnS", 5, 1, true}, {"XmS", 16, 1, true}, {"Wd", 0, 0, false}, {"Wn", 5, 0, false},
		{"Wm", 16, 0, false}, {"Ws", 16, 0, false}, {"Xt", 0, 1, false}, {"Wt", 0, 0, false}, {"Xt2", 10, 1, false},
		{"Rt31", 0, 2, false}, {"Rt2", 10, 2, false}, {"Rt30", 0, 3, false}, {"Rt2x", 10, 3, false},
		{"RtZ", 0, 4, false}, {"RsZ", 16, 4, false}, {"Rs30", 16, 3, false},
	};

	for (unsigned r = 0; r < sizeof rows / sizeof rows[0]; r++)
		if (!strcmp(rows[r].name, k)) {
			unsigned w = rows[r].width;
			bool wide = w < 2 ? w : w == 2 ? i >> 31 : w == 3 ? i >> 30 & 1 : i >> 30 == 3;
			reg(o, wide, a64_field(i, rows[r].at, 5), rows[r].sp);
			return true;
		}
	if (!strcmp(k, "Rs30n") || !strcmp(k, "Rt30n"))
		reg(o, i >> 30 & 1, a64_field(i, k[1] == 's' ? 16 : 0, 5) + 1, false);
	else if (!strcmp(k, "RtL")) /* of a load or store: by size and opc */
		reg(o, a64_field(i, 22, 2) == 2 || (i >> 30 == 3), RT(i), false);
	else if (!strcmp(k, "RmSh"))
		shifted(o, i);
	else if (!strcmp(k, "RmEx"))
		extended(o, i);
	else if (k[0] == 'F' && k[1] == 't') { /* FtL FtP FtP2 FtS */
		unsigned log2 = k[2] != 'S' ? (i >> 30) + 2 : i >> 23 & 1 ? 4 : i >> 30;
		put(o, "%c%u", "bhsdq"[log2 < 5 ? log2 : 4], k[3] == '2' ? RA(i) : RT(i));
	} else {
		return false;
	}
	return true;
}

/* The mnemonics that depend on fields. */
static void mnemonic(struct out *o, const char *name, uint32_t i)
{
	static const char size[4][2] = {"b", "h", "", ""};
	static const char sign[4][3] = {"sb", "sh", "sw", ""};
	unsigned z = i >> 30, opc = a64_field(i, 22, 2);
	const char *order = "";

	if (*name != '@') {
		size_t n = strlen(name);
		if (n && name[n - 1] == '+') /* the second half */
			put(o, i >> 30 & 1 ? "%.*s2" : "%.*s", (int)n - 1, name);
		else
			put(o, "%s", name);
		return;
	}
	name++;
	if (!strcmp(name, "ldst") || !strcmp(name, "ldur") || !strcmp(name, "ldtr")) {
		const char *u = name[2] == 's' ? "r" : name[2] == 'u' ? "ur" : "tr";
		put(o, "%s%s%s", opc ? "ld" : "st", u, opc > 1 ? sign[z] : size[z]);
	} else if (!strcmp(name, "ldstf") || !strcmp(name, "ldurf")) {
		put(o, "%s%s", opc & 1 ? "ld" : "st", name[2] == 's' ? "r" : "ur");
	} else if (!strcmp(name, "stp") || !strcmp(name, "ldp")) {
		put(o, a64_field(i, 23, 2) ? "%s" : "%.2snp", name);
	} else if (!strcmp(name, "ldapurs")) {
		put(o, "ldapur%s", sign[z]);
	} else if (strstr(name, "xr") || strstr(name, "lr") || strstr(name, "ar") || !strcmp(name, "stlur") || !strcmp(name, "ldapur") ||
		   !strcmp(name, "ldapr")) {
		put(o, "%s%s", name, size[z]);
	} else { /* atomics: acquire, release, size */
		bool cas = !strncmp(name, "cas", 3), a = cas ? i >> 22 & 1 : i >> 23 & 1, l = cas ? i >> 15 & 1 : i >> 22 & 1;
		order = a && l ? "al" : a ? "a" : l ? "l" : "";
		put(o, "%s%s%s", name, order, !strcmp(name, "casp") ? "" : size[z]);
	}
}

void a64_disassemble(uint32_t i, uint64_t pc, char *buf, size_t size)
{
	struct out o = {buf, size, pc, NULL};
	const char *name, *operands;
	char word[16];
	int row = a64_decode(i);

	if (!size)
		return;
	*buf = 0;
	if (row < 0) {
		put(&o, ".inst 0x%08x ; undefined", i);
		return;
	}
	a64_row_text((unsigned)row, &name, &operands);
	mnemonic(&o, name, i);
	if (!strcmp(name, "b."))
		put(&o, "%s", conditions[i & 15]);
	for (bool first = true; *operands; first = false) {
		size_t n = strcspn(operands, ",");
		snprintf(word, sizeof word, "%.*s", (int)n, operands);
		operands += n;
		operands += strspn(operands, ", ");
		put(&o, first ? " " : ", ");
		char text[96];
		if (!strncmp(word, "mem_", 4))
			memory(&o, word, i);
		else if (general(&o, word, i))
			continue;
		else if (a64_vector_text(word, i, text, sizeof text))
			put(&o, "%s", text);
		else
			immediate(&o, word, i);
	}
}
