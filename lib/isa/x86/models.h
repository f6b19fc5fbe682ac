/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of CPU models, for cpuid.c. */
#ifndef ISA_X86_MODELS_H
#define ISA_X86_MODELS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct x86_model {
	const char *name;
	const char *parent;   /* model whose features it begins with, NULL: none */
	const char *features; /* names of features.def, separated by blanks; -NAME takes one away */
	const char *vendor;   /* NULL: the host's */
	unsigned family, model, stepping;
	uint32_t max_leaf, max_ext_leaf; /* 0: the host's */
	const char *text;
};

/* Model i of the table, NULL behind the last. */
const struct x86_model *x86_model_at(unsigned i);
/* By name, with or without a variant suffix ("Haswell-noTSX", "EPYC-v2"). */
const struct x86_model *x86_model_find(const char *name, size_t len);
#endif
