/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder and the disassembler against capstone: validity, length and text of systematic and random encodings in
 * 64, 32 and 16-bit mode. Numbers are compared modulo the operand's size; documented differences are below.
 */
#include "tap.h"
#ifdef HAVE_CAPSTONE
/* both headers use these names */
#define x86_insn cs_x86_insn
#define x86_prefix cs_x86_prefix
#include <capstone/capstone.h>
#undef x86_insn
#undef x86_prefix
#endif
#include "isa/x86/cpu.h"
#include "isa/x86/decode.h"
#include "isa/x86/ops.h"
#ifdef HAVE_CAPSTONE

static uint64_t state = 0x243f6a8885a308d3;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x9e3779b97f4a7c15ull;
}

/*
 * Encodings where capstone 4 is not the reference. Each has its reason:
 *  - it knows fewer or more instructions than we have (AVX-512, XOP, TBM, SSE4A, MPX, RTM, SVM, VMX, PKU, CET …);
 *  - it does not check VEX.vvvv, VEX.L, LOCK, mandatory prefixes that are reserved (SDM volume 2, "NP").
 */
enum verdict { SAME, DIFFER, SKIP };

static bool known_elsewhere(const char *name)
{
	static const char *const names[] = {
		"xabort", "xbegin", "xend", "xtest", "vmcall", "vmlaunch", "vmresume", "vmxoff", "vmread", "vmwrite", "vmptrld",
		"vmptrst", "vmclear", "vmxon", "vmfunc", "invept", "invvpid", "invpcid", "skinit", "clgi", "stgi", "vmrun",
		"vmmcall", "vmload", "vmsave", "invlpga", "extrq", "insertq", "movntss", "movntsd", "getsec", "bndmk", "bndcl",
		"bndcu", "bndcn", "bndmov", "bndstx", "bndldx", "rdpkru", "wrpkru", "encls", "enclu", "enclv", "xsaves", "xrstors",
		"ptwrite", "clzero", "monitorx", "mwaitx", "pcommit", "xstore", "xcryptecb", "xcryptcbc", "xcryptctr", "xcryptcfb",
		"xcryptofb", "xsha1", "xsha256", "montmul", "pconfig", "wbnoinvd", "incssp", "rdssp", "saveprevssp", "rstorssp",
		"wrss", "wruss", "setssbsy", "clrssbsy", "gf2p8", "vgf2p8", "movdir", "cldemote", "umonitor", "umwait", "tpause",
		"kmov", "kand", "kor", "kxor", "kxnor", "knot", "kunpck", "kshift", "ktest", "kadd", "incsspd", "incsspq", "rdsspd",
		"rdsspq", "enqcmd", "llwpcb", "slwpcb", "lwp", "blcfill", "t1mskc", "tzmsk", "blcs", "blsfill", "blci", "blcic",
		"blsic", "blcmsk", "vpcom", "vprot", "vpsha", "vpshl", "vpmac", "vpmad", "vphadd", "vphsub", "vpcmov", "vpperm",
		"vfrcz", "vpermil2", "fcomp3", "data16", "fsetpm", "fstpnce", "fdisi8087", "feni8087", "frstpm", "fcom2", "salc",
		"jmpe",
	};
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	/* FMA4: four registers */
	return !strncmp(name, "vfm", 3) && !strstr(name, "132") && !strstr(name, "213") && !strstr(name, "231");
}

