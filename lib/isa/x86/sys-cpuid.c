/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID of machines: the model's leaves with what depends on the processor's state and on its place in the machine (SDM volume 2, CPUID;
 * AMD APM volume 3, appendix E).
 */
#include "isa/x86/cpuid.h"
#include "isa/x86/sys.h"

enum { EAX, EBX, ECX, EDX };

static unsigned bits_for(unsigned n)
{
	unsigned bits = 0;

	while (1u << bits < n)
		bits++;
	return bits;
}

void x86_system_topology(struct cpu *cc, uint32_t apic_id, unsigned cores, unsigned threads)
{
	struct x86_features *f = (struct x86_features *)(uintptr_t)x86_cpu(cc)->feat;

	f->apic_id = apic_id;
	f->cores = cores ? cores : 1;
	f->threads = threads ? threads : 1;
}

uint32_t x86_apic_id(unsigned index, unsigned cores, unsigned threads)
{
	unsigned t = bits_for(threads), core = bits_for(cores);

	return (index / (cores * threads)) << (t + core) | (index / threads % cores) << t | index % threads;
}

static bool apic_enabled(struct x86_cpu *c)
{
	const struct x86_machine *m = c->sys.machine;
	uint64_t v = 0x800;

	if (m->msr_read) {
		x86_leave_guest(c);
		if (m->msr_read(m->opaque, 0x1b, &v))
			v = 0x800;
		x86_return_guest(c);
	}
	return v & 0x800;
}

void x86_cpuid_leaf(struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	const struct x86_features *f = c->feat;
	unsigned cores = f->cores ? f->cores : 1, threads = f->threads ? f->threads : 1, logical = cores * threads;
	bool amd = f->vendor[0] == 'A' || f->vendor[0] == 'H';

	if (leaf >= 0x40000000 && leaf < 0x40000100) {
		/* the signature by which guests' tools know a translated machine */
		out[EAX] = out[EBX] = out[ECX] = out[EDX] = 0;
		if (x86_has(f, X86_FEAT_HYPERVISOR) && leaf == 0x40000000) {
			out[EAX] = 0x40000001;
			memcpy(&out[EBX], "TCGT", 4);
			memcpy(&out[ECX], "CGTC", 4);
			memcpy(&out[EDX], "GTCG", 4);
		}
		return;
	}
	x86_cpuid(f, leaf, subleaf, out);
	if (leaf < 0x80000000 && leaf > f->max_leaf)
		leaf = f->max_leaf;
	switch (leaf) {
	case 1:
		out[EBX] = (out[EBX] & 0xff00) | f->apic_id << 24 | (logical > 1 ? logical << 16 : 0);
		out[ECX] &= ~(1u << 27);
		if (c->sys.cr4 & X86_CR4_OSXSAVE)
			out[ECX] |= 1u << 27;
		if (logical > 1)
			out[EDX] |= 1u << 28;
		if (!apic_enabled(c))
			out[EDX] &= ~(1u << 9);
		break;
	case 4:
		if (out[EAX] & 31) {
			unsigned level = out[EAX] >> 5 & 7, sharing = level == 3 ? logical : threads;
			out[EAX] |= ((1u << bits_for(sharing)) - 1) << 14 | ((1u << bits_for(cores)) - 1) << 26;
		}
		break;
	case 5:
		if (x86_has(f, X86_FEAT_MONITOR)) {
			out[EAX] = out[EBX] = 64;
			out[ECX] = 3;
		}
		break;
	case 0xb:
		out[EAX] = out[EBX] = 0;
		out[ECX] = subleaf & 255;
		out[EDX] = f->apic_id;
		if (subleaf == 0) {
			out[EAX] = bits_for(threads);
			out[EBX] = threads;
			out[ECX] |= 1 << 8;
		} else if (subleaf == 1) {
			out[EAX] = bits_for(threads) + bits_for(cores);
			out[EBX] = logical;
			out[ECX] |= 2 << 8;
		}
		break;
	case 0xd:
		if (subleaf == 0 && f->xcr0)
			out[EBX] = 512 + 64 + (c->xcr0 & 4 ? 256 : 0);
		break;
	case 0x15: case 0x16:
		out[EAX] = out[EBX] = out[ECX] = out[EDX] = 0;
		break;
	case 0x80000001:
		if (amd && logical > 1)
			out[ECX] |= 2; /* CmpLegacy */
		if (!apic_enabled(c) && amd)
			out[EDX] &= ~(1u << 9);
		break;
	case 0x80000007:
		out[EAX] = out[EBX] = out[ECX] = out[EDX] = 0;
		break;
	case 0x80000008:
		if (logical > 1)
			out[ECX] = logical - 1;
		break;
	}
}
