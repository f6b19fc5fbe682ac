/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disassembly for x/i: capstone's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "mon.h"

#ifdef HAVE_CAPSTONE
#include <capstone.h>

struct disassembler {
	csh handle;
	cs_insn *insn;
};

struct disassembler *disas_open(const char *arch, unsigned bits, struct err *e)
{
	struct disassembler *d = calloc(1, sizeof *d);
	cs_arch a = CS_ARCH_X86;
	int mode = bits == 64 ? CS_MODE_64 : bits == 16 ? CS_MODE_16 : CS_MODE_32;

	if (!strcmp(arch, "aarch64")) {
		a = CS_ARCH_ARM64;
		mode = CS_MODE_LITTLE_ENDIAN;
	} else if (!strcmp(arch, "ppc") || !strcmp(arch, "ppc64")) {
		a = CS_ARCH_PPC;
		mode = CS_MODE_BIG_ENDIAN | (bits == 64 ? CS_MODE_64 : CS_MODE_32);
	} else if (strcmp(arch, "x86_64") && strcmp(arch, "i386")) {
		err_set(e, ENOTSUP, "there is no disassembler for %s", arch);
		free(d);
		return NULL;
	}
	if (!d || cs_open(a, (cs_mode)mode, &d->handle) != CS_ERR_OK) {
		err_set(e, ENOMEM, "the disassembler cannot be started");
		free(d);
		return NULL;
	}
	if (a == CS_ARCH_X86)
		cs_option(d->handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	d->insn = cs_malloc(d->handle);
	return d;
}

void disas_close(struct disassembler *d)
{
	if (!d)
		return;
	cs_free(d->insn, 1);
	cs_close(&d->handle);
	free(d);
}

unsigned disas_one(struct disassembler *d, unsigned long long addr, const unsigned char *code, size_t size, char *text, size_t room)
{
	const uint8_t *p = code;
	uint64_t at = addr;

	if (!d->insn || !cs_disasm_iter(d->handle, &p, &size, &at, d->insn))
		return 0;
	snprintf(text, room, *d->insn->op_str ? "%-8s %s" : "%s", d->insn->mnemonic, d->insn->op_str);
	return d->insn->size;
}
#else
struct disassembler {
	int none;
};

struct disassembler *disas_open(const char *arch, unsigned bits, struct err *e)
{
	(void)arch, (void)bits;
	err_set(e, ENOTSUP, "emu-mon was built without a disassembler");
	err_hint(e, "It wants the library capstone (libcapstone-dev) when it is built.");
	return NULL;
}

void disas_close(struct disassembler *d)
{
	(void)d;
}

unsigned disas_one(struct disassembler *d, unsigned long long addr, const unsigned char *code, size_t size, char *text, size_t room)
{
	(void)d, (void)addr, (void)code, (void)size, (void)text, (void)room;
	return 0;
}
#endif
