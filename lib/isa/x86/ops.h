/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations: what an instruction does, apart from its encoding. The name is the SDM's mnemonic; a VEX form has the
 * operation of its legacy form ("vpaddd" is X86_OP_paddd), and its own name where there is none ("vperm2f128").
 */
#ifndef ISA_X86_OPS_H
#define ISA_X86_OPS_H

enum x86_op {
	X86_OP_none,
#define X86_OP(name) X86_OP_##name,
#include "isa/x86/ops.def"
#undef X86_OP
	X86_OP_COUNT
};

#endif
