/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Features and CPUID (SDM volume 2, CPUID; AMD APM volume 3, appendix E).
 *
 * A user-mode guest's instructions run on the host's own processor, so a feature can be shown when the host has it, or
 * when every one of its instructions is emulated. The state of AVX-512, AMX, PKU and CET is never shown: XCR0 is at most
 * x87 + SSE + AVX. In a build for another host every feature is emulated by T0.
 */
#include <stdatomic.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "isa/x86/cpuid.h"
#include "isa/x86/models.h"
#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum { EAX, EBX, ECX, EDX };

static const struct {
	const char *name;
	uint32_t leaf;
	uint8_t subleaf, reg, bit;
} table[X86_FEAT_COUNT] = {
#define FEATURE(id, text, leaf_, subleaf_, reg_, bit_) [X86_FEAT_##id] = {text, leaf_, subleaf_, reg_, bit_},
#include "isa/x86/features.def"
#undef FEATURE
};

/* Other spellings, after '_' and '.' became '-'. */
static const struct {
	const char *alias, *name;
} aliases[] = {
	{"pni", "sse3"}, {"lzcnt", "abm"}, {"cmpxchg8b", "cx8"}, {"cmpxchg16b", "cx16"}, {"xd", "nx"}, {"i64", "lm"}, {"sha", "sha-ni"},
	{"ffxsr", "fxsr-opt"}, {"ds-cpl", "ds-cpl"}, {"sse4-1", "sse4.1"}, {"sse4-2", "sse4.2"}, {"prefetchw", "3dnowprefetch"},
};

/* Names of features that exist and that are never shown: taking one away is accepted, adding one is not. */
static const char not_shown[] =
	" acpi amd-ssbd amd-stibp amx-bf16 amx-int8 amx-tile arat arch-capabilities avx512-4fmaps avx512-4vnniw avx512-bf16 "
	"avx512-fp16 avx512-vp2intersect avx512-vpopcntdq avx512bitalg avx512bw avx512cd avx512dq avx512er avx512f avx512ifma "
	"avx512pf avx512vbmi avx512vbmi2 avx512vl avx512vnni avx-vnni bus-lock-detect cid clzero cmp-legacy cr8legacy "
	"core-capability dca ds ds-cpl dtes64 est extapic fma4 gfni hle ia64 ibpb ibs intel-pt invtsc la57 "
	"lwp md-clear misalignsse mpx movdir64b movdiri nodeid-msr npt nrip-save osvw pbe pcommit pdcm perfctr-core perfctr-nb "
	"pks pku ospke pn rtm sgx skinit smx spec-ctrl ssbd stibp svm svm-lock sse4a taa-no tbm tce tm tm2 topoext "
	"tsc-scale tsx-ldtrk vaes virt-ssbd vmx vpclmulqdq waitpkg wbnoinvd wdt xop xsaves xtpr "
	"serialize fsrc fsrs fzrm lbrv pause-filter pfthreshold decodeassists flushbyasid vmcb-clean vgif v-vmsave-vmload perfmon "
	"pvpanic kvm kvmclock kvm-pv-eoi kvm-pv-unhalt kvm-asyncpf kvm-steal-time ";

static void set(struct x86_features *f, unsigned n, bool on)
{
	if (on)
		f->has[n / 64] |= 1ull << n % 64;
	else
		f->has[n / 64] &= ~(1ull << n % 64);
}

#if defined(__x86_64__)
/*
 * CPUID of the host, each leaf asked once: under a hypervisor the instruction costs microseconds, and start-up
 * tests a hundred features. The answers do not change.
 */
static void host_leaf(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	static struct { uint32_t leaf, subleaf, out[4]; } known[48];
	static unsigned count;
	static atomic_flag busy = ATOMIC_FLAG_INIT;
	unsigned i = 0;
	while (atomic_flag_test_and_set(&busy))
		;
	while (i < count && (known[i].leaf != leaf || known[i].subleaf != subleaf))
		i++;
	if (i == count) {
		i = count < 48 ? count++ : 47;
		known[i].leaf = leaf;
		known[i].subleaf = subleaf;
		uint32_t *o = known[i].out;
		__cpuid_count(leaf, subleaf, o[EAX], o[EBX], o[ECX], o[EDX]);
	}
	memcpy(out, known[i].out, sizeof known[i].out);
	atomic_flag_clear(&busy);
}
#endif