static bool same_name(const char *ours, const char *theirs)
{
	static const char *const pairs[][2] = {
		{"fwait", "wait"}, {"xlat", "xlatb"}, {"pushad", "pushal"}, {"popad", "popal"}, {"pusha", "pushaw"}, {"popa", "popaw"},
		{"call", "lcall"}, {"jmp", "ljmp"}, {"mov", "movabs"}, {"shl", "sal"}, {"ud2", "ud2b"}, {"ud1", "ud2b"},
		{"retf", "retfq"}, {"pushfd", "pushfw"}, {"fnstsw", "fstsw"}, {"fcmovb", "fcmovc"}, {"fcomip", "fcompi"},
		{"fucomip", "fucompi"}, {"vpinsrd", "vpinsrq"}, {"vpextrd", "vpextrq"}, {"movd", "movq"}, {"movq", "movd"}, {"vmovq", "vmovd"}, {"vmovd", "vmovq"}, {"pcmpestri", "pcmpestriq"}, {"ret", "retn"},
		{"nop", "hint_nop"}, {"salc", "salc"}, {"cmpxchg8b", "cmpxchg16b"}, {"sysret", "sysretq"}, {"sysexit", "sysexitq"},
		{"pmulhrw", "pmulhrw"}, {"fsub", "fsubr"}, {"fsubr", "fsub"}, {"fdiv", "fdivr"}, {"fdivr", "fdiv"},
		{"fstp", "fstpnce"}, {"fxch", "fxch4"}, {"fneni", "fneni"}, {"ins", "insb"}, {"int1", "int1"}, {"repne", "repne"},
		{"repe", "rep"}, {"iretd", "iretd"}, {"jecxz", "jcxz"}, {"movsxd", "movsxd"}, {"xsave", "xsave64"},
		{"xrstor", "xrstor64"}, {"xsaveopt", "xsaveopt64"}, {"xsavec", "xsavec64"}, {"fxsave", "fxsave64"},
		{"fxrstor", "fxrstor64"}, {"wait", "fwait"}, {"pause", "pause"}, {"prefetchwt1", "prefetchwt1"}, {"xchg", "nop"},
	};
	if (!strcmp(ours, theirs))
		return true;
	for (unsigned i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
		if (!strcmp(ours, pairs[i][0]) && !strcmp(theirs, pairs[i][1]))
			return true;
	/* comparison predicates that capstone puts into the name: cmpltps, vcmpeq_uqsd */
	const char *dot = strncmp(ours, "cmp", 3) && strncmp(ours, "vcmp", 4) ? NULL : ours + strlen(ours) - 2;
	if (dot && strlen(theirs) > strlen(ours) && !strcmp(theirs + strlen(theirs) - 2, dot))
		return !strncmp(theirs, ours[0] == 'v' ? "vcmp" : "cmp", ours[0] == 'v' ? 4 : 3);
	/* vcvtpd2dqx: the size in the name */
	if (!strncmp(theirs, ours, strlen(ours)) && strlen(theirs) == strlen(ours) + 1 && strchr("xyldq", theirs[strlen(ours)]))
		return true;
	return !strncmp(ours, "pclmul", 6) || !strncmp(ours, "vpclmul", 7) ? strstr(theirs, "pcl") != NULL : false;
}

/* Text equal, numbers compared modulo 2^8, 2^16, 2^32 or 2^64. */
static bool same_text(const char *a, const char *b)
{
	while (*a && *b) {
		bool na = (*a >= '0' && *a <= '9') || *a == '-', nb = (*b >= '0' && *b <= '9') || *b == '-';
		if (na && nb && !(a[0] == '-' && a[1] == ' ' && b[1] == ' ')) {
			char *ea, *eb;
			uint64_t va = *a == '-' ? -strtoull(a + 1, &ea, 0) : strtoull(a, &ea, 0);
			uint64_t vb = *b == '-' ? -strtoull(b + 1, &eb, 0) : strtoull(b, &eb, 0);
			if (ea == a + 1 && *a == '-')
				return false;
			uint64_t d = va ^ vb;
			if (d && (d & 0xffffffff) && (d & 0xffff) && (d & 0xff))
				return false;
			a = ea;
			b = eb;
			continue;
		}
		if (*a != *b)
			return false;
		a++;
		b++;
	}
	return !*a && !*b;
}

static bool has_rex(const uint8_t *code, unsigned n)
{
	while (n--)
		if ((code[n] & 0xF0) == 0x40)
			return true;
	return false;
}

static unsigned shown;

static void show(const char *what, unsigned mode, const uint8_t *code, unsigned n, const char *ours, const cs_insn *theirs)
{
	if (shown++ >= 40)
		return;
	printf("# %s, mode %u:", what, mode);
	for (unsigned i = 0; i < n; i++)
		printf(" %02x", code[i]);
	printf("\n#   ours \"%s\", capstone \"%s %s\"\n", ours, theirs ? theirs->mnemonic : "(none)", theirs ? theirs->op_str : "");
}

/* Operand text that differs on purpose. */
static bool text_is_capstones_own(const struct x86_insn *in, const char *name)
{
	const struct x86_row *r = in->row;
	if (r->flags & X86_ROW_X87 || r->copy == X86_COPY_STRING || r->op == X86_OP_xlat || r->op == X86_OP_ins || r->op == X86_OP_outs)
		return true; /* implied st(0), es: and names of sizes are printed differently */
	if (in->mode == 64 && in->prefixes & X86_PFX_SEG)
		return true; /* it prints overrides that have no effect */
	if (r->flags & X86_ROW_NOACCESS || !strncmp(name, "nop", 3))
		return true; /* sizes of addresses that are not accessed */
	if (!strncmp(name, "cmp", 3) || !strncmp(name, "vcmp", 4) || strstr(name, "pcl"))
		return r->flags & X86_ROW_VEC;
	switch (r->op) {
	case X86_OP_callf: case X86_OP_jmpf: case X86_OP_les: case X86_OP_lds: case X86_OP_lss: case X86_OP_lfs: case X86_OP_lgs:
	case X86_OP_bound: case X86_OP_sgdt: case X86_OP_sidt: case X86_OP_lgdt: case X86_OP_lidt: case X86_OP_fxsave:
	case X86_OP_fxrstor: case X86_OP_xsave: case X86_OP_xrstor: case X86_OP_xsavec: case X86_OP_xsaveopt:
		return true; /* sizes of pairs and areas */
	case X86_OP_mov_from_seg: case X86_OP_mov_to_seg: case X86_OP_lar: case X86_OP_lsl: case X86_OP_sldt: case X86_OP_str:
	case X86_OP_smsw: case X86_OP_lldt: case X86_OP_arpl: case X86_OP_push: case X86_OP_pop: case X86_OP_movsxd:
		return true; /* capstone takes the register's size from the prefix, not from the operand */
	case X86_OP_pextrb: case X86_OP_pextrw: case X86_OP_pinsrb: case X86_OP_pinsrw: case X86_OP_movmskps:
	case X86_OP_movmskpd: case X86_OP_pmovmskb: case X86_OP_extractps: case X86_OP_movd: case X86_OP_insertps:
		return true; /* 32 or 64-bit name of a register whose upper half is cleared either way */
	case X86_OP_rdpid: case X86_OP_enter: case X86_OP_ret: case X86_OP_jcc: case X86_OP_jmp: case X86_OP_call:
		return in->mode != 64 || r->op == X86_OP_rdpid;
	case X86_OP_shl: case X86_OP_shr: case X86_OP_sar: case X86_OP_rol: case X86_OP_ror: case X86_OP_rcl: case X86_OP_rcr:
		return r->operands[1] == X86_O_One;
	case X86_OP_aad: case X86_OP_aam:
		return true; /* base 10 is not printed */
	case X86_OP_pextrd: case X86_OP_pinsrd:
		return in->mode != 64; /* VEX.W does not count */
	case X86_OP_blendvps: case X86_OP_blendvpd: case X86_OP_pblendvb: case X86_OP_sha256rnds2:
		return true; /* the implied XMM0 is not printed; bit 7 of the register immediate counts outside 64-bit mode */
	case X86_OP_in: case X86_OP_out: case X86_OP_xchg:
		return in->prefixes & X86_PFX_OPSIZE; /* with REX.W or another prefix between */
	case X86_OP_comiss: case X86_OP_comisd: case X86_OP_ucomiss: case X86_OP_ucomisd:
		return true; /* it says xmmword for the scalar's memory */
	}
	return r->flags & X86_ROW_VSIB;
}

static bool validity_is_capstones_own(const uint8_t *code, const struct x86_insn *in, const cs_insn *theirs)
{
	if (theirs && known_elsewhere(theirs->mnemonic))
		return true;
	if (in->prefixes & X86_PFX_LOCK)
		return true; /* it accepts LOCK anywhere */
	if (theirs && !in->row) {
		if (in->prefixes & (X86_PFX_REPNE | X86_PFX_REP | X86_PFX_OPSIZE) && in->map)
			return true; /* it takes a prefix that makes the opcode undefined as one without meaning */
		if (in->prefixes & X86_PFX_VEX || strstr(theirs->mnemonic, "v") == theirs->mnemonic)
			return true; /* it does not check VEX.vvvv, VEX.L, VEX.W, prefixes before VEX, nor registers of gathers */
		if (!strcmp(theirs->mnemonic, "mov") && (strstr(theirs->op_str, "cr") || strstr(theirs->op_str, "cs")))
			return true; /* it knows CR1, CR5 to CR7 and MOV to CS, which are not there */
		return !strcmp(theirs->mnemonic, "sysret") || !strcmp(theirs->mnemonic, "syscall"); /* AMD's, outside 64-bit mode */
	}
	if (!theirs && in->row) {
		switch (in->row->op) {
		case X86_OP_nop: case X86_OP_prefetch: case X86_OP_ud0: case X86_OP_ud1: case X86_OP_int1: case X86_OP_salc:
		case X86_OP_clwb: case X86_OP_clflushopt: case X86_OP_rdpid: case X86_OP_xsavec: case X86_OP_fxch:
		case X86_OP_fstp: case X86_OP_fcom: case X86_OP_fcomp: case X86_OP_ffreep: case X86_OP_fneni:
		case X86_OP_fndisi: case X86_OP_fnsetpm: case X86_OP_lfence: case X86_OP_mfence: case X86_OP_sfence:
		case X86_OP_mov_from_seg: case X86_OP_mov_to_seg: /* REX.R is ignored */
			return true; /* it lacks these or some forms of them */
		}
		return code[0] == 0x82 || code[1] == 0x82 || in->prefixes & X86_PFX_VEX; /* nor all W of 32-bit VEX */
	}
	return false;
}

static unsigned compared, lengths, validity, texts;

static void compare(csh cs, unsigned mode, const uint8_t *code, unsigned n)
{
	struct x86_insn in;
	char ours[160];
	cs_insn *theirs = NULL;
	size_t count = cs_disasm(cs, code, n, 0x1000, 1, &theirs);
	enum x86_decode_status s = x86_decode(&in, code, n, mode, NULL);
	compared++;
	if (s == X86_DECODE_OK && (in.length == 0 || in.length > n))
		lengths++;
	x86_disassemble(&in, 0x1000, ours, sizeof ours);
	if ((s == X86_DECODE_OK) != (count == 1)) {
		if (!validity_is_capstones_own(code, &in, count ? theirs : NULL)) {
			validity++;
			show("validity", mode, code, s == X86_DECODE_OK ? in.length : count ? theirs->size : 8, ours,
			     count ? theirs : NULL);
		}
	} else if (count) {
		const char *name = ours, *cname = theirs->mnemonic;
		char mine[32];
		static const char *const pfx[] = {"lock ", "rep ", "repe ", "repne ", "xacquire ", "xrelease ", "notrack ", "bnd ", "data16 "};
		for (unsigned again = 0; again < 3; again++)
			for (unsigned i = 0; i < sizeof pfx / sizeof pfx[0]; i++) {
				if (!strncmp(name, pfx[i], strlen(pfx[i])))
					name += strlen(pfx[i]);
				if (!strncmp(cname, pfx[i], strlen(pfx[i])))
					cname += strlen(pfx[i]);
			}
		snprintf(mine, sizeof mine, "%.*s", (int)strcspn(name, " "), name);
		const char *ops = name + strlen(mine) + (name[strlen(mine)] == ' ');
		bool string66 = in.prefixes & X86_PFX_OPSIZE && strchr("mcsloi", mine[0]) && in.map == 0 &&
				(in.opcode & 0xFC) != 0x88; /* the size with 66 and REX.W or F3: printed from the last prefix */
		bool late_rex = mode == 64 && has_rex(code, in.rex && !(in.prefixes & X86_PFX_VEX) ? in.rex_off : in.opcode_off);
		bool f2_66 = in.prefixes & X86_PFX_OPSIZE && in.prefixes & (X86_PFX_REP | X86_PFX_REPNE);
		bool named16 = mode == 16 && (in.opcode == 0x90 || in.opcode == 0x98 || in.opcode == 0x99);
		bool rexpause = in.row->op == X86_OP_pause && in.rex & 1; /* processors pause, capstone sees XCHG */
		bool branch66 = in.mode == 64 && in.prefixes & X86_PFX_OPSIZE && (in.row->copy == X86_COPY_BRANCH || in.row->copy == X86_COPY_INDIRECT || in.row->copy == X86_COPY_STACK);
		/* 66 before near branches: Intel ignores it, capstone follows AMD; ud1 without modrm: older manuals */
		if (known_elsewhere(cname) || rexpause || named16 || branch66 || late_rex || f2_66 || (string66 && !same_name(mine, cname)) || in.row->op == X86_OP_ud1 || in.row->op == X86_OP_ud0) {
		} else if (in.length != theirs->size) {
			lengths++;
			show("length", mode, code, in.length, ours, theirs);
		} else if (!same_name(mine, cname)) {
			texts++;
			show("mnemonic", mode, code, in.length, ours, theirs);
		} else if (!same_text(ops, theirs->op_str) && !text_is_capstones_own(&in, mine)) {
			texts++;
			show("operands", mode, code, in.length, ours, theirs);
		}
	}
	if (count)
		cs_free(theirs, count);
}

/* prefix bytes, then escape and opcode, modrm and random rest */
static unsigned make(uint8_t *p, unsigned mode, unsigned space, unsigned opcode)
{
	static const uint8_t mandatory[] = {0, 0, 0, 0x66, 0xF3, 0xF2};
	unsigned n = 0, r = rnd();
	if (space >= 5) {
		unsigned w = rnd();
		p[n++] = 0xC4;
		p[n++] = (w & 0xE0) | (space - 4);
		p[n++] = (w >> 8 & 0x87) | (rnd() % 4 ? 0x78 : w >> 16 & 0x78);
		if (mode != 64)
			p[1] |= 0xE0, p[2] |= 0x40;
	} else {
		if (mandatory[r % 6])
			p[n++] = mandatory[r % 6];
		if (r >> 8 & 1 && mode == 64 && (r >> 9 & 1))
			p[n++] = 0x40 | (r >> 16 & 15);
		if (space)
			p[n++] = 0x0F;
		if (space == 2 || space == 3)
			p[n++] = space == 2 ? 0x38 : 0x3A;
	}
	p[n++] = opcode;
	for (unsigned i = n; i < 16; i++)
		p[i] = rnd() >> 17;
	return 15;
}

static void run(unsigned mode, cs_mode cm, unsigned rounds)
{
	csh cs;
	if (cs_open(CS_ARCH_X86, cm, &cs) != CS_ERR_OK) {
		ok(0, "capstone opens");
		return;
	}
	uint8_t code[16];
	static const unsigned spaces[] = {0, 1, 2, 3, 5, 6, 7};
	compared = lengths = validity = texts = shown = 0;
	for (unsigned round = 0; round < rounds; round++)
		for (unsigned s = 0; s < 7; s++)
			for (unsigned op = 0; op < 256; op++) {
				unsigned n = make(code, mode, spaces[s], op);
				if ((spaces[s] == 1 && op == 0x0F) || (mode == 16 && s))
					continue; /* capstone does not see mandatory prefixes in 16-bit code */
				if (code[0] == 0x9B || (spaces[s] == 0 && (op == 0x62 || op == 0x8F || op == 0x0F)) ||
				    (code[0] == 0x0F && code[1] == 0x0F))
					continue; /* capstone joins WAIT with what follows; EVEX and XOP; 3DNow! separately */
				compare(cs, mode, code, n);
			}
	cs_close(&cs);
	ok_eq(lengths, 0, "%u-bit: lengths agree in %u cases", mode, compared);
	ok_eq(validity, 0, "%u-bit: validity agrees", mode);
	ok_eq(texts, 0, "%u-bit: text agrees", mode);
}
#endif

int main(int argc, char **argv)
{
#ifndef HAVE_CAPSTONE
	(void)argc;
	(void)argv;
	tap_skip_all("capstone was not there when this was built (libcapstone-dev)");
#else
	unsigned rounds = argc > 1 ? atoi(argv[1]) : 60;
	run(64, CS_MODE_64, rounds);
	run(32, CS_MODE_32, rounds);
	run(16, CS_MODE_16, rounds);
	return tap_done();
#endif
}
