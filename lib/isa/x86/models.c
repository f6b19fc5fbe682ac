/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU models. Each is another model with features added or taken away, and its own signature; family, model and stepping
 * as the makers' documents give them. Features without a row in features.def (TSX, AVX-512, PKU, virtualisation)
 * are in no model: what is listed is what can be shown.
 */
#include <string.h>
#include "isa/x86/models.h"

#define INTEL "GenuineIntel"
#define AMD "AuthenticAMD"

static const struct x86_model models[] = {
	{"max", NULL, "", NULL, 0, 0, 0, 0, 0, "Everything that works on this host (the default)"},
	{"host", "max", "", NULL, 0, 0, 0, 0, 0, "The same as max"},
	{"base", NULL, "fpu", "GenuineIntel", 0, 0, 0, 1, 0, "Nothing but an x87; add features with +NAME"},
	{"486", NULL, "fpu vme pse", INTEL, 4, 8, 0, 1, 0, "Intel 486 DX4"},
	{"pentium", "486", "de tsc msr mce cx8 mmx", INTEL, 5, 4, 3, 1, 0, "Intel Pentium MMX"},
	{"pentium2", "pentium", "pae sep mtrr pge mca cmov pat pse36 fxsr", INTEL, 6, 5, 2, 2, 0, "Intel Pentium II"},
	{"pentium3", "pentium2", "sse", INTEL, 6, 7, 3, 3, 0, "Intel Pentium III"},
	{"athlon", "pentium2", "apic mmxext 3dnow 3dnowext", AMD, 6, 2, 3, 1, 0x80000008, "AMD Athlon (K7), with 3DNow!"},
	{"qemu32", "pentium3", "apic clflush sse2 sse3", INTEL, 6, 6, 3, 4, 0x80000004, "Generic 32-bit processor"},
	{"kvm32", "qemu32", "", INTEL, 15, 6, 1, 5, 0x80000008, "Generic 32-bit processor, newer signature"},
	{"qemu64", "qemu32", "cx16 syscall nx lm lahf-lm", AMD, 15, 107, 1, 13, 0x8000000A, "Generic 64-bit processor"},
	{"kvm64", "qemu64", "-lahf-lm", INTEL, 15, 6, 1, 13, 0x80000008, "Generic 64-bit processor, newer signature"},
	{"n270", "qemu32", "ss ssse3 movbe nx", INTEL, 6, 28, 2, 10, 0x80000008, "Intel Atom N270"},
	{"coreduo", "qemu32", "ss nx", INTEL, 6, 14, 8, 10, 0x80000008, "Intel Core Duo T2600"},
	{"core2duo", "qemu64", "ss ssse3", INTEL, 6, 15, 11, 10, 0x80000008, "Intel Core 2 Duo T7700"},
	{"Conroe", "core2duo", "-ss", INTEL, 6, 15, 3, 10, 0x80000008, "Intel Core 2 (Conroe, Merom)"},
	{"Penryn", "Conroe", "sse4.1", INTEL, 6, 23, 3, 10, 0x80000008, "Intel Core 2 (Penryn)"},
	{"Nehalem", "Penryn", "sse4.2 popcnt", INTEL, 6, 26, 3, 11, 0x80000008, "Intel Core i7 9xx (Nehalem)"},
	{"Westmere", "Nehalem", "aes pclmulqdq", INTEL, 6, 44, 1, 11, 0x80000008, "Intel Xeon E56xx (Westmere)"},
	{"SandyBridge", "Westmere", "xsave avx xsaveopt rdtscp", INTEL, 6, 42, 1, 13, 0x80000008, "Intel Core 2xxx (Sandy Bridge)"},
	{"IvyBridge", "SandyBridge", "f16c rdrand fsgsbase smep erms", INTEL, 6, 58, 9, 13, 0x80000008, "Intel Core 3xxx (Ivy Bridge)"},
	{"Haswell", "IvyBridge", "fma movbe bmi1 bmi2 avx2 abm", INTEL, 6, 60, 4, 13, 0x80000008, "Intel Core 4xxx (Haswell)"},
	{"Broadwell", "Haswell", "rdseed adx smap 3dnowprefetch", INTEL, 6, 61, 2, 13, 0x80000008, "Intel Core 5xxx (Broadwell)"},
	{"Skylake-Client", "Broadwell", "xsavec xgetbv1", INTEL, 6, 94, 3, 13, 0x80000008, "Intel Core 6xxx (Skylake)"},
	{"Skylake-Server", "Skylake-Client", "pdpe1gb clflushopt clwb", INTEL, 6, 85, 4, 13, 0x80000008, "Intel Xeon (Skylake)"},
	{"Cascadelake-Server", "Skylake-Server", "", INTEL, 6, 85, 6, 13, 0x80000008, "Intel Xeon (Cascade Lake)"},
	{"Cooperlake", "Cascadelake-Server", "", INTEL, 6, 85, 10, 13, 0x80000008, "Intel Xeon (Cooper Lake)"},
	{"Icelake-Server", "Cascadelake-Server", "sha-ni rdpid fsrm", INTEL, 6, 134, 0, 13, 0x80000008, "Intel Xeon (Ice Lake)"},
	{"SapphireRapids", "Icelake-Server", "", INTEL, 6, 143, 4, 32, 0x80000008, "Intel Xeon (Sapphire Rapids)"},
	{"KnightsMill", "Broadwell", "pdpe1gb", INTEL, 6, 133, 0, 13, 0x80000008, "Intel Xeon Phi (Knights Mill)"},
	{"Denverton", "Westmere",
	 "xsave xsaveopt xsavec xgetbv1 rdrand fsgsbase smep erms movbe rdseed smap clflushopt sha-ni 3dnowprefetch rdtscp pdpe1gb",
	 INTEL, 6, 95, 1, 21, 0x80000008, "Intel Atom (Denverton)"},
	{"Snowridge", "Denverton", "clwb rdpid fsrm", INTEL, 6, 134, 1, 27, 0x80000008, "Intel Atom (Snow Ridge)"},
	{"Opteron_G1", "qemu64", "-cx16 -lahf-lm", AMD, 15, 6, 1, 5, 0x80000008, "AMD Opteron 240 (K8)"},
	{"Opteron_G2", "Opteron_G1", "cx16 lahf-lm", AMD, 15, 6, 1, 5, 0x80000008, "AMD Opteron 22xx (K8)"},
	{"Opteron_G3", "Opteron_G2", "monitor popcnt abm rdtscp", AMD, 16, 2, 3, 5, 0x80000008, "AMD Opteron 23xx (K10)"},
	{"Opteron_G4", "Opteron_G3", "-monitor ssse3 sse4.1 sse4.2 aes pclmulqdq xsave avx 3dnowprefetch pdpe1gb", AMD, 21, 1, 2, 13,
	 0x8000001A, "AMD Opteron 62xx (Bulldozer)"},
	{"Opteron_G5", "Opteron_G4", "f16c fma", AMD, 21, 2, 0, 13, 0x8000001A, "AMD Opteron 63xx (Piledriver)"},
	{"phenom", "Opteron_G3", "mmxext 3dnow 3dnowext fxsr-opt pdpe1gb", AMD, 16, 2, 3, 5, 0x8000001A, "AMD Phenom 9550, with 3DNow!"},
	{"EPYC", "Opteron_G5",
	 "fsgsbase bmi1 avx2 smep bmi2 rdseed adx smap clflushopt sha-ni movbe rdrand xsaveopt xsavec xgetbv1 mmxext fxsr-opt", AMD,
	 23, 1, 2, 13, 0x8000001E, "AMD EPYC (Naples)"},
	{"EPYC-Rome", "EPYC", "clwb rdpid", AMD, 23, 49, 0, 13, 0x8000001E, "AMD EPYC (Rome)"},
	{"EPYC-Milan", "EPYC-Rome", "erms fsrm", AMD, 25, 1, 1, 13, 0x8000001E, "AMD EPYC (Milan)"},
	{"EPYC-Genoa", "EPYC-Milan", "", AMD, 25, 17, 0, 13, 0x80000022, "AMD EPYC (Genoa)"},
	{"Dhyana", "EPYC", "-sha-ni", "HygonGenuine", 24, 0, 1, 13, 0x8000001E, "Hygon Dhyana"},
};

const struct x86_model *x86_model_at(unsigned i)
{
	return i < sizeof models / sizeof models[0] ? &models[i] : NULL;
}

/* A version or variant suffix that changes only features that are never shown ("-v2", "-noTSX-IBRS"). */
static bool is_variant(const char *s)
{
	static const char *const variants[] = {"-IBRS", "-IBPB", "-noTSX", "-noTSX-IBRS"};
	for (unsigned i = 0; i < sizeof variants / sizeof variants[0]; i++)
		if (!strcmp(s, variants[i]))
			return true;
	return s[0] == '-' && s[1] == 'v' && s[2] >= '1' && s[2] <= '7' && !s[3];
}

const struct x86_model *x86_model_find(const char *name, size_t len)
{
	const struct x86_model *m;
	for (unsigned i = 0; (m = x86_model_at(i)); i++) {
		size_t n = strlen(m->name);
		if (len < n || memcmp(name, m->name, n))
			continue;
		char rest[16];
		if (len - n >= sizeof rest)
			continue;
		memcpy(rest, name + n, len - n);
		rest[len - n] = 0;
		if (!rest[0] || (m->family && is_variant(rest)))
			return m;
	}
	return NULL;
}