static void host_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	memset(out, 0, 4 * sizeof out[0]);
#if defined(__x86_64__)
	uint32_t max[4];
	host_leaf(leaf & 0x80000000, 0, max);
	if (leaf <= max[EAX])
		host_leaf(leaf, subleaf, out);
#else
	(void)leaf;
	(void)subleaf;
#endif
}

/* Features whose instructions are never copied, so that the host need not have them. */
static bool is_emulated(unsigned n)
{
	switch (n) {
	case X86_FEAT_3DNOW:
	case X86_FEAT_3DNOWEXT:
	case X86_FEAT_FSGSBASE:
	case X86_FEAT_RDPID:
	case X86_FEAT_RDTSCP:
	case X86_FEAT_MMXEXT:   /* a subset of SSE */
	case X86_FEAT_PREFETCHW: /* a no-op elsewhere */
	/* of the operating system's concern, nothing that a program could run */
	case X86_FEAT_VME:
	case X86_FEAT_DE:
	case X86_FEAT_PSE:
	case X86_FEAT_MSR:
	case X86_FEAT_PAE:
	case X86_FEAT_MCE:
	case X86_FEAT_APIC:
	case X86_FEAT_MTRR:
	case X86_FEAT_PGE:
	case X86_FEAT_MCA:
	case X86_FEAT_PAT:
	case X86_FEAT_PSE36:
	case X86_FEAT_SS:
	case X86_FEAT_HT:
	case X86_FEAT_MONITOR:
	case X86_FEAT_SMEP:
	case X86_FEAT_SMAP:
	case X86_FEAT_HYPERVISOR:
	case X86_FEAT_SYSCALL:
	case X86_FEAT_NX:
	case X86_FEAT_PDPE1GB:
	case X86_FEAT_FXSR_OPT:
	case X86_FEAT_LM:
		return true;
	default:
		return false;
	}
}

/* Features that only a kernel can see or use. */
static bool is_machines(unsigned n)
{
	switch (n) {
	case X86_FEAT_PCID:
	case X86_FEAT_X2APIC:
	case X86_FEAT_TSC_DEADLINE:
	case X86_FEAT_TSC_ADJUST:
	case X86_FEAT_INVPCID:
	case X86_FEAT_UMIP:
		return true;
	default:
		return false;
	}
}

static bool works(unsigned n)
{
	if (n == X86_FEAT_SEP || is_machines(n))
		return false; /* SYSENTER returns into the kernel's own vdso, which no guest has */
#if defined(__x86_64__)
	uint32_t r[4];
	if (is_emulated(n))
		return true;
	host_cpuid(table[n].leaf, table[n].subleaf, r);
	return r[table[n].reg] >> table[n].bit & 1;
#else
	(void)n;
	return true;
#endif
}

/* Features that mean nothing without another (SDM volume 1, 13.3, 14.3; volume 2, instruction pages). */
static void close_dependencies(struct x86_features *f)
{
	static const struct {
		uint8_t feature, needs;
	} deps[] = {
		{X86_FEAT_SSE, X86_FEAT_FXSR},       {X86_FEAT_SSE2, X86_FEAT_SSE},        {X86_FEAT_SSE3, X86_FEAT_SSE2},
		{X86_FEAT_SSSE3, X86_FEAT_SSE3},     {X86_FEAT_SSE4_1, X86_FEAT_SSSE3},    {X86_FEAT_SSE4_2, X86_FEAT_SSE4_1},
		{X86_FEAT_AES, X86_FEAT_SSE2},       {X86_FEAT_PCLMULQDQ, X86_FEAT_SSE2},  {X86_FEAT_SHA, X86_FEAT_SSE2},
		{X86_FEAT_AVX, X86_FEAT_XSAVE},      {X86_FEAT_AVX, X86_FEAT_SSE4_2},      {X86_FEAT_AVX2, X86_FEAT_AVX},
		{X86_FEAT_FMA, X86_FEAT_AVX},        {X86_FEAT_F16C, X86_FEAT_AVX},        {X86_FEAT_XSAVEOPT, X86_FEAT_XSAVE},
		{X86_FEAT_XSAVEC, X86_FEAT_XSAVE},   {X86_FEAT_XGETBV1, X86_FEAT_XSAVE},   {X86_FEAT_OSXSAVE, X86_FEAT_XSAVE},
		{X86_FEAT_3DNOW, X86_FEAT_MMX},      {X86_FEAT_3DNOWEXT, X86_FEAT_3DNOW},  {X86_FEAT_MMXEXT, X86_FEAT_MMX},
		{X86_FEAT_LAHF_LM, X86_FEAT_LM},
	};
	for (unsigned pass = 0; pass < 8; pass++)
		for (unsigned i = 0; i < sizeof deps / sizeof deps[0]; i++)
			if (!x86_has(f, deps[i].needs))
				set(f, deps[i].feature, false);
}

