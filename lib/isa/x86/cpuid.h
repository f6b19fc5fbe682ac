/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest processor shows: features by name, CPU models, CPUID leaves. One record serves the decoder's feature
 * check and the CPUID instruction, so that a guest is never shown what does not work, and #UD agrees with CPUID.
 */
#ifndef ISA_X86_CPUID_H
#define ISA_X86_CPUID_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/err.h"

enum x86_feature {
	X86_FEAT_NONE,
#define FEATURE(id, name, leaf, subleaf, reg, bit) X86_FEAT_##id,
#include "isa/x86/features.def"
#undef FEATURE
	X86_FEAT_COUNT
};

#define X86_FEAT_WORDS ((X86_FEAT_COUNT + 63) / 64)

struct x86_features {
	uint64_t has[X86_FEAT_WORDS]; /* bit n: enum x86_feature n; bit 0 is always set */
	const char *model;            /* canonical name */
	char vendor[13];
	char brand[49];               /* leaves 80000002..4 */
	uint32_t signature;           /* leaf 1 eax: family, model, stepping */
	uint32_t max_leaf, max_ext_leaf;
	uint64_t xcr0;                /* components that may be enabled: x87 1, SSE 2, AVX 4 */
	uint32_t apic_id, cpus;       /* topology */
	uint32_t cores, threads;      /* machines: of a socket, of a core */
	bool machine;                 /* of a machine's processor: nothing depends on the host's */
};

static inline bool x86_has(const struct x86_features *f, enum x86_feature n)
{
	return f->has[n / 64] >> (n % 64) & 1;
}

/*
 * Builds the features of -cpu SPEC: "MODEL[,+f][,-f][,f=on|off]..."; NULL: "max". bits: 32 or 64, the guest's. What the
 * host cannot do and the engine cannot emulate is left out: silently for a model's own features, with an error for
 * those asked for by name. Returns 0 or -errno with the sentence in e (unknown names come with the known ones).
 */
int x86_features_parse(struct x86_features *f, const char *spec, unsigned bits, struct err *e);

/* The same for a machine's processor, NULL: qemu64 or qemu32. Everything is emulated, whatever the host has. */
int x86_features_parse_machine(struct x86_features *f, const char *spec, unsigned bits, struct err *e);

/* The CPUID instruction: eax, ecx in; out[0..3] = eax, ebx, ecx, edx. */
void x86_cpuid(const struct x86_features *f, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/* -cpu help: models with a line each, then the feature names. */
void x86_models_print(FILE *out, unsigned bits);

/* The AT_PLATFORM/AT_HWCAP view: leaf 1 edx, and hwcap2's bits (1: ring 3 mwait, 2: fsgsbase). */
uint32_t x86_hwcap(const struct x86_features *f);
uint32_t x86_hwcap2(const struct x86_features *f);
#endif
