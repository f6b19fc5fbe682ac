/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU models, feature words and CPUID leaves. */
#include <errno.h>
#include "tap.h"
#include "isa/x86/cpuid.h"
#include "isa/x86/decode.h"
#include "isa/x86/models.h"

static struct x86_features f;
static struct err e;
static uint32_t r[4];

static int parse(const char *spec, unsigned bits)
{
	e = (struct err)ERR_INIT;
	return x86_features_parse(&f, spec, bits, &e);
}

static bool decodes(const uint8_t *code, unsigned n)
{
	struct x86_insn in;
	return x86_decode(&in, code, n, 64, &f) == X86_DECODE_OK;
}

int main(void)
{
	ok_eq(parse(NULL, 64), 0, "no -cpu is max");
	ok_str(f.model, "max", "and it is called so");
	x86_cpuid(&f, 1, 0, r);
	ok((r[3] & 0x06808121) == 0x06808121 && r[0] == f.signature, "leaf 1 has FPU, CX8, CMOV, MMX, SSE, SSE2");
	ok(!(f.xcr0 & ~7ull), "XCR0 has x87, SSE, AVX at most");
	x86_cpuid(&f, 7, 0, r);
	ok(!(r[1] & (1u << 16 | 1u << 11 | 1u << 4 | 1u << 14)), "leaf 7 shows no AVX-512, RTM, HLE, MPX");
	ok(!(r[2] & (1u << 3 | 1u << 7)) && !(r[3] & (1u << 20 | 1u << 24)), "nor PKU, CET, AMX");
	x86_cpuid(&f, 0xd, 0, r);
	ok(r[0] == f.xcr0 && (!f.xcr0 || r[1] == (f.xcr0 & 4 ? 832 : 576)), "leaf 0Dh gives the XSAVE area of XCR0");
	x86_cpuid(&f, 0, 0, r);
	ok(r[0] >= 0xd, "basic leaves reach 0Dh");

	ok_eq(parse("qemu64", 64), 0, "qemu64 is known");
	ok(!x86_has(&f, X86_FEAT_AVX) && !x86_has(&f, X86_FEAT_SSE4_1) && x86_has(&f, X86_FEAT_CX16), "with its features");
	ok_eq(f.xcr0, 0, "without XSAVE XCR0 is empty");
	x86_cpuid(&f, 0, 0, r);
	ok(r[1] == 0x68747541, "vendor AuthenticAMD");
	x86_cpuid(&f, 1, 0, r);
	ok_eq(r[0], 0x00060fb1, "signature of family 15 model 107 stepping 1");
	static const uint8_t vaddps[] = {0xc5, 0xf8, 0x58, 0xc1}, pshufb[] = {0x66, 0x0f, 0x38, 0x00, 0xc1};
	ok(!decodes(vaddps, 4) && !decodes(pshufb, 5), "the decoder refuses what the model lacks");

	ok_eq(parse("phenom", 64), 0, "phenom is known");
	static const uint8_t pfadd[] = {0x0f, 0x0f, 0xc1, 0x9e};
	ok(x86_has(&f, X86_FEAT_3DNOW) && decodes(pfadd, 4), "and has 3DNow!, which is emulated");
	x86_cpuid(&f, 0x80000001, 0, r);
	ok((r[3] & 0xc0000000) == 0xc0000000, "leaf 80000001h says so");
	parse("max", 64);
	ok(x86_has(&f, X86_FEAT_3DNOW) == decodes(pfadd, 4), "the decoder agrees with CPUID for max");

	ok_eq(parse("Haswell-noTSX,-avx", 64), 0, "a variant suffix and -avx");
	ok(!x86_has(&f, X86_FEAT_AVX) && !x86_has(&f, X86_FEAT_AVX2) && !x86_has(&f, X86_FEAT_FMA), "take AVX2 and FMA with AVX");
	ok_eq(f.xcr0, x86_has(&f, X86_FEAT_XSAVE) ? 3 : 0, "and the component from XCR0");
	ok_eq(parse("Haswell,xsave=off", 64), 0, "NAME=off");
	ok(!x86_has(&f, X86_FEAT_AVX) && !x86_has(&f, X86_FEAT_OSXSAVE), "no XSAVE, no AVX");
	ok_eq(parse("qemu64,+sse4_1,sse4.2=on,ssse3", 64), 0, "three ways of turning on");
	static const uint8_t crc32[] = {0xf2, 0x0f, 0x38, 0xf1, 0xc1};
	ok(decodes(crc32, 5) && x86_has(&f, X86_FEAT_SSE4_2), "CRC32 comes with SSE4.2");
	ok_eq(parse("Skylake-Client,-vmx,-avx512f", 64), 0, "taking away what is never there is accepted");
	ok_eq(parse("qemu64,vendor=GenuineIntel,family=6,model=94,stepping=3,model-id=A name", 64), 0, "identity properties");
	x86_cpuid(&f, 1, 0, r);
	ok_eq(r[0], 0x000506e3, "give the signature");
	x86_cpuid(&f, 0x80000002, 0, r);
	ok(!memcmp(r, "A name\0", 7), "and the brand string");

	ok_eq(parse("nosuch", 64), -EINVAL, "an unknown model is refused");
	ok(strstr(e.msg, "nosuch") && strstr(e.hint, "-cpu help"), "by name, with the remedy");
	ok_eq(parse("max,+nosuch", 64), -EINVAL, "an unknown feature is refused");
	ok(strstr(e.msg, "nosuch") != NULL, "by name");
	ok_eq(parse("max,+avx512f", 64), -ENOTSUP, "a feature that is not emulated is refused");
	ok_eq(parse("max,sse2=maybe", 64), -EINVAL, "a value that is not on or off is refused");
	ok_eq(parse("qemu64,family=999", 64), -EINVAL, "a number out of range is refused");
	ok_eq(parse("max,vendor=short", 64), -EINVAL, "a vendor of the wrong length is refused");
	ok_eq(parse("max,,", 64), 0, "empty words do nothing");

	ok_eq(parse("486", 32), 0, "486 for a 32-bit guest");
	ok(!x86_has(&f, X86_FEAT_CMOV) && !x86_has(&f, X86_FEAT_SSE2), "has neither CMOV nor SSE2");
	x86_cpuid(&f, 0x80000000, 0, r);
	ok_eq(r[0], f.max_leaf >= 1 && f.vendor[0] == 'G' ? (x86_cpuid(&f, 1, 0, r), r[0]) : 0, "extended leaves read as the last basic one");
	const struct x86_model *m;
	unsigned bad = 0;
	for (unsigned i = 0; (m = x86_model_at(i)); i++)
		bad += parse(m->name, 64) != 0 || parse(m->name, 32) != 0;
	ok_eq(bad, 0, "every model can be had");
	for (unsigned i = 0; i < 40; i++)
		for (unsigned s = 0; s < 8; s++)
			x86_cpuid(&f, (i & 1 ? 0x80000000 : 0) + i / 2, s, r);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	x86_models_print(out, 64);
	fclose(out);
	ok(strstr(text, "Haswell") && strstr(text, "max") && strstr(text, "sse4.2") && !strstr(text, "pentium2"),
	   "-cpu help lists 64-bit models and features");
	free(text);
	return tap_done();
}