static void normalise(char *to, size_t size, const char *from, size_t len)
{
	size_t n = 0;
	for (; n < len && n + 1 < size; n++)
		to[n] = from[n] == '_' || from[n] == '.' ? '-' : tolower((unsigned char)from[n]);
	to[n] = 0;
}

static unsigned feature_by_name(const char *name, size_t len)
{
	char want[64], have[64];
	normalise(want, sizeof want, name, len);
	for (unsigned i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
		if (!strcmp(want, aliases[i].alias)) {
			normalise(want, sizeof want, aliases[i].name, strlen(aliases[i].name));
			break;
		}
	for (unsigned n = 1; n < X86_FEAT_COUNT; n++) {
		normalise(have, sizeof have, table[n].name, strlen(table[n].name));
		if (!strcmp(want, have))
			return n;
	}
	return X86_FEAT_NONE;
}

static bool is_not_shown(const char *name, size_t len)
{
	char want[66] = " ";
	normalise(want + 1, sizeof want - 2, name, len);
	strcat(want, " ");
	return strstr(not_shown, want) != NULL;
}

static int unknown_feature(const char *name, size_t len, struct err *e)
{
	err_set(e, EINVAL, "-cpu: no feature is called '%.*s'", (int)len, name);
	return err_hint(e, "-cpu help lists the models and the features");
}

/* Adds a model's features, its ancestors' first. */
static void add_model(struct x86_features *f, const struct x86_model *m)
{
	if (m->parent)
		add_model(f, x86_model_find(m->parent, strlen(m->parent)));
	for (const char *p = m->features; *p;) {
		size_t len = strcspn(p, " ");
		bool off = *p == '-';
		set(f, feature_by_name(p + off, len - off), !off);
		p += len;
		p += *p == ' ';
	}
}

static void host_identity(struct x86_features *f)
{
	uint32_t r[4];
	host_cpuid(0, 0, r);
	memcpy(f->vendor, &r[EBX], 4);
	memcpy(f->vendor + 4, &r[EDX], 4);
	memcpy(f->vendor + 8, &r[ECX], 4);
	f->max_leaf = r[EAX] < 0x16 ? r[EAX] : 0x16;
	host_cpuid(1, 0, r);
	f->signature = r[EAX];
	host_cpuid(0x80000000, 0, r);
	f->max_ext_leaf = r[EAX];
	for (unsigned i = 0; i < 3; i++) {
		host_cpuid(0x80000002 + i, 0, r);
		memcpy(f->brand + 16 * i, r, 16);
	}
	if (!f->vendor[0]) {
		memcpy(f->vendor, "GenuineIntel", 12);
		f->max_leaf = 0xd;
		f->max_ext_leaf = 0x80000008;
		f->signature = 0x000306c3;
	}
	if (f->max_ext_leaf < 0x80000008)
		f->max_ext_leaf = 0x80000008;
	if (f->max_leaf < 0xd)
		f->max_leaf = 0xd;
}

/* SDM volume 2, CPUID, figure 3-6. */
static uint32_t signature(unsigned family, unsigned model, unsigned stepping)
{
	unsigned ext = family > 15 ? family - 15 : 0, base = family > 15 ? 15 : family;
	return ext << 20 | (model >> 4) << 16 | base << 8 | (model & 15) << 4 | stepping;
}

struct numbers {
	unsigned family, model, stepping;
};

static int set_property(struct x86_features *f, struct numbers *id, bool *enforce, const char *key, size_t klen,
			const char *value, size_t vlen, struct err *e)
{
	char k[32], v[64];
	if (klen >= sizeof k || vlen >= sizeof v)
		return unknown_feature(key, klen, e);
	normalise(k, sizeof k, key, klen);
	memcpy(v, value, vlen);
	v[vlen] = 0;
	if (!strcmp(k, "vendor")) {
		if (vlen != 12) {
			err_set(e, EINVAL, "-cpu: vendor=%s: a vendor has 12 characters", v);
			return err_hint(e, "for example vendor=GenuineIntel or vendor=AuthenticAMD");
		}
		memcpy(f->vendor, v, 13);
		return 0;
	}
	if (!strcmp(k, "model-id")) {
		memset(f->brand, 0, sizeof f->brand);
		memcpy(f->brand, v, vlen < 48 ? vlen : 48);
		return 0;
	}
	if (!strcmp(k, "enforce") || !strcmp(k, "check")) {
		if (strcmp(v, "on") && strcmp(v, "off"))
			return err_set(e, EINVAL, "-cpu: %s=%s: the value is on or off", k, v);
		if (k[0] == 'e')
			*enforce = v[1] == 'n';
		return 0;
	}
	static const struct {
		const char *name;
		uint32_t max;
	} numeric[] = {{"family", 270}, {"model", 255}, {"stepping", 15}, {"level", 0x20}, {"xlevel", 0x80000022}};
	for (unsigned i = 0; i < sizeof numeric / sizeof numeric[0]; i++) {
		if (strcmp(k, numeric[i].name))
			continue;
		char *end;
		errno = 0;
		unsigned long n = strtoul(v, &end, 0);
		if (errno || !*v || *end || *v == '-' || n > numeric[i].max)
			return err_set(e, EINVAL, "-cpu: %s=%s: a number from 0 to %u is accepted", k, v, numeric[i].max);
		if (i == 3)
			f->max_leaf = n;
		else if (i == 4)
			f->max_ext_leaf = n;
		else
			(i == 0 ? &id->family : i == 1 ? &id->model : &id->stepping)[0] = n;
		return 0;
	}
	unsigned n = feature_by_name(key, klen);
	bool on = !strcmp(v, "on");
	if (strcmp(v, "on") && strcmp(v, "off")) {
		if (!n && !is_not_shown(key, klen))
			return unknown_feature(key, klen, e);
		return err_set(e, EINVAL, "-cpu: %.*s=%s: the value is on or off", (int)klen, key, v);
	}
	if (n && (!on || f->machine || works(n))) {
		set(f, n, on);
		return 0;
	}
	if (n || is_not_shown(key, klen)) {
		if (!on)
			return 0;
		err_set(e, ENOTSUP, "-cpu: feature %.*s cannot be had %s", (int)klen, key,
			n ? "on this host: its processor lacks it" : "here: it is not emulated");
		return err_hint(e, "leave it out, or take -cpu max for all that works");
	}
	return unknown_feature(key, klen, e);
}

static int check_enforced(const struct x86_features *wanted, const struct x86_features *f, struct err *e)
{
	for (unsigned n = 1; n < X86_FEAT_COUNT; n++)
		if (x86_has(wanted, n) && !x86_has(f, n)) {
			err_set(e, ENOTSUP, "-cpu: model %s has %s, which this host lacks", f->model, table[n].name);
			return err_hint(e, "without enforce the model runs without it");
		}
	return 0;
}

/* What a machine's processor shows beyond its model; and what 32-bit machines never show. */
static void machine_features(struct x86_features *f, bool max, unsigned bits)
{
	if (max)
		for (unsigned n = 1; n < X86_FEAT_COUNT; n++)
			set(f, n, n != X86_FEAT_SS && n != X86_FEAT_HT && n != X86_FEAT_MONITOR);
	set(f, X86_FEAT_HYPERVISOR, true);
	if (x86_has(f, X86_FEAT_TSC))
		set(f, X86_FEAT_APIC, true);
	if (bits == 32) {
		set(f, X86_FEAT_LM, false);
		set(f, X86_FEAT_SYSCALL, false);
		set(f, X86_FEAT_LAHF_LM, false);
		set(f, X86_FEAT_CX16, false);
	}
}

static int parse(struct x86_features *f, const char *spec, unsigned bits, bool machine, struct err *e)
{
	memset(f, 0, sizeof *f);
	f->has[0] = 1;
	f->machine = machine;
	if (!spec || !*spec)
		spec = !machine ? "max" : bits == 64 ? "qemu64" : "qemu32";
	size_t len = strcspn(spec, ",");
	const struct x86_model *m = x86_model_find(spec, len);
	if (!m) {
		err_set(e, EINVAL, "-cpu: no model is called '%.*s'", (int)len, spec);
		return err_hint(e, "-cpu help lists the models");
	}
	bool max = m->family == 0 && m->max_leaf == 0;
	host_identity(f);
	f->model = m->name;
	if (max) {
		for (unsigned n = 1; n < X86_FEAT_COUNT; n++) {
			uint32_t r[4];
			host_cpuid(table[n].leaf, table[n].subleaf, r);
			bool host = r[table[n].reg] >> table[n].bit & 1;
			/* what the host shows, and what costs nothing to emulate; not what concerns only an operating system */
			bool show = host || n == X86_FEAT_FSGSBASE || n == X86_FEAT_RDTSCP || n == X86_FEAT_RDPID;
			if (n == X86_FEAT_MONITOR || n == X86_FEAT_HYPERVISOR || n == X86_FEAT_SS || n == X86_FEAT_HT)
				show = false;
			set(f, n, show && works(n));
		}
	} else {
		add_model(f, m);
		memcpy(f->vendor, m->vendor, 13);
		memset(f->brand, 0, sizeof f->brand);
		strncpy(f->brand, m->text, 48);
		f->max_leaf = m->max_leaf;
		f->max_ext_leaf = m->max_ext_leaf;
		if (bits == 64 && f->max_ext_leaf < 0x80000008)
			f->max_ext_leaf = 0x80000008;
	}
	if (machine)
		machine_features(f, max, bits);
	if (machine && max) { /* the same on every host */
		memcpy(f->vendor, "AuthenticAMD", 13);
		memset(f->brand, 0, sizeof f->brand);
		strncpy(f->brand, "Emulated processor", 48);
		f->signature = signature(6, 6, 3);
		f->max_leaf = 0xd;
		f->max_ext_leaf = 0x8000000a;
	}
	struct x86_features wanted = *f;
	for (unsigned n = 1; n < X86_FEAT_COUNT; n++)
		if (x86_has(f, n) && !machine && !works(n))
			set(f, n, false);

	struct numbers id = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
	bool enforce = false;
	for (const char *p = spec + len; *p == ',';) {
		p++;
		size_t n = strcspn(p, ","), k = strcspn(p, ",=");
		if (n == 0)
			continue;
		int rc;
		if (*p == '+' || *p == '-') {
			if (k != n)
				return unknown_feature(p, n, e);
			rc = set_property(f, &id, &enforce, p + 1, n - 1, *p == '+' ? "on" : "off", *p == '+' ? 2 : 3, e);
		} else if (p[k] == '=') {
			rc = set_property(f, &id, &enforce, p, k, p + k + 1, n - k - 1, e);
		} else {
			rc = set_property(f, &id, &enforce, p, n, "on", 2, e);
		}
		if (rc)
			return rc;
		p += n;
	}
	if (!max || id.family != UINT32_MAX || id.model != UINT32_MAX || id.stepping != UINT32_MAX) {
		unsigned s = f->signature, fam = (s >> 8 & 15) + ((s >> 8 & 15) == 15 ? s >> 20 & 255 : 0);
		unsigned mod = (s >> 4 & 15) | (s >> 12 & 0xf0), step = s & 15;
		if (!max)
			fam = m->family, mod = m->model, step = m->stepping;
		f->signature = signature(id.family != UINT32_MAX ? id.family : fam, id.model != UINT32_MAX ? id.model : mod,
					 id.stepping != UINT32_MAX ? id.stepping : step);
	}
	if (machine) {
		/* OSXSAVE follows CR4 */
	} else if (bits == 64) { /* what every 64-bit program takes for granted (System V x86-64 ABI) */
		static const uint8_t always[] = {X86_FEAT_FPU,  X86_FEAT_TSC, X86_FEAT_CX8,  X86_FEAT_CMOV,    X86_FEAT_MMX, X86_FEAT_FXSR,
						 X86_FEAT_SSE, X86_FEAT_SSE2, X86_FEAT_SYSCALL, X86_FEAT_LM, X86_FEAT_CLFLUSH};
		for (unsigned i = 0; i < sizeof always; i++)
			set(f, always[i], true);
	} else {
		set(f, X86_FEAT_SYSCALL, false); /* on Intel's processors 64-bit code alone has it */
	}
	set(f, X86_FEAT_OSXSAVE, !machine && x86_has(f, X86_FEAT_XSAVE));
	close_dependencies(f);
	if (enforce && check_enforced(&wanted, f, e))
		return -ENOTSUP;
	f->xcr0 = !x86_has(f, X86_FEAT_XSAVE) ? 0 : x86_has(f, X86_FEAT_AVX) ? 7 : 3;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	f->cpus = cpus > 0 ? cpus : 1;
	return 0;
}

int x86_features_parse(struct x86_features *f, const char *spec, unsigned bits, struct err *e)
{
	return parse(f, spec, bits, false, e);
}

int x86_features_parse_machine(struct x86_features *f, const char *spec, unsigned bits, struct err *e)
{
	return parse(f, spec, bits, true, e);
}

/* Bits of features.def that live in one register of one leaf. */
static uint32_t feature_bits(const struct x86_features *f, uint32_t leaf, uint32_t subleaf, unsigned reg)
{
	uint32_t bits = 0;
	for (unsigned n = 1; n < X86_FEAT_COUNT; n++)
		if (table[n].leaf == leaf && table[n].subleaf == subleaf && table[n].reg == reg && x86_has(f, n))
			bits |= 1u << table[n].bit;
	return bits;
}

static unsigned log2_up(uint32_t n)
{
	unsigned bits = 0;
	while (bits < 31 && 1u << bits < n)
		bits++;
	return bits;
}

/* Leaf 4 for models that are not the host: 32 KiB + 32 KiB, 1 MiB, 16 MiB (SDM volume 2, table 3-8). */
static void cache_leaf(uint32_t subleaf, uint32_t out[4])
{
	static const struct {
		uint8_t type, level, ways;
		uint32_t sets;
	} caches[] = {{1, 1, 8, 64}, {2, 1, 8, 64}, {3, 2, 16, 1024}, {3, 3, 16, 16384}};
	if (subleaf >= 4)
		return;
	out[EAX] = caches[subleaf].type | caches[subleaf].level << 5 | 1 << 8;
	out[EBX] = 63 | (caches[subleaf].ways - 1u) << 22;
	out[ECX] = caches[subleaf].sets - 1;
}

/* SDM volume 1, 13.2 */
static void xsave_leaf(const struct x86_features *f, uint32_t subleaf, uint32_t out[4])
{
	bool avx = f->xcr0 & 4;
	if (!f->xcr0)
		return;
	if (subleaf == 0) {
		out[EAX] = f->xcr0;
		out[EBX] = out[ECX] = 512 + 64 + (avx ? 256 : 0);
	} else if (subleaf == 1) {
		out[EAX] = feature_bits(f, 0xd, 1, EAX);
		out[EBX] = x86_has(f, X86_FEAT_XSAVEC) ? 512 + 64 + (avx ? 256 : 0) : 0;
	} else if (subleaf == 2 && avx) {
		out[EAX] = 256;
		out[EBX] = 576;
	}
}

static void extended_leaf(const struct x86_features *f, uint32_t leaf, uint32_t out[4])
{
	bool amd = f->vendor[0] == 'A' || f->vendor[0] == 'H';
	switch (leaf) {
	case 0x80000000:
		out[EAX] = f->max_ext_leaf;
		if (amd) {
			memcpy(&out[EBX], f->vendor, 4);
			memcpy(&out[EDX], f->vendor + 4, 4);
			memcpy(&out[ECX], f->vendor + 8, 4);
		}
		break;
	case 0x80000001:
		out[EAX] = amd ? f->signature : 0;
		out[ECX] = feature_bits(f, leaf, 0, ECX);
		out[EDX] = feature_bits(f, leaf, 0, EDX);
		if (amd) /* AMD repeats leaf 1's bits, but for SEP, CLFLUSH and what SSE brought */
			out[EDX] |= feature_bits(f, 1, 0, EDX) & 0x0183f3ff;
		break;
	case 0x80000002:
	case 0x80000003:
	case 0x80000004:
		memcpy(out, f->brand + 16 * (leaf - 0x80000002), 16);
		break;
	case 0x80000005:
		if (amd) {
			out[ECX] = 32u << 24 | 8 << 16 | 1 << 8 | 64;
			out[EDX] = 32u << 24 | 8 << 16 | 1 << 8 | 64;
		}
		break;
	case 0x80000006:
		out[ECX] = 1024u << 16 | 8u << 12 | 64;
		if (amd)
			out[EDX] = 32u << 18 | 8u << 12 | 64;
		break;
	case 0x80000007:
		host_cpuid(leaf, 0, out);
		out[EAX] = out[EBX] = out[ECX] = 0;
		out[EDX] &= 1 << 8; /* the time-stamp counter is the host's */
		break;
	case 0x80000008:
		out[EAX] = x86_has(f, X86_FEAT_LM) ? 48 << 8 | 40 : 32 << 8 | 36;
		break;
	}
}

void x86_cpuid(const struct x86_features *f, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	bool host = !f->machine && (!strcmp(f->model, "max") || !strcmp(f->model, "host"));
	memset(out, 0, 4 * sizeof out[0]);
	if (leaf >= 0x80000000) {
		if (leaf <= f->max_ext_leaf) {
			if (host && (leaf == 0x80000005 || leaf == 0x80000006 || leaf == 0x8000001d))
				host_cpuid(leaf, subleaf, out);
			else
				extended_leaf(f, leaf, out);
			return;
		}
		leaf = f->max_leaf; /* Intel: as the highest basic leaf */
		if (f->vendor[0] != 'G')
			return;
	}
	if (leaf > f->max_leaf)
		leaf = f->max_leaf;
	switch (leaf) {
	case 0:
		out[EAX] = f->max_leaf;
		memcpy(&out[EBX], f->vendor, 4);
		memcpy(&out[EDX], f->vendor + 4, 4);
		memcpy(&out[ECX], f->vendor + 8, 4);
		break;
	case 1:
		out[EAX] = f->signature;
		out[EBX] = (x86_has(f, X86_FEAT_CLFLUSH) ? 8 << 8 : 0) | (f->apic_id & 255) << 24 | 1 << 16;
		out[ECX] = feature_bits(f, 1, 0, ECX);
		out[EDX] = feature_bits(f, 1, 0, EDX);
		break;
	case 2:
	case 4:
		if (host) {
			host_cpuid(leaf, subleaf, out);
			if (leaf == 4)
				out[EAX] &= 0x3fff; /* this processor alone shares its caches */
		} else if (leaf == 4) {
			cache_leaf(subleaf, out);
		} else {
			out[EAX] = 0x00ff0001; /* "see leaf 4" */
		}
		break;
	case 6:
		out[EAX] = 4; /* the timer never stops */
		break;
	case 7:
		if (subleaf == 0) {
			out[EBX] = feature_bits(f, 7, 0, EBX);
			out[ECX] = feature_bits(f, 7, 0, ECX);
			out[EDX] = feature_bits(f, 7, 0, EDX);
		}
		break;
	case 0xb:
		out[ECX] = subleaf & 255;
		out[EDX] = f->apic_id;
		if (subleaf == 0) {
			out[EBX] = 1;
			out[ECX] |= 1 << 8;
		} else if (subleaf == 1) {
			out[EAX] = log2_up(f->cpus);
			out[EBX] = f->cpus;
			out[ECX] |= 2 << 8;
		}
		break;
	case 0xd:
		xsave_leaf(f, subleaf, out);
		break;
	case 0x15:
	case 0x16:
		host_cpuid(leaf, subleaf, out);
		break;
	}
}

void x86_models_print(FILE *out, unsigned bits)
{
	const struct x86_model *m;
	fprintf(out, "CPU models:\n");
	for (unsigned i = 0; (m = x86_model_at(i)); i++) {
		struct x86_features f = {.has = {1}};
		add_model(&f, m);
		if (bits == 64 && m->family && !x86_has(&f, X86_FEAT_LM))
			continue;
		fprintf(out, "  %-20s %s\n", m->name, m->text);
	}
	fprintf(out, "A suffix -vN, -IBRS, -IBPB, -noTSX or -noTSX-IBRS is accepted and changes nothing that is shown.\n"
		     "Features (+NAME, -NAME, NAME=on|off):\n ");
	unsigned column = 1;
	for (unsigned n = 1; n < X86_FEAT_COUNT; n++) {
		unsigned len = strlen(table[n].name) + 1;
		if (column + len > 78) {
			fprintf(out, "\n ");
			column = 1;
		}
		fprintf(out, " %s", table[n].name);
		column += len;
	}
	fprintf(out, "\nAlso: vendor=, family=, model=, stepping=, model-id=, level=, xlevel=, enforce, check.\n");
}

uint32_t x86_hwcap(const struct x86_features *f)
{
	return feature_bits(f, 1, 0, EDX);
}

uint32_t x86_hwcap2(const struct x86_features *f)
{
	return x86_has(f, X86_FEAT_FSGSBASE) ? 2 : 0;
}
