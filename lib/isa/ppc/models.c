/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See models.h. Version numbers are those of the processors' manuals; hwcaps those of Linux (asm/cputable.h). */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include "isa/ppc/helpers.h"
#include "isa/ppc/models.h"

#define BIT(id) (1u << PPC_F_##id)
#define CLASSIC (BIT(BASE) | BIT(FPU) | BIT(STRING))
#define G3 (CLASSIC | BIT(GRAPHICS))
#define G4 (G3 | BIT(ALTIVEC))
#define P4 (G3 | BIT(B64) | BIT(FSQRT))
#define P5P (P4 | BIT(V202))
#define P6 (P5P | BIT(V205) | BIT(DFP) | BIT(ALTIVEC))
#define P7 (P6 | BIT(V206) | BIT(VSX) | BIT(ISEL))
#define P8 (P7 | BIT(V207) | BIT(VSX207) | BIT(VEC207) | BIT(CRYPTO))
#define P9 (P8 | BIT(V300) | BIT(VSX300) | BIT(VEC300))
#define E500 (BIT(BASE) | BIT(ISEL))

struct ppc_model {
	char name[10];
	char platform[11];
	uint8_t line;      /* bytes of a cache line, as dcbz clears */
	uint32_t pvr, features;
	char what[56];
};

static const struct ppc_model models[] = {
	{"power8", "power8", 128, 0x004d0200, P8, "POWER8, ISA 2.07 (the default of 64-bit guests)"},
	{"power9", "power9", 128, 0x004e1202, P9, "POWER9, ISA 3.0"},
	{"power7", "power7", 128, 0x003f0203, P7, "POWER7, ISA 2.06"},
	{"power6", "power6", 128, 0x003e0000, P6, "POWER6, ISA 2.05"},
	{"power5+", "power5+", 128, 0x003b0201, P5P, "POWER5+, ISA 2.02"},
	{"970", "ppc970", 128, 0x00390202, P4 | BIT(ALTIVEC), "PowerPC 970 (G5)"},
	{"970fx", "ppc970", 128, 0x003c0301, P4 | BIT(ALTIVEC), "PowerPC 970FX"},
	{"970mp", "ppc970", 128, 0x00440101, P4 | BIT(ALTIVEC), "PowerPC 970MP"},
	{"7447a", "ppc7450", 32, 0x80030101, G4, "MPC7447A (G4; the default of ppc)"},
	{"7400", "ppc7400", 32, 0x000c0209, G4, "MPC7400 (G4)"},
	{"7410", "ppc7400", 32, 0x800c1104, G4, "MPC7410 (G4)"},
	{"7450", "ppc7450", 32, 0x80000201, G4, "MPC7450 (G4)"},
	{"601", "ppc601", 32, 0x00010002, CLASSIC, "PowerPC 601, without POWER's instructions"},
	{"603", "ppc603", 32, 0x00030100, G3, "PowerPC 603"},
	{"603e", "ppc603", 32, 0x00060101, G3, "PowerPC 603e"},
	{"604", "ppc604", 32, 0x00040103, G3, "PowerPC 604"},
	{"604e", "ppc604", 32, 0x00090204, G3, "PowerPC 604e"},
	{"740", "ppc750", 32, 0x00080301, G3, "PowerPC 740"},
	{"750", "ppc750", 32, 0x00080301, G3, "PowerPC 750 (G3)"},
	{"e300", "ppce300", 32, 0x00830010, G3, "e300"},
	{"e500", "ppc8540", 32, 0x80210022, E500, "e500 v2 without SPE and its floating point"},
	{"e500v1", "ppc8540", 32, 0x80200020, E500, "e500 v1 without SPE and its floating point"},
	{"e500v2", "ppc8548", 32, 0x80210030, E500, "e500 v2 without SPE and its floating point"},
	{"g3", "ppc750", 32, 0x00080301, G3, "PowerPC 750 (G3)"},
	{"g4", "ppc7400", 32, 0x000c0209, G4, "MPC7400 (G4)"},
	{"power7+", "power7+", 128, 0x004a0201, P7, "POWER7+, ISA 2.06"},
	{"power8e", "power8", 128, 0x004b0201, P8, "POWER8E, ISA 2.07"},
	{"power8nvl", "power8", 128, 0x004c0100, P8, "POWER8NVL, ISA 2.07"},
	{"e500mc", "ppce500mc", 64, 0x80230020, BIT(BASE) | BIT(FPU) | BIT(GRAPHICS) | BIT(ISEL), "e500mc"},
	{"e5500", "ppce5500", 64, 0x80240020, BIT(BASE) | BIT(FPU) | BIT(GRAPHICS) | BIT(ISEL) | BIT(B64), "e5500"},
	{"e6500", "ppce6500", 64, 0x80400020, BIT(BASE) | BIT(FPU) | BIT(GRAPHICS) | BIT(ISEL) | BIT(B64) | BIT(ALTIVEC), "e6500"},
};
#define MODELS (sizeof models / sizeof models[0])
#define DEFAULT32 8 /* 7447a */

