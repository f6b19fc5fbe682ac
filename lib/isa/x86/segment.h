/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segments of a user program (Intel SDM volume 3, 3.4): descriptor tables as set_thread_area (GDT entries 12–14, one set a
 * thread) and modify_ldt (one LDT a process) fill them, and the load of a segment register. Linux's fixed selectors
 * are built in: 0x23 32-bit code, 0x2b data, 0x33 64-bit code.
 */
#ifndef ISA_X86_SEGMENT_H
#define ISA_X86_SEGMENT_H
#include "isa/x86/cpu.h"

#define X86_GDT_TLS_FIRST 12
#define X86_GDT_TLS_COUNT 3
#define X86_LDT_ENTRIES 8192
#define X86_USER_CS32 0x23
#define X86_USER_DS 0x2b
#define X86_USER_CS64 0x33

struct x86_seg_table {
	uint32_t count;  /* entries that exist */
	uint64_t entry[]; /* descriptors, as in memory (SDM vol. 3, figure 3-8) */
};

/* Room for `count` empty descriptors; NULL when memory is short. free() releases it. */
struct x86_seg_table *x86_seg_table_new(unsigned count);

/* A descriptor from its parts. attr as struct x86_seg's (bits 40..55 of the descriptor). limit in bytes - 1 unless G is in attr. */
uint64_t x86_descriptor(uint32_t base, uint32_t limit, uint16_t attr);
void x86_descriptor_split(uint64_t d, struct x86_seg *out);

/* The descriptor that a selector names; false: beyond its table, or null. */
bool x86_seg_find(const struct x86_cpu *c, uint16_t selector, uint64_t *d);

/*
 * MOV/POP/LDS… to a segment register, or CS of a far transfer: checks as SDM vol. 2, "MOV", at privilege level 3, and
 * fills c->seg[seg]; for CS c->mode as well. Returns 0, or the exception's vector (13 #GP, 11 #NP, 12 #SS) with
 * *error = the selector's error code, and nothing changed. 64-bit mode: a null selector in FS/GS leaves base 0;
 * SS null is #GP in user mode.
 */
int x86_seg_load(struct x86_cpu *c, unsigned seg, uint16_t selector, uint64_t *error);
#endif
