/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See models.h. Identification registers: DDI 0487 D19.2; Linux Documentation/arm64/cpu-feature-registers.rst. */
#include <errno.h>
#include <string.h>
#include "isa/aarch64/models.h"

enum { PFR0, PFR1, ISAR0, ISAR1, MMFR2, NONE };

static const struct {
	char name[12];
	uint8_t reg, shift, value, word, bit;
} features[A64_FEATURES] = {
	[A64_F_BASE] = {"", NONE, 0, 0, 0, 0},
#define A64_FEAT(id, name, reg, shift, value, word, bit) [A64_F_##id] = {name, reg, shift, value, word, bit},
#include "isa/aarch64/features.def"
};

#define BIT(id) (1ull << A64_F_##id)
#define V8_0 (BIT(BASE) | BIT(FP) | BIT(ASIMD) | BIT(AES) | BIT(PMULL) | BIT(SHA1) | BIT(SHA2) | BIT(CRC32) | BIT(CPUID))

struct a64_model {
	char name[12];
	uint32_t midr;
	uint64_t features;
	char what[48];
};

static const struct a64_model models[] = {
	{"max", 0x000f0510, A64_FEATURES == 64 ? ~0ull : (1ull << (A64_FEATURES & 63)) - 1, "everything that is implemented (the default)"},
	{"cortex-a53", 0x410fd034, V8_0, "Armv8.0 with cryptography"},
	{"cortex-a57", 0x411fd070, V8_0, "Armv8.0 with cryptography"},
	{"cortex-a72", 0x410fd083, V8_0, "Armv8.0 with cryptography"},
};
#define MODELS (sizeof models / sizeof models[0])

void a64_models_print(FILE *f)
{
	fprintf(f, "Available CPUs:\n");
	for (unsigned i = 0; i < MODELS; i++)
		fprintf(f, "  %-12s %s\n", models[i].name, models[i].what);
	fprintf(f, "\nFeatures, as +NAME or -NAME behind the model:\n ");
	for (unsigned i = 1; i < A64_FEATURES; i++)
		if (strcmp(features[i].name, features[i - 1].name))
			fprintf(f, " %s", features[i].name);
	fprintf(f, "\n");
}

static int accepted(struct err *e)
{
	return err_hint(e, "-cpu help lists the models and the features");
}

int a64_model_parse(struct a64_cpu *c, const char *spec, struct err *e)
{
	const char *rest = spec ? strchr(spec, ',') : NULL;
	size_t n = spec ? rest ? (size_t)(rest - spec) : strlen(spec) : 0;
	const struct a64_model *m = NULL;

	if (!spec)
		m = &models[0];
	for (unsigned i = 0; i < MODELS && !m; i++)
		if (strlen(models[i].name) == n && !strncmp(models[i].name, spec, n))
			m = &models[i];
	if (!m) {
		err_set(e, EINVAL, "-cpu: '%.*s' is not a model of this guest", (int)n, spec);
		return accepted(e);
	}
	c->model = m;
	c->features = m->features;
	while (rest) {
		const char *word = rest + 1, *end = strchr(word, ',');
		bool found = false;
		n = end ? (size_t)(end - word) : strlen(word);
		for (unsigned i = 1; n > 1 && i < A64_FEATURES; i++) {
			if ((*word != '+' && *word != '-') || strlen(features[i].name) != n - 1 || strncmp(features[i].name, word + 1, n - 1))
				continue;
			found = true;
			c->features = *word == '+' ? c->features | 1ull << i : c->features & ~(1ull << i);
		}
		if (!found) {
			err_set(e, EINVAL, "-cpu: '%.*s' is not a feature of this guest", (int)n, word);
			return accepted(e);
		}
		rest = end;
	}
	return 0;
}

static uint64_t fields(const struct a64_cpu *c, unsigned reg)
{
	uint64_t v = 0;

	for (unsigned i = 1; i < A64_FEATURES; i++)
		if (features[i].reg == reg && c->features >> i & 1)
			v = (v & ~(15ull << features[i].shift)) | (uint64_t)features[i].value << features[i].shift;
	return v;
}

bool a64_model_has_id(unsigned crm, unsigned op2)
{
	return crm ? crm >= 2 && crm <= 7 : op2 == 0 || op2 == 5 || op2 == 6;
}

uint64_t a64_model_id(const struct a64_cpu *c, unsigned crm, unsigned op2)
{
	uint64_t v;

	switch (crm << 4 | op2) {
	case 0x00: return c->model->midr;
	case 0x05: return 0x80000000; /* MPIDR_EL1 */
	case 0x40:
		v = fields(c, PFR0) | 0x11; /* EL0 and EL1 in AArch64 */
		return v | (A64_HAS(c, FP) ? 0 : 0xfull << 16) | (A64_HAS(c, ASIMD) ? 0 : 0xfull << 20);
	case 0x41: return fields(c, PFR1);
	case 0x50: return 0x6; /* ID_AA64DFR0_EL1: Armv8 debug */
	case 0x60: return fields(c, ISAR0);
	case 0x61: return fields(c, ISAR1);
	case 0x70: return 0xff000000; /* ID_AA64MMFR0_EL1: granules are not told */
	case 0x72: return fields(c, MMFR2);
	default: return 0;
	}
}

uint32_t a64_midr(const struct a64_cpu *c)
{
	return c->model->midr;
}

void a64_hwcaps(const struct a64_cpu *c, uint64_t *hwcap, uint64_t *hwcap2)
{
	*hwcap = *hwcap2 = 0;
	for (unsigned i = 1; i < A64_FEATURES; i++)
		if (c->features >> i & 1)
			*(features[i].word == 1 ? hwcap : hwcap2) |= 1ull << features[i].bit;
}