void ppc_models_print(FILE *f, bool wide)
{
	fprintf(f, "Available CPUs:\n");
	for (unsigned i = 0; i < MODELS; i++)
		if (!wide || models[i].features & BIT(B64))
			fprintf(f, "  %-10s PVR %08x  %s\n", models[i].name, models[i].pvr, models[i].what);
}

int ppc_model_parse(struct ppc_cpu *c, const char *spec, bool wide, struct err *e)
{
	const struct ppc_model *m = spec ? NULL : &models[wide ? 0 : DEFAULT32];

	for (unsigned i = 0; spec && i < MODELS && !m; i++) {
		size_t n = strlen(models[i].name);
		/* "POWER8_v2.0" is a revision of it */
		if (!strncasecmp(models[i].name, spec, n) && (!spec[n] || (spec[n] == '_' && strspn(spec + n + 2, "0123456789.") == strlen(spec + n + 2))))
			m = &models[i];
	}
	if (m && wide && !(m->features & BIT(B64))) {
		err_set(e, EINVAL, "-cpu: '%s' is a processor of 32 bits", spec);
		return err_hint(e, "-cpu help lists the models");
	}
	if (!m) {
		err_set(e, EINVAL, "-cpu: '%s' is not a model of this guest", spec);
		return err_hint(e, "-cpu help lists the models");
	}
	c->model = m;
	c->features = m->features;
	return 0;
}

uint32_t ppc_model_pvr(const struct ppc_cpu *c)
{
	return c->model->pvr;
}

unsigned ppc_cache_line(const struct ppc_cpu *c)
{
	return c->model->line;
}

const char *ppc_platform(const struct ppc_cpu *c)
{
	return c->model->platform;
}

void ppc_hwcaps(const struct ppc_cpu *c, uint64_t *hwcap, uint64_t *hwcap2)
{
	static const struct { uint8_t feature, word; uint32_t bit; } map[] = {
		{PPC_F_B64, 0, 0x40000000}, {PPC_F_POWER, 0, 0x20000000}, {PPC_F_ALTIVEC, 0, 0x10000000}, {PPC_F_FPU, 0, 0x08000000},
		{PPC_F_SPE, 0, 0x00800000}, {PPC_F_V205, 0, 0x00001000}, {PPC_F_V206, 0, 0x00000100}, {PPC_F_VSX, 0, 0x00000080},
		{PPC_F_V207, 1, 0x80000000 | 0x20000000 | 0x04000000}, {PPC_F_ISEL, 1, 0x08000000}, {PPC_F_CRYPTO, 1, 0x02000000},
		{PPC_F_V300, 1, 0x00800000 | 0x00400000 | 0x00200000}, /* 3.0, IEEE128, DARN */
		{PPC_F_DFP, 0, 0x00000400},
	};

	*hwcap = 0x80000000 | 0x04000000; /* 32-bit mode, MMU */
	*hwcap2 = 0;
	for (unsigned i = 0; i < sizeof map / sizeof map[0]; i++)
		if (c->features >> map[i].feature & 1)
			*(map[i].word ? hwcap2 : hwcap) |= map[i].bit;
	if (PPC_HAS(c, V205))
		*hwcap |= 0x00002000 | 0x00000002; /* the instruction cache snoops; true little-endian */
}
